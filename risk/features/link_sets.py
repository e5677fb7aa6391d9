"""Link features of many questions at once, with the same bounds as `link_sql`, exact to the event.

Each step is a join of many questions with sorted events. Orders sorted by (key, occurred_at, id) lie together
per key, so "the newest n before as_of" are the n positions before one binary search, those not known yet left
out. All arrays are flat: an array `question` says whose row each one is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from risk.features.columns import MICROSECONDS_PER_HOUR, Events, Flags, Floats, Ints, Keys, Questions
from risk.features.declarations import Entity
from risk.features.link_sql import LINK_ENTITIES
from risk.features.links import (
    BUYER_ORDERS,
    FOLLOWED_BUYERS,
    FOLLOWED_KEYS,
    KEY_ORDERS,
    LINK_WINDOW_HOURS,
    LINKED_BAD_BUYERS,
    LINKED_BUYERS,
    LINKED_COMPONENT,
    ORDER_LINKS,
    OWN_ORDERS,
    STEP_BUYERS,
)

_WINDOW = LINK_WINDOW_HOURS * MICROSECONDS_PER_HOUR
_CHUNK = 2_000  # questions at once: a thousand rows each at the bounds, some hundred megabytes at worst


@dataclass(frozen=True, eq=False)
class BadLabels:
    """The bad labels of orders whose buyer is known; every array is (n_labels,), in any order.

    known_at         microseconds since the epoch, UTC
    superseded_at    likewise, when a correction became known; NEVER where the label stands
    """

    buyers: Ints
    known_at: Ints
    superseded_at: Ints


def link_columns(questions: Questions, orders: Events, labels: BadLabels) -> dict[str, Floats]:
    """Return every link feature's (n_questions,) column by name, NaN where there is nothing to be linked by.

    >>> buyer, device = Keys.all_present(np.array([1, 2, 3])), Keys.all_present(np.array([7, 7, 8]))
    >>> at, nothing = np.array([0, 10, 20]) * MICROSECONDS_PER_HOUR, np.array([], dtype=np.int64)
    >>> orders = Events(np.arange(3), at, at, {Entity.BUYER: buyer, Entity.DEVICE: device})
    >>> labels = BadLabels(nothing, nothing, nothing)
    >>> link_columns(Questions(at, orders.keys), orders, labels)["linked_buyers_30d_count"]
    array([0., 1., 0.])
    """
    columns = {link.name: np.full(len(questions), np.nan) for link in ORDER_LINKS}
    graph = _Graph.over(orders.without_repeats(), labels)
    rows = np.flatnonzero(_is_linkable(questions))
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        for name, values in graph.answer(_take(questions, part)).items():
            columns[name][part] = values
    return columns


def _is_linkable(questions: Questions) -> Flags:
    """Tell which questions have a device, a card or an address."""
    linkable = np.zeros(len(questions), dtype=np.bool_)
    for entity in LINK_ENTITIES:
        if entity in questions.keys:
            linkable |= questions.keys[entity].is_present
    return linkable


def _take(questions: Questions, rows: Ints) -> Questions:
    keys = {entity: questions.keys[entity].take(rows) for entity in questions.keys}
    return Questions(questions.as_of[rows], keys)


@dataclass(frozen=True, eq=False)
class _Found:
    """Orders found for questions: whose they are, and their rows in the events."""

    question: Ints
    row: Ints


@dataclass(frozen=True, eq=False)
class _Index:
    """Orders that have one entity, sorted by (key, occurred_at, id).

    codes     the sorted different keys
    rows      event rows in that order
    places    key code × width + rank of occurred_at, sorted
    times     the sorted different occurred_at of all orders
    """

    codes: Ints
    rows: Ints
    places: Ints
    times: Ints

    @classmethod
    def over(cls, events: Events, entity: Entity, times: Ints) -> "_Index":
        keys = _keys_of(events, entity)
        present = np.flatnonzero(keys.is_present)
        codes, code = np.unique(keys.values[present], return_inverse=True)
        place = code * (len(times) + 1) + np.searchsorted(times, events.occurred_at[present])
        order = np.lexsort((events.ids[present], place))
        return cls(codes, present[order], place[order], times)

    def newest(self, question: Ints, keys: Ints, as_of: Ints, known_at: Ints, limit: int) -> _Found:
        """Return the newest `limit` visible orders of each (question, key); as_of is one per pair."""
        code, is_known = _find(self.codes, keys)
        question, as_of = question[is_known], as_of[is_known]
        base = code[is_known] * (len(self.times) + 1)
        since = np.searchsorted(self.places, base + np.searchsorted(self.times, as_of - _WINDOW))
        end = np.searchsorted(self.places, base + np.searchsorted(self.times, as_of))
        found = list(self._walk_back(since, end, as_of, known_at, limit))
        pair = np.concatenate([pair for pair, _ in found])
        return _Found(question[pair], np.concatenate([row for _, row in found]))

    def _walk_back(
        self, since: Ints, end: Ints, as_of: Ints, known_at: Ints, limit: int
    ) -> Iterator[tuple[Ints, Ints]]:
        """Yield (pair, row) blocks. A second block is needed only where orders became known too late."""
        open_, wanted, block = np.arange(len(end)), np.full(len(end), limit), limit
        end = end.copy()
        yield np.zeros(0, np.int64), np.zeros(0, np.int64)
        while len(open_):
            start = np.maximum(since[open_], end[open_] - block)
            pair, place = _spread(open_, start, end[open_])
            row = self.rows[place]
            seen = known_at[row] < as_of[pair]
            pair, row = pair[seen], row[seen]
            kept = _rank(pair) < wanted[pair]
            yield pair[kept], row[kept]
            np.subtract.at(wanted, pair[kept], 1)
            end[open_] = start
            open_ = open_[(wanted[open_] > 0) & (start > since[open_])]
            block *= 2


@dataclass(frozen=True, eq=False)
class _Graph:
    """Orders indexed by each entity, and when each buyer was bad."""

    events: Events
    buyers: Keys
    indexes: dict[Entity, _Index]
    bad: "_Bad"

    @classmethod
    def over(cls, orders: Events, labels: BadLabels) -> "_Graph":
        times = np.unique(orders.occurred_at)
        entities = (Entity.BUYER, *LINK_ENTITIES)
        indexes = {entity: _Index.over(orders, entity, times) for entity in entities}
        return cls(orders, _keys_of(orders, Entity.BUYER), indexes, _Bad.over(labels))

    def answer(self, questions: Questions) -> dict[str, Floats]:
        """Return the features of linkable questions."""
        size = len(questions)
        near = self._near(questions)
        far = self._far(questions, near)
        first, second = np.bincount(near.question, minlength=size), np.bincount(far.question, minlength=size)
        reached = np.concatenate([near.question, far.question])
        is_bad = self.bad.at(np.concatenate([near.key, far.key]), questions.as_of[reached])
        return {
            LINKED_BUYERS.name: first.astype(np.float64),
            LINKED_COMPONENT.name: (1 + first + second).astype(np.float64),
            LINKED_BAD_BUYERS.name: np.bincount(reached[is_bad], minlength=size).astype(np.float64),
        }

    def _near(self, questions: Questions) -> "_Ranked":
        found = [
            self._newest(entity, rows, questions.keys[entity].values[rows], questions, OWN_ORDERS)
            for entity in LINK_ENTITIES
            if entity in questions.keys
            for rows in [np.flatnonzero(questions.keys[entity].is_present)]
        ]
        return self._step(_join(found), questions, _NOBODY)

    def _far(self, questions: Questions, near: "_Ranked") -> "_Ranked":
        followed = near.first(FOLLOWED_BUYERS)
        used = self._newest(Entity.BUYER, followed.question, followed.key, questions, BUYER_ORDERS)
        keys = self._keys_used(used, questions).first(FOLLOWED_KEYS)
        found = [
            self._newest(entity, keys.question[mine], keys.key[mine], questions, KEY_ORDERS)
            for kind, entity in enumerate(LINK_ENTITIES)
            for mine in [keys.kind == kind]
        ]
        return self._step(_join(found), questions, near)

    def _newest(self, entity: Entity, question: Ints, keys: Ints, questions: Questions, limit: int) -> _Found:
        as_of = questions.as_of[question]
        return self.indexes[entity].newest(question, keys, as_of, self.events.known_at, limit)

    def _step(self, found: _Found, questions: Questions, known: "_Ranked") -> "_Ranked":
        """Return the different other buyers of some orders, the newest STEP_BUYERS of each question."""
        named = self.buyers.is_present[found.row]
        question, row = found.question[named], found.row[named]
        buyer = self.buyers.values[row]
        own = questions.keys.get(Entity.BUYER)
        if own is not None:
            other = ~own.is_present[question] | (own.values[question] != buyer)
            question, row, buyer = question[other], row[other], buyer[other]
        ranked = _rank_by_newest(question, np.zeros_like(buyer), buyer, self.events.occurred_at[row])
        return ranked.without(known).first(STEP_BUYERS)

    def _keys_used(self, used: _Found, questions: Questions) -> "_Ranked":
        """Return the different keys in some orders, newest first, the question's own left out."""
        parts = []
        for kind, entity in enumerate(LINK_ENTITIES):
            keys = _keys_of(self.events, entity)
            present = keys.is_present[used.row]
            question, row = used.question[present], used.row[present]
            own = questions.keys.get(entity)
            if own is not None:
                other = ~own.is_present[question] | (own.values[question] != keys.values[row])
                question, row = question[other], row[other]
            parts.append((question, np.full_like(row, kind), keys.values[row], self.events.occurred_at[row]))
        question, kinds, values, at = (np.concatenate(column) for column in zip(*parts, strict=True))
        return _rank_by_newest(question, kinds, values, at)


