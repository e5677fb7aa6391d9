"""Small random streams with late, simultaneous and corrected events, and a feature's definition spelt out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from risk.features.columns import NEVER, Events, Ints, Keys, Questions
from risk.features.declarations import ABROAD, BAD, SMALL, Entity, Feature, Filter, Source, Statistic
from risk.features.tables import TABLES
from risk.features.windows import MICROSECONDS_PER_MINUTE

# Moments lie on whole hours or a step beside them, so that ties and exact window edges are the rule and not
# the exception: beside an edge by a microsecond and by a minute, and beside its bucket.
HOURS = st.sampled_from(
    [0, 1, 2, 3, 23, 24, 25, 167, 168, 169, 192, 719, 720, 744, 1080, 1104, 3240, 3264, 4320, 4344]
)
STEPS = st.sampled_from([0, 0, 0, 1, -1, 30_000_000, 60_000_000, 599_999_999, 600_000_000, 1_800_000_000])
MOMENTS = st.builds(lambda hour, step: max(0, hour * 60 * MICROSECONDS_PER_MINUTE + step), HOURS, STEPS)
DELAYS = st.sampled_from([0, 0, 0, 1, 2, 24, 168, 720, 800])
KEYS = st.fixed_dictionaries({entity: st.sampled_from([None, 11, -12, 2**62]) for entity in Entity})
COUNTRIES = st.sampled_from(["", "CN", "DE"])


@dataclass(frozen=True)
class Event:
    """An order, or a label with the moment of its order and of its correction."""

    id: int
    occurred_at: int
    known_at: int
    keys: Mapping[Entity, int | None]
    amount_minor: int = 0
    is_bad: bool = False
    card_country: str = ""
    shipping_country: str = ""
    placed_at: int | None = None
    superseded_at: int | None = None


@dataclass(frozen=True)
class Question:
    as_of: int
    keys: Mapping[Entity, int | None]


@st.composite
def orders(draw: st.DrawFn) -> list[Event]:
    return [_order(draw, number) for number in range(draw(st.integers(0, 12)))]


@st.composite
def labels(draw: st.DrawFn) -> list[Event]:
    return [_label(draw, number) for number in range(draw(st.integers(0, 12)))]


def _order(draw: st.DrawFn, number: int) -> Event:
    occurred_at = draw(MOMENTS)
    delay = draw(DELAYS) * 60 * MICROSECONDS_PER_MINUTE
    amount = draw(st.one_of(st.integers(0, 10**12), st.sampled_from([0, 999, 1000, 10**12])))
    return Event(
        number,
        occurred_at,
        occurred_at + delay,
        draw(KEYS),
        amount,
        card_country=draw(COUNTRIES),
        shipping_country=draw(COUNTRIES),
    )


def _label(draw: st.DrawFn, number: int) -> Event:
    known_at = draw(MOMENTS)
    return Event(
        number,
        known_at,
        known_at,
        draw(KEYS),
        is_bad=draw(st.booleans()),
        placed_at=draw(st.one_of(st.none(), MOMENTS)),
        superseded_at=draw(st.one_of(st.none(), MOMENTS)),
    )


QUESTIONS = st.lists(st.builds(Question, MOMENTS, KEYS), max_size=6)
Rows = Mapping[Source, Sequence[Event]]


def rows_of(orders: Sequence[Event], labels: Sequence[Event]) -> Rows:
    """Return every source's events: outcomes are labels at the moment of their order."""
    return {Source.ORDERS: orders, Source.LABELS: labels, Source.OUTCOMES: outcomes(labels)}


def outcomes(labels: Sequence[Event]) -> list[Event]:
    return [
        Event(**{**vars(label), "occurred_at": label.placed_at})
        for label in labels
        if label.placed_at is not None
    ]


def expected(feature: Feature, question: Question, rows: Rows) -> float:
    """Return the feature by reading every event: the definition, word for word."""
    key = question.keys[feature.entity]
    if key is None:
        return math.nan
    grid = feature.grid_minutes * MICROSECONDS_PER_MINUTE
    end = question.as_of - feature.delay_minutes * MICROSECONDS_PER_MINUTE
    start = _floor(end - feature.window_minutes * MICROSECONDS_PER_MINUTE, grid)
    if feature.delay_minutes:
        end = _floor(end, grid)
    seen = [
        event
        for event in {event.id: event for event in rows[feature.source]}.values()
        if event.keys.get(feature.entity) == key
        and event.known_at < question.as_of
        and start <= event.occurred_at < end
        and (event.superseded_at is None or question.as_of <= event.superseded_at)
        and (feature.where is None or passes(feature.where, event))
    ]
    return _statistic(feature, seen, question)


def passes(where: Filter, event: Event) -> bool:
    if where is BAD:
        return event.is_bad
    if where is SMALL:
        return event.amount_minor < 1000
    assert where is ABROAD
    countries = (event.card_country, event.shipping_country)
    return "" not in countries and countries[0] != countries[1]


def _statistic(feature: Feature, seen: Sequence[Event], question: Question) -> float:
    amounts = [event.amount_minor for event in seen]
    match feature.statistic:
        case Statistic.COUNT:
            return float(len(seen))
        case Statistic.SUM:
            return float(sum(amounts))
        case Statistic.MAX:
            return float(max(amounts)) if amounts else math.nan
        case Statistic.SECONDS_SINCE:
            newest = max((event.occurred_at for event in seen), default=None)
            return math.nan if newest is None else (question.as_of - newest) / 1_000_000
        case Statistic.STD:
            n, total = len(amounts), sum(amounts)
            squares = sum(amount**2 for amount in amounts)
            return math.nan if n < 2 else math.sqrt((n * squares - total**2) / (n * (n - 1)))
    assert feature.of is not None
    assert feature.cap is not None
    return float(min(len({event.keys[feature.of] for event in seen} - {None}), feature.cap))


def _floor(moment: int, grid: int) -> int:
    return moment - moment % grid


def as_events(rows: Sequence[Event], source: Source = Source.ORDERS) -> Events:
    filters = (SMALL, ABROAD) if source is Source.ORDERS else (BAD,)
    corrected = [NEVER if row.superseded_at is None else row.superseded_at for row in rows]
    return Events(
        ids=_ints(row.id for row in rows),
        occurred_at=_ints(row.occurred_at for row in rows),
        known_at=_ints(row.known_at for row in rows),
        keys={entity: _keys([row.keys[entity] for row in rows]) for entity in TABLES[source].keys},
        amount_minor=_ints(row.amount_minor for row in rows),
        passes={f.code: np.array([passes(f, row) for row in rows], dtype=np.bool_) for f in filters},
        superseded_at=None if source is Source.ORDERS else _ints(corrected),
    )


def all_events(rows: Rows) -> dict[Source, Events]:
    return {source: as_events(events, source) for source, events in rows.items()}


def as_questions(rows: Sequence[Question]) -> Questions:
    keys = {entity: _keys([row.keys[entity] for row in rows]) for entity in Entity}
    return Questions(_ints(row.as_of for row in rows), keys)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _keys(values: Sequence[int | None]) -> Keys:
    return Keys(
        _ints(value or 0 for value in values), np.array([v is not None for v in values], dtype=np.bool_)
    )
