"""Importance on later time finds what matters, twins do not hide each other, noise is dropped."""

import dataclasses

import numpy as np
import pytest

from ml.arrays import Flags, Floats
from ml.datasets import TrainingSet
from ml.errors import Cancelled
from ml.importance import contributions, gain_shares, permutation_importance
from ml.selection import select_features, twins
from ml.training import BASELINE, Recipe, train
from tests.ml.synthetic import make_training_set

QUICK = Recipe(max_rounds=60, patience=15, parameters={"num_leaves": 7})


def with_columns(data: TrainingSet, **columns: Floats) -> TrainingSet:
    return dataclasses.replace(
        data,
        features=(*data.features, *columns),
        matrix=np.column_stack([data.matrix, *columns.values()]),
    )


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    data = make_training_set(rows=12_000)
    random = np.random.default_rng(5)
    return with_columns(
        data,
        count_again=3 * data.matrix[:, 0] + (random.random(len(data)) < 0.02),
        more_noise=random.normal(size=len(data)),
        never=np.full(len(data), np.nan),
    )


@pytest.fixture(scope="module")
def later() -> TrainingSet:
    return make_training_set(rows=5_000, seed=8)


@pytest.mark.parametrize("recipe", [QUICK, BASELINE], ids=["lightgbm", "logistic"])
def test_importance_on_later_rows_finds_what_matters(later: TrainingSet, recipe: Recipe) -> None:
    artifact = train(make_training_set(rows=8_000), recipe=recipe, schema_hash="s")
    count, amount, noise = permutation_importance(artifact, later)
    assert count.mean > amount.mean > abs(noise.mean)
    assert count.helps
    assert amount.helps
    assert count.features == ("card_orders_1h_count",)


def test_importance_is_repeatable(later: TrainingSet) -> None:
    artifact = train(later, recipe=QUICK, schema_hash="s")
    assert permutation_importance(artifact, later) == permutation_importance(artifact, later)


def test_weights_that_silence_rows_silence_them_in_the_importance(later: TrainingSet) -> None:
    artifact = train(later, recipe=QUICK, schema_hash="s")
    half = np.arange(len(later)) % 2 == 0
    flipped: Flags = np.where(half, later.is_bad, ~later.is_bad)
    weighed = dataclasses.replace(later, is_bad=flipped, weight=half.astype(float))
    assert permutation_importance(artifact, weighed)[0].mean == pytest.approx(
        permutation_importance(artifact, later.take(half))[0].mean, rel=0.2
    )


def test_twins_shuffled_apart_hide_each_other(data: TrainingSet) -> None:
    assert twins(data) == [("card_orders_1h_count", "count_again")]
    artifact = train(data, recipe=QUICK, schema_hash="s")
    apart = {one.features[0]: one.mean for one in permutation_importance(artifact, data)}
    together = {
        one.features[0]: one.mean for one in permutation_importance(artifact, data, together=twins(data))
    }
    assert together["card_orders_1h_count"] > apart["card_orders_1h_count"] + apart["count_again"]


def test_selection_drops_noise_and_keeps_twins(data: TrainingSet) -> None:
    found = select_features(data, recipe=QUICK)
    assert found.reason == ""
    assert set(found.dropped) >= {"never"}
    assert set(found.dropped) <= {"noise", "more_noise", "never"}
    assert {"card_orders_1h_count", "count_again", "order_amount_minor"} <= set(found.kept)
    assert found.difference is not None
    assert found.difference.low is not None
    assert found.difference.low > -0.02


def test_selection_can_be_cancelled(data: TrainingSet) -> None:
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if share > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        select_features(data, recipe=QUICK, progress=stop)
    assert shares == sorted(shares)


def test_gain_shares_add_up_to_one(data: TrainingSet) -> None:
    shares = gain_shares(train(data, recipe=QUICK, schema_hash="s"))
    assert shares is not None
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["never"] == 0
    assert gain_shares(train(data, recipe=BASELINE, schema_hash="s")) is None


def test_contributions_show_which_values_raise_the_score(later: TrainingSet) -> None:
    artifact = train(make_training_set(rows=8_000), recipe=QUICK, schema_hash="s")
    found = {one.feature: one for one in contributions(artifact, later)}
    count = found["card_orders_1h_count"]
    assert count.low is not None
    assert count.high is not None
    assert count.low < 0 < count.high
    assert count.missing is None
    assert found["order_amount_minor"].missing is not None
    assert count.mean_abs > found["noise"].mean_abs
