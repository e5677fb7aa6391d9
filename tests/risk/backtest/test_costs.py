"""Recommended thresholds equal what trying every pair of cuts gives."""

from dataclasses import replace
from math import inf, nextafter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.backtest.costs import Costs, ScoredRows, best_thresholds, cost_of, report
from risk.backtest.cuts import shortest_between
from risk.backtest.truths import BAD, GOOD, UNKNOWN
from risk.policy import Thresholds

PATIENT = settings(deadline=None, max_examples=300)
THRESHOLDS = Thresholds(review_at=0.3, decline_at=0.8, points_review_at=50, points_decline_at=100)

# Ties are common, and the ends of the scale occur.
SCORES = st.sampled_from([0.0, 0.1, 0.1 + 1e-12, 0.25, 0.5, nextafter(0.5, 1), 0.75, 1.0]) | st.floats(
    0, 1, allow_subnormal=False
)
ROWS = st.lists(
    st.tuples(
        SCORES,
        st.sampled_from([0, 100, 5_000, 1_000_000]) | st.integers(0, 10_000_000),
        st.sampled_from([GOOD, BAD, BAD, UNKNOWN]),
        st.sampled_from([0, 0, 0, 1, 2]),
        st.sampled_from([0, 1, 2, 2, 2]),
    ),
    max_size=14,
)
COSTS = st.builds(
    Costs,
    loss_share=st.sampled_from([0.0, 0.5, 1.0]),
    chargeback_fee_minor=st.sampled_from([0, 1_500]),
    margin_share=st.sampled_from([0.0, 0.15, 1.0]),
    goodwill_minor=st.sampled_from([0, 2_000]),
    held_lost_share=st.sampled_from([0.0, 0.3]),
    review_catch_share=st.sampled_from([0.0, 0.9, 1.0]),
    review_minutes=st.just(60.0),
    review_hour_cost_minor=st.sampled_from([0, 3_000]),
    # With an hour per review and one day, hours are reviews.
    reviewer_hours_per_day=st.none() | st.integers(0, 14).map(float),
)


