"""The geometry of a model's plots: on their scale, inside their frame, silent where there is nothing."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.modelling.figures import Interval, range_text, signed_text, value_text
from console.modelling.plots import (
    bar_width,
    cost_at,
    draw_cost,
    draw_difference,
    draw_effects,
    draw_reliability,
    draw_rows,
    draw_stretches,
    even_ticks,
)

_SHARES = st.floats(0, 1)


def _bin(predicted: float, observed: float, half: float = 0.02) -> dict[str, Any]:
    low, high = max(observed - half, 0), min(observed + half, 1)
    return {"predicted": predicted, "observed": observed, "low": low, "high": high, "rows": 100}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(_SHARES, _SHARES), min_size=1, max_size=10))
def test_every_point_of_reliability_lies_inside_its_frame(pairs: list[tuple[float, float]]) -> None:
    plot = draw_reliability([_bin(*pair) for pair in pairs])
    assert plot is not None
    frame = plot.frame
    for point in plot.points:
        assert frame.left <= point.x <= frame.right
        assert frame.top <= point.y_high <= point.y_low <= frame.bottom


@pytest.mark.parametrize("share", [0.004, 0.04, 0.2, 0.7])
def test_what_comes_true_lies_on_the_diagonal(share: float) -> None:
    plot = draw_reliability([_bin(share, share)])
    assert plot is not None
    frame, (point,) = plot.frame, plot.points
    along = (point.x - frame.left) / (frame.right - frame.left)
    up = (frame.bottom - point.y) / (frame.bottom - frame.top)
    assert along == pytest.approx(up, abs=0.002)


def test_rows_of_a_table_share_their_scale() -> None:
    first, second = draw_rows([[Interval(0.2, 0.1, 0.3)], [Interval(0.8, 0.7, 0.9)]], from_zero=True)
    assert first is not None
    assert second is not None
    (low,), (high,) = first.marks, second.marks
    assert low is not None
    assert high is not None
    assert high.at - low.at > 100
    assert low.low is not None
    assert low.low < low.at


def test_nothing_is_drawn_where_nothing_is_known() -> None:
    assert draw_rows([[None], [Interval(None)]]) == [None, None]
    assert draw_reliability([]) is None
    assert draw_cost([], nothing_held=1.0, marks=[]) is None
    assert draw_effects([]) is None
    assert draw_difference(Interval(0.1), limit=-0.02) is None
    assert draw_stretches([]) == []


@pytest.mark.parametrize("limit", [-0.02, 5.0])
def test_difference_shows_zero_and_what_is_allowed(limit: float) -> None:
    strip = draw_difference(Interval(0.1, -0.3, 0.4), limit=limit)
    assert strip is not None
    assert strip.zero is not None
    assert strip.limit is not None
    assert strip.allowed is not None
    x, width = strip.allowed
    assert (x, x + width) == pytest.approx(
        (strip.limit, strip.width) if limit < 0 else (0, strip.limit), abs=0.2
    )
    assert (strip.limit < strip.zero) is (limit < 0)


_CURVE = [
    {"threshold": threshold, "cost_per_row_minor": cost, "held_share": 0.1, "recall": 0.5}
    for threshold, cost in ((0.0, 900.0), (0.1, 120.0), (0.4, 80.0), (1.0, 100.0))
]


def test_cost_that_is_far_beyond_holding_nothing_is_cut_off() -> None:
    plot = draw_cost(_CURVE, nothing_held=100.0, marks=[("cheapest", 0.4, 80.0), ("live policy", 0.95, 99.0)])
    assert plot is not None
    points = [tuple(map(float, pair.split(","))) for pair in plot.line.split()]
    assert len(points) == 5  # three thresholds, and a step before each but the first
    assert all(plot.frame.top <= y <= plot.frame.bottom for _x, y in points)
    cheapest, live = plot.marks
    assert cheapest.y == max(y for _x, y in points)
    assert (cheapest.anchor, live.anchor) == ("start", "end")


@pytest.mark.parametrize(("threshold", "cost"), [(0.0, 900.0), (0.2, 80.0), (0.4, 80.0), (2.0, 100.0)])
def test_threshold_stands_for_the_point_at_or_above_it(threshold: float, cost: float) -> None:
    assert cost_at(_CURVE, threshold)["cost_per_row_minor"] == cost


def test_effects_lie_left_and_right_of_zero() -> None:
    row = {"p5": -0.5, "p95": 1.0, "low": -0.4, "middle": 0.0, "high": 0.9, "missing": None}
    drawn = draw_effects([row])
    assert drawn is not None
    (effect,) = drawn.rows
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low < drawn.zero < effect.high
    assert effect.missing is None
    assert effect.middle == drawn.zero


def test_stretches_fill_their_line_in_order() -> None:
    first, second = draw_stretches([(0.0, 75.0, "fit"), (75.0, 100.0, "judged")])
    assert (first.x, second.x) == (0, 75)
    assert first.x + first.width <= second.x
    assert second.x + second.width <= 100


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low: float, width: float) -> None:
    ticks = even_ticks(low, low + width)
    assert len(ticks) <= 7
    slack = 1e-8 * width + 1e-9 * abs(low)
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)


@pytest.mark.parametrize(
    ("value", "top", "expected"), [(0.5, 1.0, 50), (-1.0, 1.0, 0), (None, 1.0, 0), (1.0, 0, 0)]
)
def test_bars_start_at_zero(value: float | None, top: float, expected: float) -> None:
    assert bar_width(value, top) == expected


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("number", 0.71234, "0.712"),
        ("share", 0.5, "50.0 %"),
        ("money", 123.45, "1.23 CNY"),
        ("money", 123_456.0, "1,234.56 CNY"),
        ("share", None, "–"),
    ],
)
def test_values_are_written_with_their_unit(unit: str, value: float | None, text: str) -> None:
    assert value_text(unit, value) == text


def test_differences_have_a_sign_and_ranges_do_not_run_together() -> None:
    assert signed_text("share", -0.013) == "\u22121.3 pp"
    assert signed_text("number", 0.02) == "+0.020"
    assert range_text("share", Interval(0.5, 0.41, 0.6)) == "41.0–60.0"
    assert range_text("number", Interval(0.0, -0.1, 0.1)) == "\u22120.100 – 0.100"
    assert range_text("number", Interval(0.5)) == ""
