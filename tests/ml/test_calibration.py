"""Calibration keeps the ranking, moves probabilities to the truth, and survives JSON."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.arrays import Flags, Floats
from ml.calibration import (
    Calibration,
    Method,
    brier_score,
    expected_calibration_error,
    fit_calibration,
    fit_sigmoid,
    fit_table,
    log_odds,
    reliability,
    sigmoid,
    sigmoid_of,
)


def skewed(rows: int, *, seed: int = 3) -> tuple[Floats, Flags]:
    """Return raw scores twice as sure of themselves, and two log-odds too high, and outcomes."""
    random = np.random.default_rng(seed)
    truth = sigmoid(random.normal(-2, 1.5, rows))
    return sigmoid(2 * log_odds(truth) + 2), random.random(rows) < truth


@pytest.mark.parametrize("fit", [fit_sigmoid, fit_table])
def test_calibrated_probabilities_come_true(fit: Callable[[Floats, Flags, Floats], Calibration]) -> None:
    raw, is_bad = skewed(20_000)
    new_raw, new_bad = skewed(20_000, seed=4)
    probability = fit(raw, is_bad, np.ones(len(raw))).apply(new_raw)
    assert expected_calibration_error(new_bad, new_raw) > 0.05
    assert expected_calibration_error(new_bad, probability) < 0.01


def test_sigmoid_recovers_slope_and_intercept() -> None:
    raw, is_bad = skewed(200_000)
    fitted = fit_sigmoid(raw, is_bad, np.ones(len(raw)))
    assert (fitted.slope, fitted.intercept) == pytest.approx((0.5, -1.0), abs=0.03)


def test_a_bend_that_no_sigmoid_follows_chooses_the_table() -> None:
    random = np.random.default_rng(5)
    raw = random.random(20_000)
    is_bad = random.random(20_000) < np.where(raw < 0.5, 0.02, 0.3)
    assert fit_calibration(raw, is_bad, np.arange(20_000)).method is Method.TABLE


def test_few_labels_choose_the_sigmoid() -> None:
    raw, is_bad = skewed(200)
    assert fit_calibration(raw, is_bad, np.arange(200)).method is Method.SIGMOID


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_a_table_never_ties_or_turns_a_ranking_round(rows: list[tuple[float, bool]]) -> None:
    raw = np.array([score for score, _ in rows])
    is_bad = np.array([bad for _, bad in rows])
    table = fit_table(raw, is_bad, np.ones(len(raw)))
    probability = table.apply(np.linspace(0, 1, 101))
    assert (np.diff(probability) > 0).all()
    assert probability[0] == 0
    assert probability[-1] == 1


@pytest.mark.parametrize("fit", [fit_sigmoid, fit_table])
def test_a_curve_survives_json_exactly(fit: Callable[[Floats, Flags, Floats], Calibration]) -> None:
    raw, is_bad = skewed(500)
    fitted = fit(raw, is_bad, np.ones(len(raw)))
    assert Calibration.from_json(json.loads(json.dumps(fitted.as_json()))) == fitted


def test_weights_count_like_repeated_rows() -> None:
    raw, is_bad = skewed(300)
    weight = np.where(is_bad, 3.0, 1.0)
    copies = np.repeat(np.arange(300), weight.astype(int))
    weighted = fit_table(raw, is_bad, weight).apply(raw)
    repeated = fit_table(raw[copies], is_bad[copies], np.ones(len(copies))).apply(raw)
    np.testing.assert_allclose(weighted, repeated, atol=1e-9)


def test_reliability_bins_hold_every_row_once() -> None:
    raw, is_bad = skewed(103)
    table = reliability(is_bad, raw)
    assert sum(bin_.rows for bin_ in table) == 103
    assert [bin_.predicted for bin_ in table] == sorted(bin_.predicted for bin_ in table)


def test_brier_is_the_mean_squared_error() -> None:
    assert brier_score(np.array([True, False]), np.array([0.0, 0.0])) == 0.5


@settings(deadline=None)
@given(raw=st.floats(0, 1), margin=st.floats(allow_nan=False))
def test_one_score_is_calibrated_to_the_last_bit_as_among_many(raw: float, margin: float) -> None:
    table = Calibration(Method.TABLE, raw=(0.0, 1 / 3, 0.7, 1.0), probability=(0.0, 0.1, 0.9, 1.0))
    for calibration in (Calibration(), table, Calibration(Method.SIGMOID, slope=1.1, intercept=0.3)):
        assert calibration.apply_one(raw) == calibration.apply(np.array([raw, 0.5]))[0]
    assert sigmoid_of(margin) == sigmoid(np.array([margin, 0.0, 1.0]))[0]
