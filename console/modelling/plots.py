"""Geometry of a model's plots, in pixels of their drawing; templates add words and colours."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

from .figures import Interval

# Drawn at most this wide, so that their text is about as large as the page's on a laptop and on a phone.
WIDTH, HEIGHT = 400, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 14, 14, 42
_ROW_WIDTH = 168  # of the small plots that stand in tables
_EDGE = 4


@dataclass(frozen=True)
class Tick:
    """A place on an axis and the value that stands there."""

    at: float
    value: float


@dataclass(frozen=True)
class Mark:
    """A value with its interval along a small plot; `low` and `high` are None without one."""

    at: float
    low: float | None
    high: float | None
    y: float


@dataclass(frozen=True)
class Strip:
    """One row of a table drawn: marks below each other on the scale of its column."""

    width: int
    height: int
    marks: Sequence[Mark | None]
    zero: float | None = None
    limit: float | None = None  # where a margin or limit lies
    allowed: tuple[float, float] | None = None  # (x, width) of what lies inside it


@dataclass(frozen=True)
class Frame:
    """The axes of a plot: box in pixels, ticks in pixels and values."""

    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM

    @property
    def middle_x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def middle_y(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True)
class ReliabilityPoint:
    """One bin: its place, and the ends of the interval of what proved bad."""

    x: float
    y: float
    y_low: float
    y_high: float


@dataclass(frozen=True)
class ReliabilityPlot:
    """Predicted against observed, both axes by square root; `rival` is the line of another model."""

    frame: Frame
    points: Sequence[ReliabilityPoint]
    rival: str


@dataclass(frozen=True)
class CostMark:
    """A threshold that is pointed out; `anchor` keeps its words inside the plot."""

    name: str
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True)
class CostPlot:
    """Cost per row along the threshold; `ceiling` is the level of holding nothing."""

    frame: Frame
    line: str
    ceiling: float | None
    marks: Sequence[CostMark]


@dataclass(frozen=True)
class Effect:
    """One input's row: what its low, middle, high and missing values add, in pixels; None where no row is."""

    spread: tuple[float, float]
    low: float | None
    middle: float | None
    high: float | None
    missing: float | None


@dataclass(frozen=True)
class Effects:
    """The SHAP summary: one axis for all inputs."""

    width: int
    zero: float
    ticks: Sequence[Tick]
    rows: Sequence[Effect]


@dataclass(frozen=True)
class Stretch:
    """A stretch of time drawn as a bar, in percent of the whole."""

    x: float
    width: float
    content: Any = field(repr=False)


# ── Small plots in tables ────────────────────────────────────────────────────────────────────────
def draw_rows(
    rows: Sequence[Sequence[Interval | None]], *, width: int = _ROW_WIDTH, from_zero: bool = False
) -> list[Strip | None]:
    """Return one strip per row, all on one scale; None for a row without any value."""
    span = _span([interval for row in rows for interval in row if interval is not None], from_zero)
    if span is None:
        return [None] * len(rows)
    place = _linear(*span, _EDGE, width - _EDGE)
    return [_strip(row, place, width) for row in rows]


def draw_difference(interval: Interval, *, limit: float, width: int = 220) -> Strip | None:
    """Return a difference with zero and the margin that it has to keep; nothing without its ends.

    limit    a negative one is the least that is allowed, a positive one the most
    """
    if interval.value is None or interval.low is None or interval.high is None:
        return None
    ends = (interval.low, interval.high, limit, 0.0)
    pad = 0.12 * ((max(ends) - min(ends)) or 1.0)
    place = _linear(min(ends) - pad, max(ends) + pad, _EDGE, width - _EDGE)
    at = place(limit)
    allowed = (at, width - at) if limit < 0 else (0.0, at)
    strip = _strip([interval], place, width, height=26)
    return Strip(
        strip.width,
        strip.height,
        strip.marks,
        zero=place(0.0),
        limit=at,
        allowed=(_px(allowed[0]), _px(allowed[1])),
    )


