"""History features of millions of questions at once: an interval sweep in numpy, exact to the event.

An event is active for the questions after it became known and until its window has passed it, which for one
entity is an interval of questions in the order of their moments. Counts and sums at a question are what was
activated before minus what expired before: two binary searches in sorted arrays. The largest value at each
question is painted in ranges of powers of two. Times are replaced by their rank among the questions'
moments, so that entity and time fit one 64-bit key. A late event that expires before it becomes known cancels
itself out. Sums of many squares may pass 2**63 and wrap; the difference of two of them is exact all the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import numpy as np

from risk.features.columns import NEVER, Events, Flags, Floats, Ints, Questions
from risk.features.declarations import Entity, Feature, Ratio, Source, Statistic
from risk.features.spread import deviations
from risk.features.tables import HALF
from risk.features.windows import MICROSECONDS_PER_MINUTE

Column = TypeVar("Column", Ints, Flags)
_NOTHING = np.iinfo(np.int64).min


def compute_columns(
    features: Iterable[Feature], questions: Questions, events: Mapping[Source, Events]
) -> dict[str, Floats]:
    """Return every feature's (n_questions,) column by name, NaN where the entity is missing.

    Eight bytes per question and feature; `iter_columns` gives one column at a time.

    >>> from risk.features.columns import MICROSECONDS_PER_HOUR, Keys
    >>> from risk.features.declarations import DAY, order_count
    >>> device = Keys.all_present(np.array([7, 7, 8]))
    >>> at = np.array([0, 10, 20]) * MICROSECONDS_PER_HOUR
    >>> orders = Events(np.arange(3), at, at, {Entity.DEVICE: device})
    >>> feature = order_count(Entity.DEVICE, DAY)
    >>> compute_columns([feature], Questions(at, orders.keys), {Source.ORDERS: orders})
    {'device_orders_24h_count': array([0., 1., 0.])}
    """
    return dict(iter_columns(features, questions, events))


def iter_columns(
    features: Iterable[Feature], questions: Questions, events: Mapping[Source, Events]
) -> Iterator[tuple[str, Floats]]:
    """Yield (name, column) pairs, grouped by source and entity so that each is sorted once.

    An entity that no question has costs nothing. KeyError if a feature's source is not in `events`.
    """
    ranks = np.unique(questions.as_of)
    unique_events = {source: rows.without_repeats() for source, rows in events.items()}
    for (source, entity), group in groupby(sorted(features, key=_group_of), key=_group_of):
        yield from _entity_columns(list(group), questions, unique_events[source], entity, ranks)


def add_ratios(ratios: Iterable[Ratio], columns: dict[str, Floats]) -> None:
    """Add each ratio's column to `columns`, in order, so that a ratio may build on an earlier one.

    >>> columns = {"bad": np.array([1.0, 0.0]), "all": np.array([4.0, 0.0])}
    >>> add_ratios([Ratio("share", "bad", "all", unit=None)], columns)
    >>> columns["share"]
    array([0.25,  nan])
    """
    for ratio in ratios:
        part, whole = columns[ratio.part], columns[ratio.whole]
        blank = np.full(len(part), np.nan)
        columns[ratio.name] = np.divide(part, whole, out=blank, where=whole != 0)


def _group_of(feature: Feature) -> tuple[Source, Entity]:
    return feature.source, feature.entity


def _entity_columns(
    features: Sequence[Feature], questions: Questions, events: Events, entity: Entity, ranks: Ints
) -> Iterator[tuple[str, Floats]]:
    asked = questions.keys.get(entity)
    if asked is None or not asked.is_present.any():
        nothing = np.broadcast_to(np.nan, len(questions))  # no memory per row
        yield from ((feature.name, nothing) for feature in features)
        return
    sweep = _Sweep.over(questions, events, entity, ranks) if entity in events.keys else None
    for feature in features:
        column = np.where(asked.is_present, _WITHOUT_HISTORY.get(feature.statistic, 0.0), np.nan)
        if sweep is not None:
            column[sweep.rows] = sweep.compute(feature)
        yield feature.name, column


_WITHOUT_HISTORY = dict.fromkeys((Statistic.MAX, Statistic.STD, Statistic.SECONDS_SINCE), np.nan)


@dataclass(frozen=True, eq=False)
class _Sweep:
    """One entity's events and questions, coded; questions are sorted by (entity, as_of).

    rows          question rows that have the entity, in sorted order
    asked         their keys: entity code × width + rank of as_of
    as_of         their moments
    events        rows whose entity is asked about at all
    base          entity code × width of each event
    ranks         the sorted different as_of moments; an event's rank is the first one after it
    """

    rows: Ints
    asked: Ints
    as_of: Ints
    events: Events
    base: Ints
    ranks: Ints

    @classmethod
    def over(cls, questions: Questions, events: Events, entity: Entity, ranks: Ints) -> "_Sweep":
        width = len(ranks) + 1
        present = np.flatnonzero(questions.keys[entity].is_present)
        codes, code = np.unique(questions.keys[entity].values[present], return_inverse=True)
        key = code * width + np.searchsorted(ranks, questions.as_of[present])
        order = np.argsort(key)

        keys = events.keys[entity]
        guess = np.minimum(np.searchsorted(codes, keys.values), len(codes) - 1)
        mine = np.flatnonzero(keys.is_present & (codes[guess] == keys.values))
        rows = present[order]
        base = guess[mine] * width
        return cls(rows, key[order], questions.as_of[rows], events.take(mine), base, ranks)

    def compute(self, feature: Feature) -> Floats:
        """Return the feature of each of `rows`."""
        if feature.statistic is Statistic.DISTINCT:
            return self._count_distinct(feature)
        start, end = self._intervals(feature)
        if feature.where is None:
            rows = np.arange(len(start))
        else:
            rows = np.flatnonzero(_needed(self.events.passes.get(feature.where.code), feature.where.code))
            start, end = start[rows], end[rows]
        match feature.statistic:
            case Statistic.COUNT:
                return self._active(start, end).astype(np.float64)
            case Statistic.SECONDS_SINCE:
                newest, is_any = self._largest(start, end, self.events.occurred_at[rows])
                return np.where(is_any, (self.as_of - newest) / 1_000_000, np.nan)
        amount = _needed(self.events.amount_minor, "amount_minor")[rows]
        if feature.statistic is Statistic.SUM:
            return self._active(start, end, amount).astype(np.float64)
        if feature.statistic is Statistic.STD:
            high, low = amount // HALF, amount % HALF
            parts = (None, amount, high * high, high * low, low * low)
            return deviations(*(self._active(start, end, weights) for weights in parts))
        largest, is_any = self._largest(start, end, amount)
        return np.where(is_any, largest.astype(np.float64), np.nan)

    def _count_distinct(self, feature: Feature) -> Floats:
        """Count intervals after merging those of the same other entity that touch or overlap."""
        others = self.events.keys.get(feature.of) if feature.of else None
        if others is None:
            return np.zeros(len(self.rows))
        width = len(self.ranks) + 1
        with_other = np.flatnonzero(others.is_present)
        start, end = (keys[with_other] for keys in self._intervals(feature))
        base, other = self.base[with_other], others.values[with_other]

        order = np.lexsort((start, other, base))
        start, end, base, other = start[order], end[order], base[order], other[order]
        is_new_pair = np.ones(len(order), dtype=np.bool_)
        is_new_pair[1:] = (base[1:] != base[:-1]) | (other[1:] != other[:-1])
        pair = np.cumsum(is_new_pair) * width
        latest_end = np.maximum.accumulate(pair + end - base)  # never reaches into the next pair
        opens = is_new_pair.copy()
        opens[1:] |= (pair + start - base)[1:] > latest_end[:-1]
        closes = np.append(opens[1:], True)[: len(opens)]
        counts = self._active(start[opens], (latest_end - pair + base)[closes]).astype(np.float64)
        return np.minimum(counts, feature.cap) if feature.cap else counts

    def _intervals(self, feature: Feature) -> tuple[Ints, Ints]:
        """Return each event's keys of activation and expiry; equal when it is never active."""
        events, grid = self.events, feature.grid_minutes * MICROSECONDS_PER_MINUTE
        # A window that begins on the grid holds an event until its beginning has passed the event's bucket.
        bucket_end = events.occurred_at // grid * grid + grid
        reach = (feature.window_minutes + feature.delay_minutes) * MICROSECONDS_PER_MINUTE
        end = np.searchsorted(self.ranks, bucket_end + reach, side="left")
        if feature.delay_minutes:
            start = np.searchsorted(self.ranks, events.known_at, side="right")
            matured = bucket_end + feature.delay_minutes * MICROSECONDS_PER_MINUTE
            start = np.maximum(start, np.searchsorted(self.ranks, matured, side="left"))
        else:
            visible_at = np.maximum(events.occurred_at, events.known_at)
            start = np.searchsorted(self.ranks, visible_at, side="right")
        if events.superseded_at is not None and (events.superseded_at != NEVER).any():
            # `as_of` equal to the moment of the correction still sees what it corrects.
            end = np.minimum(end, np.searchsorted(self.ranks, events.superseded_at, side="right"))
        return self.base + start, self.base + np.maximum(start, end)

    def _active(self, start: Ints, end: Ints, weights: Ints | None = None) -> Ints:
        """Return the number, or the sum of weights, of intervals [start, end) around each question."""
        return self._reached(start, weights) - self._reached(end, weights)

    def _largest(self, start: Ints, end: Ints, values: Ints) -> tuple[Ints, Flags]:
        """Return the largest value of the intervals around each question, and whether there is one.

        An interval of questions is covered by two ranges of the largest power of two that fits; each level's
        ranges then fall apart into two of the next.
        """
        first = np.searchsorted(self.asked, start)
        last = np.searchsorted(self.asked, end)
        seen = np.flatnonzero(last > first)
        first, last, values = first[seen], last[seen], values[seen]
        level = np.frexp((last - first).astype(np.float64))[1] - 1
        painted = np.full(len(self.asked), _NOTHING)
        for power in range(int(level.max(initial=-1)), -1, -1):
            rows, size = np.flatnonzero(level == power), 1 << power
            np.maximum.at(painted, first[rows], values[rows])
            np.maximum.at(painted, last[rows] - size, values[rows])
            half = size >> 1
            if half:
                lower = painted.copy()
                np.maximum(lower[half:], painted[:-half], out=lower[half:])
                painted = lower
        return painted, painted != _NOTHING

    def _reached(self, keys: Ints, weights: Ints | None) -> Ints:
        if weights is None:
            return np.searchsorted(np.sort(keys), self.asked, side="right")
        order = np.argsort(keys)
        totals = np.concatenate(([0], np.cumsum(weights[order])))
        return totals[np.searchsorted(keys[order], self.asked, side="right")]


def _needed(column: Column | None, name: str) -> Column:
    if column is None:
        raise ValueError(f"The events have no column {name!r}, which a feature needs.")
    return column
