"""Measure parity: recompute set-based what decisions were told online, and compare to the last bit.

Two computations of one declaration must agree. Where a stored value differs, there are two kinds:

- A mismatch: both computations saw the same events. It is an error, and there should be none.
- An overlap: the recomputation counts an event that the decision could not see yet, because the transaction
  that wrote it was still in progress, or had not begun, when the decision read its history. A difference is
  an overlap only if leaving out exactly the unseen events gives the stored value, see `risk.visibility`.

Decisions are read in chunks, and for each chunk and entity only the events of the keys in it.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np

from core.ids import first_id_at

from . import visibility
from .facts import history
from .facts.links import read_surroundings
from .facts.orders import ORDER_FEATURE_HASH, ORDER_INPUT_NAMES
from .features.columns import Events, Flags, Floats, Ints, Questions
from .features.declarations import DAY, ORDER_FEATURES, ORDER_RATIOS, Entity, Feature, Source
from .features.definition import evaluate
from .features.direct import direct_columns
from .features.link_sets import link_columns
from .features.setwise import add_ratios, compute_columns
from .models import Decision, ParityRun, Subject

CHUNK = 5_000  # decisions: with their keys' history a few hundred megabytes at most
_HISTORY = "history"  # stands in what failed where a decision was made without it
_SHOWN = 20  # of the worst features, and of the examples
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def measure(*, since: datetime, until: datetime, at: datetime, chunk: int = CHUNK) -> ParityRun:
    """Compare the order decisions made in [since, until) and keep the result.

    Decisions whose inputs were declared differently, or whose history could not be read, are left out.
    """
    started = time.monotonic()
    run = ParityRun.objects.create(since=since, until=until, started_at=at, features=len(ORDER_INPUT_NAMES))
    found = _Findings()
    for decisions in _chunks(since, until, chunk):
        _compare(decisions, found)
    run.events, run.mismatches = found.events, found.mismatches.total()
    run.overlapping = found.overlapping.total()
    run.detail = {
        "features": dict(found.mismatches.most_common(_SHOWN)),
        "overlapping_features": dict(found.overlapping.most_common(_SHOWN)),
        "examples": found.examples[:_SHOWN],
    }
    run.finished_at = at + timedelta(seconds=time.monotonic() - started)
    run.save()
    return run


@dataclass
class _Findings:
    """What was found so far: differing values by input."""

    events: int = 0
    mismatches: Counter[str] = field(default_factory=Counter)
    overlapping: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Decisions:
    """A chunk of decisions beside their orders, in the order of the orders' ids.

    stored    (n, n_inputs) as the decisions kept them
    """

    ids: Ints
    questions: Questions
    created_at: Ints
    orders: history.OrderHistory
    stored: Floats

    def column(self, name: str) -> Floats:
        return self.stored[:, ORDER_INPUT_NAMES.index(name)]


def _chunks(since: datetime, until: datetime, size: int) -> Iterator[_Decisions]:
    rows = Decision.objects.filter(
        subject_kind=Subject.ORDER,
        feature_hash=ORDER_FEATURE_HASH,
        id__gte=first_id_at(since),
        id__lt=first_id_at(until),
    ).order_by("id")
    last = 0
    while found := list(
        rows.filter(id__gt=last).values_list(
            "subject_id", "id", "as_of", "created_at", "features", "degraded"
        )[:size]
    ):
        last = found[-1][1]
        yield from _together([(*row[:4], bytes(row[4])) for row in found if _HISTORY not in row[5]])


def _together(found: list[tuple[int, int, datetime, datetime, bytes]]) -> Iterator[_Decisions]:
    """Yield decisions beside their orders; an order that was decided twice needs two rounds."""
    while found:
        by_order = {row[0]: row for row in found}
        kept = {row[1] for row in by_order.values()}
        found = [row for row in found if row[1] not in kept]
        orders = history.read_orders_by_id(list(by_order))
        mine = [by_order[id] for id in orders.events.ids.tolist()]
        if not mine:
            continue
        as_of = np.array([_microseconds(row[2]) for row in mine])
        yield _Decisions(
            ids=np.array([row[1] for row in mine]),
            questions=Questions(as_of, orders.events.keys),
            created_at=np.array([_microseconds(row[3]) for row in mine]),
            orders=orders,
            stored=np.stack([np.frombuffer(row[4], dtype="<f8") for row in mine]),
        )


def _compare(decisions: _Decisions, found: _Findings) -> None:
    found.events += len(decisions.ids)
    columns = direct_columns(decisions.orders.own)
    for name in columns:
        _count_mismatches(decisions, name, columns[name], found)
    ordered = sorted(ORDER_FEATURES, key=lambda feature: (feature.source, feature.entity))
    for (source, entity), group in groupby(ordered, key=lambda feature: (feature.source, feature.entity)):
        columns |= _compare_group(decisions, source, entity, list(group), found)
    add_ratios(ORDER_RATIOS, columns)
    for ratio in ORDER_RATIOS:
        _count_mismatches(decisions, ratio.name, columns[ratio.name], found)
    _compare_links(decisions, found)


def _compare_group(
    decisions: _Decisions, source: Source, entity: Entity, features: list[Feature], found: _Findings
) -> dict[str, Floats]:
    """Return the group's columns as the decisions could see them: without what each could not see."""
    events, written_at = _read_events(decisions.questions, source, entity, features)
    columns = compute_columns(features, decisions.questions, {source: events})
    differing = {
        feature: np.flatnonzero(_differ(decisions.column(feature.name), columns[feature.name]))
        for feature in features
    }
    rows = sorted({row for indexes in differing.values() for row in indexes.tolist()})
    keys, is_present = decisions.questions.keys[entity].values, decisions.questions.keys[entity].is_present
    marks = _marks(decisions.ids[rows])
    for row in rows:
        as_of, key = int(decisions.questions.as_of[row]), int(keys[row])
        seen: list[Events] = []
        if is_present[row]:
            mine = np.flatnonzero(events.keys[entity].is_present & (events.keys[entity].values == key))
            decision = int(decisions.ids[row])
            seen += visibility.seen_events(
                source,
                events.take(mine),
                written_at[mine],
                as_of=as_of,
                mark=marks[decision],
                decided_at=int(decisions.created_at[row]),
            )
        for feature in features:
            if row not in differing[feature]:
                continue
            stored = float(decisions.column(feature.name)[row])
            without = [evaluate(feature, subset, key, as_of) for subset in seen]
            if any(_same(value, stored) for value in without):
                found.overlapping[feature.name] += 1
                columns[feature.name][row] = stored
                continue
            if without:
                columns[feature.name][row] = without[0]
            _note(decisions, row, feature.name, float(columns[feature.name][row]), found)
    return columns