def draw_against(interval: Interval, *, limit: float, width: int = 220) -> Strip | None:
    """Return a value from zero with the limit that it must not lie beyond."""
    if interval.value is None:
        return None
    ends = (interval.high or interval.value, interval.value, limit)
    place = _linear(0.0, 1.15 * (max(ends) or 1.0), _EDGE, width - _EDGE)
    strip = _strip([interval], place, width, height=26)
    at = place(limit)
    return Strip(
        strip.width, strip.height, strip.marks, zero=place(0.0), limit=at, allowed=(_EDGE, _px(at - _EDGE))
    )


def bar_width(value: float | None, top: float, *, width: float = 100) -> float:
    """Return how long the bar of a value is if that of the greatest has this width."""
    return _px(width * max(value or 0.0, 0.0) / top) if top > 0 else 0.0


def _strip(
    intervals: Sequence[Interval | None],
    place: Callable[[float], float],
    width: int,
    *,
    height: int | None = None,
) -> Strip:
    height = height or 8 + 10 * max(len(intervals), 1)
    first = height / 2 - 5 * (len(intervals) - 1)
    marks = [_mark(interval, place, first + 10 * number) for number, interval in enumerate(intervals)]
    return Strip(width, height, marks)


def _mark(interval: Interval | None, place: Callable[[float], float], y: float) -> Mark | None:
    if interval is None or interval.value is None:
        return None
    low, high = (None if end is None else place(end) for end in (interval.low, interval.high))
    return Mark(place(interval.value), low, high, _px(y))


def _span(intervals: Iterable[Interval], from_zero: bool) -> tuple[float, float] | None:
    ends = [
        end
        for interval in intervals
        for end in (interval.value, interval.low, interval.high)
        if end is not None
    ]
    if not ends:
        return None
    low, high = (0.0 if from_zero else min(ends)), max(ends)
    pad = 0.04 * (high - low) or abs(high) or 1.0
    return (0.0 if from_zero else low - pad), high + pad


# ── Reliability ──────────────────────────────────────────────────────────────────────────────────
_SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


def draw_reliability(
    bins: Sequence[Mapping[str, Any]], rival: Sequence[Mapping[str, Any]] = ()
) -> ReliabilityPlot | None:
    """Return the plot of a report's reliability bins.

    By square root, because most probabilities of fraud are small: on even axes nine bins of ten lie in one
    corner. What is right still lies on the diagonal.
    """
    if not bins:
        return None
    ends = [one[name] for one in bins for name in ("predicted", "observed", "high") if one[name] is not None]
    ends += [one[name] for one in rival for name in ("predicted", "observed")]
    top = min(1.04 * max(ends) or 1.0, 1.0)
    frame = _frame(top, [share for share in _SHARES if share <= top])
    x, y = _rooted(top, frame.left, frame.right), _rooted(top, frame.bottom, frame.top)
    points = [
        ReliabilityPoint(x(one["predicted"]), y(one["observed"]), y(one["low"]), y(one["high"]))
        for one in bins
    ]
    return ReliabilityPlot(
        frame, points, _polyline((x(one["predicted"]), y(one["observed"])) for one in rival)
    )


def _frame(top: float, shares: Sequence[float]) -> Frame:
    bare = Frame((), ())
    x, y = _rooted(top, bare.left, bare.right), _rooted(top, bare.bottom, bare.top)
    return Frame([Tick(x(share), share) for share in shares], [Tick(y(share), share) for share in shares])


