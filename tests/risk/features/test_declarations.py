"""What is declared is complete, unambiguous and named by the rules of the house."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from ml.protocols import HANDBOOK_CANDIDATES, HANDBOOK_FEATURES, HANDBOOK_LOGISTIC, HANDBOOK_PLAIN
from risk.facts.orders import ORDER_INPUT_NAMES
from risk.features import declarations
from risk.features.declarations import (
    BAD,
    DAY,
    DECLARED,
    ORDER_FACTS,
    ORDER_FEATURES,
    ORDER_INPUTS,
    Declaration,
    Entity,
    Feature,
    Ratio,
    Source,
    Statistic,
    Unit,
    schema_hash,
    window_name,
)
from risk.features.direct import OrderColumns, direct_columns
from risk.features.historic import HISTORIC, HISTORIC_FEATURES, HISTORIC_RATIOS
from risk.features.online import build_query
from risk.features.tables import Dialect
from risk.features.wording import label, sentence

NOON_THURSDAY = 12 * 3_600_000_000


def test_every_input_has_its_own_name() -> None:
    assert len(DECLARED) == len(ORDER_INPUTS)


@pytest.mark.parametrize("feature", ORDER_FEATURES, ids=lambda feature: feature.name)
def test_feature_names_say_entity_and_window(feature: Feature) -> None:
    assert feature.name.startswith(f"{feature.entity}_")
    assert feature.name.endswith(f"_{window_name(feature.window_minutes)}_{feature.statistic}")


@pytest.mark.parametrize("declaration", ORDER_INPUTS, ids=lambda declaration: declaration.name)
def test_every_input_reads_in_both_languages(declaration: Declaration) -> None:
    wording = label(declaration)
    assert wording.en.isascii()
    assert not wording.zh_hans.isascii()


def test_labels_tell_the_inputs_apart() -> None:
    assert len({label(declaration) for declaration in ORDER_INPUTS}) == len(ORDER_INPUTS)


@pytest.mark.parametrize("feature", [f for f in ORDER_FEATURES if f.unit is Unit.COUNT], ids=lambda f: f.name)
def test_every_count_reads_as_a_sentence_with_its_number(feature: Feature) -> None:
    assert sentence(feature, 1).en.startswith("1 ")
    assert " 2 " in sentence(feature, 2).zh_hans


def test_a_saturated_count_says_so() -> None:
    feature = DECLARED["merchant_cards_7d_distinct"]
    assert isinstance(feature, Feature)
    assert sentence(feature, 1000).en == "1,000+ different cards at this merchant in 7 days"


@pytest.mark.parametrize(
    "wrong",
    [
        {"statistic": Statistic.DISTINCT},
        {"cap": 10},
        {"source": Source.LABELS, "statistic": Statistic.SUM},
        {"window_minutes": 9},
        {"window_minutes": 181 * DAY},
        {"source": Source.OUTCOMES},
        {"delay_minutes": DAY},
        {"statistic": Statistic.DISTINCT, "of": Entity.BUYER, "cap": 9, "where": BAD},
    ],
    ids=[
        "distinct of nothing", "cap without distinct", "sum of labels", "too short", "too long",
        "outcomes at once", "orders later", "filtered distinct",
    ],
)  # fmt: skip
def test_a_feature_without_meaning_cannot_be_declared(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "source": Source.ORDERS,
        "entity": Entity.CARD,
        "statistic": Statistic.COUNT,
        "window_minutes": 60,
    }
    assert Feature("card_orders_1h_count", **right).where is None
    with pytest.raises(ValueError, match="card_orders_1h_count"):
        Feature("card_orders_1h_count", **{**right, **wrong})


def test_schema_hash_depends_on_order() -> None:
    names = ["order_hour", "device_orders_1h_count"]
    assert schema_hash(names) != schema_hash(reversed(names))


def test_schema_hash_changes_with_a_definition_under_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema_hash(["buyer_mean_amount_7d"])
    total = DECLARED["buyer_amount_7d_sum"]
    assert isinstance(total, Feature)
    monkeypatch.setitem(declarations.DECLARED, total.name, dataclasses.replace(total, window_minutes=12_000))
    assert schema_hash(["buyer_mean_amount_7d"]) != before


def test_schema_hash_refuses_an_undeclared_name() -> None:
    with pytest.raises(KeyError):
        schema_hash(["horoscope"])


def test_the_published_comparison_uses_declared_inputs_only() -> None:
    assert set(HANDBOOK_FEATURES) <= set(DECLARED)


def test_the_four_weeks_use_declared_inputs_only() -> None:
    studies = [HANDBOOK_LOGISTIC, HANDBOOK_PLAIN, *HANDBOOK_CANDIDATES.values()]
    assert {name for study in studies for name in study.features} <= set(HISTORIC)


def test_what_only_history_declares_costs_no_decision() -> None:
    beside: tuple[Declaration, ...] = (*HISTORIC_FEATURES, *HISTORIC_RATIOS)
    assert len(HISTORIC) == len(DECLARED) + len(beside)
    assert not {one.name for one in beside} & set(ORDER_INPUT_NAMES)


def test_a_ratio_of_history_builds_on_earlier_ones() -> None:
    seen: set[str] = set()
    for name, declaration in HISTORIC.items():
        if isinstance(declaration, Ratio):
            assert {declaration.part, declaration.whole} <= seen
        seen.add(name)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_decision_is_not_asked_for_the_newest_label(dialect: Dialect) -> None:
    newest = HISTORIC["merchant_bad_label_90d_since"]
    assert isinstance(newest, Feature)
    with pytest.raises(ValueError, match="merchant_bad_label_90d_since"):
        build_query([newest], dialect)


def test_the_hash_of_a_study_depends_on_its_own_declarations() -> None:
    names = ["order_amount_to_buyer_mean_180d"]
    with pytest.raises(KeyError):
        schema_hash(names)
    total = HISTORIC["buyer_amount_180d_sum"]
    assert isinstance(total, Feature)
    other = HISTORIC | {total.name: dataclasses.replace(total, window_minutes=DAY)}
    assert schema_hash(names, HISTORIC) != schema_hash(names, other)


def test_direct_facts_are_exactly_the_declared_ones() -> None:
    columns = direct_columns(OrderColumns(np.array([NOON_THURSDAY]), np.array([4990])))
    assert list(columns) == [fact.name for fact in ORDER_FACTS]


def test_calendar_of_the_epoch() -> None:
    facts = direct_columns(OrderColumns(np.array([NOON_THURSDAY]), np.array([0])))
    calendar = ("order_hour", "order_weekday", "order_is_weekend", "order_is_night")
    assert [facts[name].item() for name in calendar] == [12, 3, 0, 0]


def test_countries_are_missing_when_either_is() -> None:
    orders = OrderColumns(
        placed_at=np.full(3, NOON_THURSDAY),
        amount_minor=np.ones(3, dtype=np.int64),
        billing_country=np.array(["DE", "DE", ""]),
        shipping_country=np.array(["DE", "FR", "FR"]),
    )
    np.testing.assert_array_equal(direct_columns(orders)["order_countries_differ"], [0, 1, np.nan])


def test_account_age_counts_from_sign_up() -> None:
    signed_up_at = np.array([NOON_THURSDAY - 1_800_000_000.0, np.nan])
    orders = OrderColumns(np.full(2, NOON_THURSDAY), np.ones(2, np.int64), buyer_signed_up_at=signed_up_at)
    np.testing.assert_array_equal(direct_columns(orders)["buyer_account_age_hours"], [0.5, np.nan])