@dataclass(frozen=True, eq=False)
class _Bad:
    """Bad labels by buyer: a buyer is bad while more of them have begun than have ended.

    buyers    the sorted different buyers
    begun     buyer code × width + rank of known_at, sorted; ended likewise of superseded_at
    times     the sorted different moments of both
    """

    buyers: Ints
    begun: Ints
    ended: Ints
    times: Ints

    @classmethod
    def over(cls, labels: BadLabels) -> "_Bad":
        buyers, code = np.unique(labels.buyers, return_inverse=True)
        times = np.unique(np.concatenate([labels.known_at, labels.superseded_at]))
        begun, ended = (
            np.sort(code * (len(times) + 1) + np.searchsorted(times, moments))
            for moments in (labels.known_at, labels.superseded_at)
        )
        return cls(buyers, begun, ended, times)

    def at(self, buyers: Ints, as_of: Ints) -> Flags:
        """Tell who was bad: a label counts if `known_at < as_of <= superseded_at`."""
        code, is_known = _find(self.buyers, buyers)
        base = code[is_known] * (len(self.times) + 1)
        asked = base + np.searchsorted(self.times, as_of[is_known])
        flags = np.zeros(len(buyers), dtype=np.bool_)
        # Labels of buyers before this one begin and end before `base` in both arrays: they cancel out.
        flags[is_known] = np.searchsorted(self.begun, asked) > np.searchsorted(self.ended, asked)
        return flags


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Different keys of each question, sorted by question and then newest first."""

    question: Ints
    kind: Ints
    key: Ints

    def first(self, limit: int) -> "_Ranked":
        return self._where(_rank(self.question) < limit)

    def without(self, others: "_Ranked") -> "_Ranked":
        """Return those whose (question, key) is not among the others."""
        if not len(others.key) or not len(self.key):
            return self
        both = np.concatenate([others.key, self.key])
        _, code = np.unique(both, return_inverse=True)
        pair = np.concatenate([others.question, self.question]) * (code.max() + 1) + code
        return self._where(~np.isin(pair[len(others.key) :], pair[: len(others.key)]))

    def _where(self, flags: Flags) -> "_Ranked":
        return _Ranked(self.question[flags], self.kind[flags], self.key[flags])


_NOBODY = _Ranked(*[np.zeros(0, np.int64)] * 3)


def _find(sorted_values: Ints, values: Ints) -> tuple[Ints, Flags]:
    """Return each value's place among the sorted ones, and whether it is there at all.

    >>> _find(np.array([2, 5]), np.array([5, 9]))
    (array([1, 2]), array([ True, False]))
    """
    place = np.searchsorted(sorted_values, values)
    is_there = np.zeros(len(values), dtype=np.bool_)
    inside = place < len(sorted_values)
    is_there[inside] = sorted_values[place[inside]] == values[inside]
    return place, is_there


def _rank_by_newest(question: Ints, kind: Ints, key: Ints, at: Ints) -> _Ranked:
    """Return the different (kind, key) of each question by their newest moment, then kind and key."""
    order = np.lexsort((-at, key, kind, question))
    question, kind, key, at = question[order], kind[order], key[order], at[order]
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = (question[1:] != question[:-1]) | (kind[1:] != kind[:-1]) | (key[1:] != key[:-1])
    question, kind, key, at = question[is_first], kind[is_first], key[is_first], at[is_first]
    order = np.lexsort((key, kind, -at, question))
    return _Ranked(question[order], kind[order], key[order])


def _rank(groups: Ints) -> Ints:
    """Return each element's place in its run of equal values.

    >>> _rank(np.array([4, 4, 4, 9, 9]))
    array([0, 1, 2, 0, 1])
    """
    if not len(groups):
        return groups
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))


def _spread(pairs: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Return each pair once for every place in [start, end), the last place first.

    >>> _spread(np.array([3, 5]), np.array([0, 7]), np.array([2, 8]))
    (array([3, 3, 5]), array([1, 0, 7]))
    """
    lengths = end - start
    pair = np.repeat(pairs, lengths)
    return pair, np.repeat(end, lengths) - 1 - _rank(np.repeat(np.arange(len(pairs)), lengths))


def _join(found: list[_Found]) -> _Found:
    nothing = np.zeros(0, np.int64)
    return _Found(
        np.concatenate([nothing, *(one.question for one in found)]),
        np.concatenate([nothing, *(one.row for one in found)]),
    )


def _keys_of(events: Events, entity: Entity) -> Keys:
    size = len(events.ids)
    return events.keys.get(entity, Keys(np.zeros(size, np.int64), np.zeros(size, np.bool_)))
