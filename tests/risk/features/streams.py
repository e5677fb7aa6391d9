"""Small random streams with late and simultaneous events, and the definition of a feature spelt out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from risk.features.columns import MICROSECONDS_PER_HOUR, Events, Ints, Keys, Questions
from risk.features.declarations import Entity, Feature, Source, Statistic, Where

# Moments lie on whole hours, so that ties and exact window edges are the rule and not the exception.
HOURS = st.sampled_from([0, 1, 2, 3, 23, 24, 25, 26, 167, 168, 169, 192, 719, 720, 721, 744])
DELAYS = st.sampled_from([0, 0, 0, 1, 2, 24, 168, 720, 800])
KEYS = st.fixed_dictionaries({entity: st.sampled_from([None, 11, -12, 2**62]) for entity in Entity})


@dataclass(frozen=True)
class Event:
    id: int
    occurred_at: int
    known_at: int
    keys: Mapping[Entity, int | None]
    amount_minor: int
    is_bad: bool


@dataclass(frozen=True)
class Question:
    as_of: int
    keys: Mapping[Entity, int | None]


@st.composite
def orders(draw: st.DrawFn) -> list[Event]:
    return [_event(draw, number, occurs_late=True) for number in range(draw(st.integers(0, 12)))]


@st.composite
def labels(draw: st.DrawFn) -> list[Event]:
    return [_event(draw, number, occurs_late=False) for number in range(draw(st.integers(0, 12)))]


def _event(draw: st.DrawFn, number: int, *, occurs_late: bool) -> Event:
    occurred_at = draw(HOURS) * MICROSECONDS_PER_HOUR
    delay = draw(DELAYS) * MICROSECONDS_PER_HOUR if occurs_late else 0
    amount = draw(st.integers(0, 10**12))
    return Event(number, occurred_at, occurred_at + delay, draw(KEYS), amount, draw(st.booleans()))


QUESTIONS = st.lists(
    st.builds(Question, HOURS.map(lambda hour: hour * MICROSECONDS_PER_HOUR), KEYS), max_size=6
)


def expected(feature: Feature, question: Question, events: Mapping[Source, Sequence[Event]]) -> float:
    """Return the feature by reading every event: the definition, word for word."""
    key = question.keys[feature.entity]
    if key is None:
        return math.nan
    window = feature.window_hours * MICROSECONDS_PER_HOUR
    seen = [
        event
        for event in {event.id: event for event in events[feature.source]}.values()
        if event.keys[feature.entity] == key
        and event.known_at < question.as_of
        and question.as_of - window <= event.occurred_at < question.as_of
        and (feature.where is Where.ALL or event.is_bad)
    ]
    if feature.statistic is Statistic.SUM:
        return float(sum(event.amount_minor for event in seen))
    if feature.of is not None and feature.cap is not None:
        return float(min(len({event.keys[feature.of] for event in seen} - {None}), feature.cap))
    return float(len(seen))


def as_events(rows: Sequence[Event]) -> Events:
    return Events(
        ids=_ints(row.id for row in rows),
        occurred_at=_ints(row.occurred_at for row in rows),
        known_at=_ints(row.known_at for row in rows),
        keys={entity: _keys([row.keys[entity] for row in rows]) for entity in Entity},
        amount_minor=_ints(row.amount_minor for row in rows),
        is_bad=np.array([row.is_bad for row in rows], dtype=np.bool_),
    )


def as_questions(rows: Sequence[Question]) -> Questions:
    keys = {entity: _keys([row.keys[entity] for row in rows]) for entity in Entity}
    return Questions(_ints(row.as_of for row in rows), keys)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _keys(values: Sequence[int | None]) -> Keys:
    return Keys(
        _ints(value or 0 for value in values), np.array([v is not None for v in values], dtype=np.bool_)
    )
