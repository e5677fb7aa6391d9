"""Scoring: a model answers for the inputs it was trained on, from the file its row remembers."""

import numpy as np
import pytest

from ml.errors import LearningError
from risk import live
from risk.inputs import current_inputs, input_names_of, is_declared
from risk.scoring import SchemaMismatch, load_model
from tests.risk.versions import make_linear_model, make_tree_model

pytestmark = pytest.mark.django_db
NAMES, FEATURE_HASH = current_inputs("order")


def vector_of(**values: float) -> np.ndarray:
    return np.array([values.get(name, np.nan) for name in NAMES])


def test_a_score_follows_from_the_weights() -> None:
    model = live.load_version(make_linear_model({"order_amount_minor": 1.5}, intercept=-3.0))
    log_odds = -3.0 + 1.5 * np.log1p(99.0)
    score = model.score(vector_of(order_amount_minor=99.0), FEATURE_HASH)
    assert score == pytest.approx(1 / (1 + np.exp(-log_odds)))


def test_a_model_of_a_few_inputs_finds_them_in_the_whole_vector() -> None:
    used = ("device_orders_24h_count", "order_amount_minor")  # not in the order of the vector
    model = live.load_version(make_tree_model(used))
    busy = model.score(vector_of(device_orders_24h_count=20, order_amount_minor=1), FEATURE_HASH)
    calm = model.score(vector_of(device_orders_24h_count=0, order_amount_minor=1), FEATURE_HASH)
    rich = model.score(vector_of(device_orders_24h_count=0, order_amount_minor=20), FEATURE_HASH)
    assert busy > 0.5 > calm
    assert rich < 0.5


def test_many_vectors_score_as_each_alone() -> None:
    model = live.load_version(make_tree_model(("order_amount_minor", "buyer_orders_7d_count")))
    matrix = np.random.default_rng(3).exponential(3.0, (50, len(NAMES)))
    together = model.scores(matrix, FEATURE_HASH)
    assert together.tolist() == [model.score(row, FEATURE_HASH) for row in matrix]


def test_other_definitions_than_those_it_was_trained_on_are_refused() -> None:
    model = live.load_version(make_linear_model({}))
    for ask in (
        lambda: model.score(vector_of(), "0" * 64),
        lambda: model.scores(vector_of()[np.newaxis], "0" * 64),
        lambda: model.contributions(vector_of(), "0" * 64),
    ):
        with pytest.raises(SchemaMismatch):
            ask()


def test_another_checksum_than_the_rows_is_refused() -> None:
    version = make_linear_model({})
    with version.artifact.open("rb") as file, pytest.raises(LearningError) as caught:
        load_model(version.pk, file.read(), sha256="0" * 64, input_names=NAMES)
    assert caught.value.code == "damaged_artifact"


def test_contributions_and_base_add_up_to_the_log_odds() -> None:
    model = live.load_version(make_tree_model(("order_amount_minor", "buyer_orders_7d_count")))
    vector = vector_of(order_amount_minor=4.0, buyer_orders_7d_count=7.0)
    shares = model.contributions(vector, FEATURE_HASH)
    columns = [NAMES.index(name) for name in model.artifact.features]
    margin = model.artifact.estimator.margins(vector[np.newaxis, columns])[0]
    assert shares.shape == (len(NAMES) + 1,)
    assert shares.sum() == pytest.approx(margin)
    assert set(np.flatnonzero(shares[:-1])) <= set(columns)


@pytest.mark.parametrize("subject", ["order", "listing", "application"])
def test_every_subject_names_its_inputs_by_their_hash(subject: str) -> None:
    names, feature_hash = current_inputs(subject)
    assert len(set(names)) == len(names) > 5
    assert input_names_of(subject, feature_hash) == names
    assert is_declared(subject, feature_hash)
    assert not is_declared(subject, "0" * 64)
    with pytest.raises(ValueError, match="not declared"):
        input_names_of(subject, "0" * 64)


def test_what_is_not_judged_has_no_model_inputs() -> None:
    with pytest.raises(ValueError, match="no model inputs"):
        current_inputs("refund")
