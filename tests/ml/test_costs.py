"""The cheapest threshold is the one that trying all of them finds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.costs import Costs, cheapest_threshold, cost_curve, expected_cost

ROWS = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.integers(0, 90_000), st.integers(1, 3)
    ),
    min_size=1,
    max_size=25,
)


@settings(deadline=None)
@given(ROWS)
def test_cheapest_threshold_costs_least_of_all(rows: list[tuple[bool, float, int, int]]) -> None:
    is_bad, score, amount, weight = (np.array(column) for column in zip(*rows, strict=True))
    costs, weight = Costs(), weight.astype(float)
    chosen = cheapest_threshold(is_bad, score, amount, costs, weight)
    tried = [
        expected_cost(is_bad, score, amount, threshold, costs, weight) for threshold in [*np.unique(score), 2]
    ]
    assert expected_cost(is_bad, score, amount, chosen, costs, weight) == pytest.approx(min(tried))


def test_curve_runs_from_everything_held_to_nothing_and_has_the_cheapest() -> None:
    random = np.random.default_rng(1)
    is_bad = random.random(5_000) < 0.05
    score = np.clip(random.normal(0.1 + 0.2 * is_bad, 0.1), 0, 1)
    amount = random.integers(100, 90_000, 5_000)
    curve = cost_curve(is_bad, score, amount, Costs())
    assert len(curve) <= 100
    assert (curve[0].held_share, curve[-1].held_share, curve[-1].recall) == (1.0, 0.0, 0.0)
    assert [point.threshold for point in curve] == sorted(point.threshold for point in curve)
    cheapest = min(curve, key=lambda point: point.cost_per_row_minor)
    assert cheapest.threshold == cheapest_threshold(is_bad, score, amount, Costs())
    for point in curve[::10]:
        ours = expected_cost(is_bad, score, amount, point.threshold, Costs())
        assert point.cost_per_row_minor == pytest.approx(ours)


def test_without_bad_rows_holding_never_pays() -> None:
    nothing_bad, score = np.zeros(10, dtype=bool), np.linspace(0, 1, 10)
    assert cheapest_threshold(nothing_bad, score, np.full(10, 500), Costs()) > 1.0


@pytest.mark.parametrize("wrong", [{"fee_minor": -1}, {"catch_share": 1.5}, {"held_good_share": -0.1}])
def test_costs_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Shares|Costs"):
        Costs(**wrong)