def _rooted(top: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: _px(start + (end - start) * math.sqrt(max(value, 0.0) / top))


# ── Cost ─────────────────────────────────────────────────────────────────────────────────────────
def draw_cost(
    curve: Sequence[Mapping[str, Any]],
    *,
    nothing_held: float | None,
    marks: Sequence[tuple[str, float, float]],
) -> CostPlot | None:
    """Return the cost along the threshold, 0–1; what costs far more than holding nothing is cut off.

    Thresholds by square root: most of what matters lies among low ones.

    marks    (name, threshold, its cost) to point out
    """
    if len(curve) < 2:
        return None
    costs = [point["cost_per_row_minor"] for point in curve]
    top = min(max(costs), 1.5 * nothing_held) if nothing_held else max(costs)
    y_ticks = even_ticks(0.0, top or 1.0)
    bare = Frame((), ())
    x = _rooted(1.0, bare.left, bare.right)
    y = _linear(0.0, max(top, y_ticks[-1]) or 1.0, bare.bottom, bare.top)
    frame = Frame(
        [Tick(x(value), value) for value in (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)],
        [Tick(y(value), value) for value in y_ticks],
    )
    inside = [
        (x(point["threshold"]), y(point["cost_per_row_minor"]))
        for point in curve
        if point["cost_per_row_minor"] <= max(top, y_ticks[-1]) and point["threshold"] <= 1.0
    ]
    return CostPlot(
        frame,
        _polyline(_stepped(inside)),
        None if nothing_held is None else y(nothing_held),
        _cost_marks(marks, x, y),
    )


def _stepped(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of a line that stands for the next point up to it, as `cost_at` reads the curve."""
    steps = [((before, level), (at, level)) for (before, _level), (at, level) in pairwise(points)]
    return [*points[:1], *chain.from_iterable(steps)]


def cost_at(curve: Sequence[Mapping[str, Any]], threshold: float) -> Mapping[str, Any]:
    """Return the point of the curve that a threshold stands for: the first at or above it."""
    return next((point for point in curve if point["threshold"] >= threshold), curve[-1])


def _cost_marks(
    marks: Sequence[tuple[str, float, float]],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> list[CostMark]:
    drawn: list[CostMark] = []
    for name, threshold, cost in marks:
        at, level = x(min(threshold, 1.0)), max(y(cost), _TOP)
        # Words stand right of their line, or left of it near the edge; a second mark's below the first's.
        is_late = at > WIDTH - 110
        row = _TOP + 26 + 15 * len(drawn)
        drawn.append(
            CostMark(name, at, level, _px(at + (-6 if is_late else 6)), row, "end" if is_late else "start")
        )
    return drawn


# ── Effects of inputs ────────────────────────────────────────────────────────────────────────────
def draw_effects(rows: Sequence[Mapping[str, Any]], *, width: int = 400) -> Effects | None:
    """Return the summary of a report's contributions, in log-odds, on an axis with zero in it."""
    if not rows:
        return None
    names = ("p5", "p95", "low", "middle", "high", "missing")
    ends = [row[name] for row in rows for name in names if row[name] is not None]
    low, high = min(*ends, 0.0), max(*ends, 0.0)
    if low == high:
        low, high = -1.0, 1.0
    place = _linear(low, high, 8, width - 8)

    def at(value: float | None) -> float | None:
        return None if value is None else place(value)

    return Effects(
        width,
        place(0.0),
        [Tick(place(value), value) for value in even_ticks(low, high, about=4)],
        [
            Effect(
                (place(row["p5"]), place(row["p95"])),
                *(at(row[name]) for name in ("low", "middle", "high", "missing")),
            )
            for row in rows
        ],
    )


# ── Time ─────────────────────────────────────────────────────────────────────────────────────────
def draw_stretches(stretches: Sequence[tuple[float, float, Any]]) -> list[Stretch]:
    """Return (start, end, content) as bars on one line of time, each wide enough to be seen."""
    if not stretches:
        return []
    first, last = min(start for start, _, _ in stretches), max(end for _, end, _ in stretches)
    whole = (last - first) or 1.0
    return [
        Stretch(
            round(min(100 * (start - first) / whole, 99.2), 2),
            round(max(100 * (end - start) / whole - 0.25, 0.8), 2),
            content,
        )
        for start, end, content in stretches
    ]


# ── Scales ───────────────────────────────────────────────────────────────────────────────────────
def even_ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Return round values from low to high, about so many.

    >>> even_ticks(0, 47)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    >>> even_ticks(-0.4, 1.1, about=4)
    [0.0, 0.5, 1.0]
    """
    rough = (high - low) / about
    if rough <= 0:
        return [low]
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    whole = (high - low) or 1.0
    return lambda value: _px(start + (end - start) * (value - low) / whole)


def _polyline(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _px(value: float) -> float:
    return round(value, 1)
