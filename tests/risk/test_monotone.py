"""Directions and categories: declared of inputs that exist, and apart from the hash of stored inputs."""

import pytest

from risk.facts.orders import ORDER_FEATURE_HASH, ORDER_INPUT_NAMES
from risk.features.declarations import input_names, schema_hash
from risk.inputs import current_inputs
from risk.monotone import _BY_SUBJECT, _CATEGORICAL, categorical, directions, reason_of


@pytest.mark.parametrize("subject", ["order", "listing", "application"])
def test_every_declared_name_is_an_input_of_its_subject(subject: str) -> None:
    names, _ = current_inputs(subject)
    assert set(_BY_SUBJECT[subject]) <= set(names)
    assert set(_CATEGORICAL[subject]) <= set(names)
    assert set(directions(subject, names).values()) <= {-1, 1}


@pytest.mark.parametrize("subject", ["order", "listing", "application"])
def test_every_direction_has_a_reason_in_a_sentence(subject: str) -> None:
    names, _ = current_inputs(subject)
    assert all(reason_of(subject, name).endswith(".") for name in directions(subject, names))


def test_what_was_proved_bad_can_only_raise_the_risk_and_velocity_is_free() -> None:
    found = directions("order", ORDER_INPUT_NAMES)
    bad = {name for name in ORDER_INPUT_NAMES if "_bad_labels_" in name or "_bad_share_" in name}
    assert {found[name] for name in bad} == {1}
    assert not {"device_orders_1h_count", "buyer_account_age_hours"} & set(found)


def test_categories_keep_the_order_of_the_inputs() -> None:
    assert categorical("order", ("order_weekday", "order_amount_minor", "order_hour")) == (
        "order_weekday",
        "order_hour",
    )
    assert categorical("merchant", ("account_score",)) == ()


def test_the_hash_of_stored_inputs_knows_nothing_of_it() -> None:
    assert schema_hash(input_names()) == ORDER_FEATURE_HASH