def make_rows(rows: list[tuple[float, int, int, int, int]]) -> ScoredRows:
    score, amount, truth, base, severest = (
        (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 5
    )
    return ScoredRows(
        np.array(score, dtype=np.float64),
        np.array(amount, dtype=np.int64),
        np.array(truth, dtype=np.uint8),
        np.array(base, dtype=np.uint8),
        np.array(severest, dtype=np.uint8),
    )


def try_all(rows: list[tuple[float, int, int, int, int]], costs: Costs) -> tuple[int, int] | None:
    """Return the least (cost, reviews) within the hours over every pair of thresholds that differs."""
    scores = sorted({row[0] for row in rows})
    marks = {0.0, 1.0}
    for score in scores:
        above = nextafter(score, inf)
        marks |= {
            score,
            above,
            nextafter(above, inf),
            nextafter(score, -inf),
            nextafter(nextafter(score, -inf), -inf),
        }
    marks |= {nextafter(1.0, -inf)}
    usable = sorted(mark for mark in marks if 0 <= mark <= 1)
    limit = costs.reviewer_hours_per_day
    found = [
        pair_cost
        for review_at in usable
        for decline_at in usable
        if review_at < decline_at
        for pair_cost in [add_up(rows, costs, review_at, decline_at)]
        if limit is None or pair_cost[1] <= limit
    ]
    return min(found, default=None)


def add_up(
    rows: list[tuple[float, int, int, int, int]], costs: Costs, review_at: float, decline_at: float
) -> tuple[int, int]:
    cost = reviews = 0
    for score, amount, truth, base, severest in rows:
        band = 2 if score >= decline_at else 1 if score >= review_at else 0
        outcome = max(base, min(severest, band))
        reviews += outcome == 1
        one = np.array([truth], dtype=np.uint8), np.array([amount])
        cost += int(costs.of(outcome, *one)[0])
    return cost, reviews


@PATIENT
@given(ROWS, COSTS)
def test_the_best_thresholds_cost_what_the_best_of_all_pairs_costs(
    rows: list[tuple[float, int, int, int, int]], costs: Costs
) -> None:
    movable = any(severest > base for *_, base, severest in rows)
    found = best_thresholds(make_rows(rows), costs, days=1.0)
    if not movable:
        return
    expected = try_all(rows, costs)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert 0 <= found[0] < found[1] <= 1
    assert add_up(rows, costs, *found) == expected
    assert cost_of(make_rows(rows), costs, found, days=1.0) == expected


def test_best_thresholds_of_many_rows_are_those_of_all_pairs() -> None:
    random = np.random.default_rng(4)
    rows = ScoredRows(
        score=random.integers(0, 60, 4_000) / 64,
        amount=random.integers(100, 100_000, 4_000),
        truth=random.choice(np.array([GOOD, BAD, UNKNOWN], dtype=np.uint8), 4_000, p=[0.7, 0.2, 0.1]),
        base=random.choice(np.array([0, 1, 2], dtype=np.uint8), 4_000, p=[0.9, 0.08, 0.02]),
        severest=random.choice(np.array([0, 1, 2], dtype=np.uint8), 4_000, p=[0.05, 0.05, 0.9]),
    )
    costs = Costs(reviewer_hours_per_day=60.0)
    values = [*(np.arange(60) / 64), 1.0]
    limit = costs.reviews_within(60.0, 2.0)
    assert limit is not None
    pairs = [(low, high) for low in values for high in values if low < high]
    tried = [cost_of(rows, costs, pair, days=2.0) for pair in pairs]
    best = best_thresholds(rows, costs, days=2.0)
    assert best is not None
    # A review band without any score between two neighbours is the only pair that `values` lacks.
    assert cost_of(rows, costs, best, days=2.0) <= min(one for one in tried if one[1] <= limit)
    assert cost_of(rows, costs, best, days=2.0)[1] <= limit
    unlimited = best_thresholds(rows, replace(costs, reviewer_hours_per_day=None), days=2.0)
    assert unlimited is not None
    assert cost_of(rows, costs, unlimited, days=2.0) <= min(tried)


@given(st.floats(-1, 1, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False))
def test_a_short_decimal_lies_between(low: float, high: float) -> None:
    if low < high:
        assert low < shortest_between(low, high) <= high


def test_the_report_shows_the_recommended_point_and_its_neighbours() -> None:
    rows = make_rows([(i / 100, 10_000, BAD if i > 80 else GOOD, 0, 2) for i in range(100)])
    document = report(rows, Costs(reviewer_hours_per_day=1.0), THRESHOLDS, days=1.0)
    best, current = document["recommended"], document["current"]
    assert best["cost_minor"] < current["cost_minor"]
    assert best["reviews"] <= 10  # six minutes each
    assert (current["review_at"], current["decline_at"], current["reviews"]) == (0.3, 0.8, 50)
    assert best["cost_minor"] == min(point["point"]["cost_minor"] for point in document["capacity_curve"])
    assert document["unlimited"]["cost_minor"] <= best["cost_minor"]
    assert current["caught_bad"] == {"count": 19, "amount_minor": 190_000}
    assert current["good_declined"] == {"count": 1, "amount_minor": 10_000}
    curve = document["review_curve"]
    assert [point["review_at"] for point in curve] == sorted(point["review_at"] for point in curve)
    assert all(point["decline_at"] == 0.8 for point in curve)
    assert all(point["cost_minor"] >= 0 for point in curve)


def test_the_marks_of_the_cost_curves_lie_on_them() -> None:
    rows = make_rows([(i / 200, 10_000, BAD if i > 80 else GOOD, 0, 2) for i in range(100)])  # up to 0.495
    document = report(rows, Costs(), THRESHOLDS, days=1.0)
    best, current = document["recommended"], document["current"]
    assert current["decline_at"] > 0.495
    assert current in document["review_curve"]
    assert current in document["decline_curve"]
    for curve in ("best_review_curve", "best_decline_curve"):
        assert best in document[curve]
        assert best["cost_minor"] == min(point["cost_minor"] for point in document[curve])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        pytest.param([], "no_scores", id="nothing"),
        pytest.param([(0.5, 100, BAD, 2, 2)], "no_scores", id="rules settle every row"),
        pytest.param([(0.5, 100, GOOD, 0, 2)], "no_bad_rows", id="nothing bad is known"),
        pytest.param(
            [(0.5, 100, BAD, 1, 1), (0.6, 1, BAD, 0, 2)], "over_capacity", id="rules fill the hours"
        ),
    ],
)
def test_a_report_without_recommendation_says_why(
    rows: list[tuple[float, int, int, int, int]], reason: str
) -> None:
    document = report(make_rows(rows), Costs(reviewer_hours_per_day=0.0), THRESHOLDS, days=1.0)
    assert (document["recommended"], document["reason"]) == (None, reason)
    assert document["current"]["cost_minor"] >= 0


@pytest.mark.parametrize("wrong", [{"loss_share": 2.0}, {"goodwill_minor": -1}, {"review_minutes": 0.0}])
def test_impossible_costs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"between|negative"):
        Costs.from_json(wrong)