def _compare_links(decisions: _Decisions, found: _Findings) -> None:
    """Compare the links; one that differs is computed again from what its decision could see."""
    questions = decisions.questions
    orders, written_at, labels = read_surroundings(questions)
    columns = link_columns(questions, orders, labels)
    differing = {name: _differ(decisions.column(name), column) for name, column in columns.items()}
    rows = np.flatnonzero(np.logical_or.reduce(list(differing.values())))
    marks = _marks(decisions.ids[rows])
    for row in rows.tolist():
        only = np.array([row])
        one = Questions(
            questions.as_of[only], {entity: keys.take(only) for entity, keys in questions.keys.items()}
        )
        seen = visibility.seen_events(
            Source.ORDERS,
            orders,
            written_at,
            as_of=int(questions.as_of[row]),
            mark=marks[int(decisions.ids[row])],
            decided_at=int(decisions.created_at[row]),
        )
        answers = [link_columns(one, subset, labels) for subset in seen]
        for name in (name for name, differs in differing.items() if differs[row]):
            stored = float(decisions.column(name)[row])
            if any(_same(float(answer[name][0]), stored) for answer in answers):
                found.overlapping[name] += 1
            else:
                _note(decisions, row, name, float(columns[name][row]), found)


def _read_events(
    questions: Questions, source: Source, entity: Entity, features: list[Feature]
) -> tuple[Events, Ints]:
    """Return the events of everyone asked about, over the widest window, and when each was written."""
    asked = questions.keys[entity]
    keys = np.unique(asked.values[asked.is_present]).tolist()
    reach = max(feature.window_minutes + feature.delay_minutes for feature in features) + DAY
    since = _moment(int(questions.as_of.min())) - timedelta(minutes=reach)
    before = _moment(int(questions.as_of.max()))
    if source is Source.ORDERS:
        orders = history.read_orders_of(entity, keys, since=since, before=before)
        return orders.events, orders.written_at
    labels = history.read_labels_of(entity, keys, since=since, before=before, source=source)
    return (labels.events if source is Source.LABELS else labels.outcomes), labels.written_at


def _count_mismatches(decisions: _Decisions, name: str, computed: Floats, found: _Findings) -> None:
    for row in np.flatnonzero(_differ(decisions.column(name), computed)).tolist():
        _note(decisions, row, name, float(computed[row]), found)


def _note(decisions: _Decisions, row: int, name: str, computed: float, found: _Findings) -> None:
    found.mismatches[name] += 1
    if len(found.examples) < _SHOWN:
        stored = float(decisions.column(name)[row])
        found.examples.append(
            {
                "decision": int(decisions.ids[row]),
                "feature": name,
                "stored": None if np.isnan(stored) else stored,
                "computed": None if np.isnan(computed) else computed,
            }
        )


def _marks(ids: Ints) -> Mapping[int, str | None]:
    """Return the snapshot mark of these decisions, None for one that kept none."""
    rows = Decision.objects.filter(pk__in=ids.tolist())
    return dict(rows.values_list("pk", "snapshot__mark"))


def _differ(stored: Floats, computed: Floats) -> Flags:
    differs: Flags = (stored != computed) & ~(np.isnan(stored) & np.isnan(computed))
    return differs


def _same(one: float, other: float) -> bool:
    return one == other or (np.isnan(one) and np.isnan(other))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
