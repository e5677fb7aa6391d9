"""Training sets: labelled subjects with the inputs they had as of their decision.

Inputs stored with a decision are taken as they are, so that a model trains on
what it will see (no skew by construction). Imported history has no decisions;
its inputs are computed set-based from the same declarations.

What a label says, and of how many subjects:

- A subject is bad if any source says so, from the moment it is known. It is good if every source says so and
  it is at least `maturity` old: what a young one will prove to be is not known yet.
- It weighs as much as its most trusted source, times the number of subjects it stands for (`propensity`).

Groups keep what a model could merely remember off one side of a split. A group is a buyer (of orders) or a
merchant (of listings) from its first bad subject on: a later row of one that was caught before proves
nothing, as in the Fraud Detection Handbook's protocol, where known cards leave the test. Keeping every
returning buyer apart was measured on the sample marketplace and rejected: of 13,644 later orders 2,729
remain, and the bad share among them rises from 2.5 to 9.3 %, so that figures and calibration are of another
population; this way 13,436 remain with 2.4 %. Of 1,179 later listings it leaves 694 with 47 of 88 bad ones
(by merchant altogether: 333 with 23). A merchant applies for itself: an application is its own group.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from django.db.models import Count, Max

from catalog.models import ListingRevision
from merchants.models import MerchantApplication
from ml.datasets import TrainingSet

from . import segments
from .facts import applications, history, listings
from .facts.links import bad_labels_of
from .features.columns import Events, Questions
from .features.declarations import BAD, DECLARED, Declaration, Entity, Feature, Ratio, Source
from .features.direct import OrderColumns, direct_columns
from .features.link_sets import link_columns
from .features.links import ORDER_LINKS
from .features.setwise import add_ratios, compute_columns
from .inputs import current_inputs
from .models import Decision, Label, Subject
from .propensity import sampling_weights

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Newer orders say more of today's fraud, and the inputs of this many are about half a gigabyte.
MAX_ORDERS = 400_000
AT_ONCE = timedelta(0)
# Of all good rows by weight; the few that come later are of subjects that somebody looked into.
RIPE_SHARE = 0.995

Judged = TypeVar("Judged", ListingRevision, MerchantApplication)


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """A training set and what stands beside it, row by row.

    ids             (n,) of the subjects
    amount_minor    (n,) what is at stake, minor units of the base currency; an application has nothing yet: 0
    segments        name → (n,) codes, see `risk.segments`
    sources         label source → labels known by then, whichever rows they are of
    """

    data: TrainingSet
    ids: Ints
    amount_minor: Ints
    segments: segments.Segments
    sources: dict[str, int]

    def __len__(self) -> int:
        return len(self.data)

    def take(self, rows: Ints | Flags) -> "LabelledRows":
        return LabelledRows(
            self.data.take(rows),
            self.ids[rows],
            self.amount_minor[rows],
            segments.take(self.segments, rows),
            self.sources,
        )

    def ripe(self) -> "LabelledRows":
        """Return the rows from when both classes are known: nothing can be judged on chargebacks alone.

        Bad is told within days or weeks, good only when nothing has happened for long: the newest rows that
        have a label are bad. Where good ones do come at once (verdicts, random review) they keep the end.
        """
        good = np.flatnonzero(~self.data.is_bad)
        if not len(good):
            return self
        good = good[np.argsort(self.data.at[good], kind="stable")]
        weight = np.ones(len(self)) if self.data.weight is None else self.data.weight
        total = np.cumsum(weight[good])
        last = good[np.searchsorted(total, RIPE_SHARE * total[-1])]
        return self.take(self.data.at <= self.data.at[last])

    def split_at(self, cut_at: int) -> tuple["LabelledRows", "LabelledRows"]:
        """Return the rows before a moment and those from it on, the latter without groups seen before."""
        is_early = self.data.at < cut_at
        is_late = ~is_early
        if self.data.group is not None:
            is_late &= ~np.isin(self.data.group, self.data.group[is_early])
        return self.take(is_early), self.take(is_late)


def build_training_set(subject: str, *, as_of: datetime, maturity: timedelta = AT_ONCE) -> TrainingSet:
    """Return the labelled subjects of a kind whose label was known before `as_of`, newest 400,000 orders.

    maturity    how old a subject has to be at `as_of` to count as good; bad counts at once
    """
    return read_labelled(subject, as_of=as_of, maturity=maturity).data


def read_labelled(subject: str, *, as_of: datetime, maturity: timedelta = AT_ONCE) -> LabelledRows:
    """Return the training set of a kind with ids, amounts and segments; see `build_training_set`."""
    if subject == Subject.ORDER:
        return _read_orders(as_of, maturity)
    truths = _read_truths(subject, as_of)
    if subject == Subject.LISTING:
        revisions = list(
            ListingRevision.objects.filter(pk__in=truths).select_related("listing__merchant", "category")
        )
        data, kept = _build(subject, revisions, truths, listings.read_inputs, as_of, maturity)
        merchants = np.array([one.listing.merchant_id for one in kept], dtype=np.int64)
        return LabelledRows(
            _grouped(data, merchants),
            _ids(kept),
            np.array([one.base_price_minor for one in kept], dtype=np.int64),
            segments.of_listings(kept, data.at),
            _count_sources(subject, as_of),
        )
    rows = list(MerchantApplication.objects.filter(pk__in=truths))
    data, kept_rows = _build(subject, rows, truths, applications.read_inputs, as_of, maturity)
    return LabelledRows(
        data,
        _ids(kept_rows),
        np.zeros(len(kept_rows), dtype=np.int64),
        segments.of_applications(kept_rows),
        _count_sources(subject, as_of),
    )


# ── Listings and applications ────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Truth:
    is_bad: bool
    weight: float


def _build(
    subject: str,
    rows: Sequence[Judged],
    truths: Mapping[int, _Truth],
    read_inputs: Callable[[Sequence[Judged], Sequence[datetime]], Floats],
    as_of: datetime,
    maturity: timedelta,
) -> tuple[TrainingSet, list[Judged]]:
    kept = [row for row in rows if truths[row.pk].is_bad or row.known_at + maturity <= as_of]
    names, feature_hash = current_inputs(subject)
    matrix = read_inputs(kept, [row.known_at for row in kept])
    ids = _ids(kept)
    _take_stored(matrix, ids, subject, feature_hash)
    trust = np.array([truths[row.pk].weight for row in kept], dtype=np.float64)
    data = TrainingSet(
        features=names,
        matrix=matrix,
        is_bad=np.array([truths[row.pk].is_bad for row in kept], dtype=np.bool_),
        at=np.array([round(row.known_at.timestamp() * 1_000_000) for row in kept], dtype=np.int64),
        weight=trust * sampling_weights(subject, ids, as_of=as_of),
    )
    return data, kept


def _ids(rows: Sequence[ListingRevision] | Sequence[MerchantApplication]) -> Ints:
    return np.array([row.pk for row in rows], dtype=np.int64)


def _read_truths(subject: str, as_of: datetime) -> dict[int, _Truth]:
    """Return subject id → bad, if any source says so, and the trust in the best source."""
    labels = Label.objects.as_of(as_of).filter(subject_kind=subject)
    truths: dict[int, _Truth] = {}
    for id, is_bad, weight in labels.values_list("subject_id", "is_bad", "weight"):
        earlier = truths.get(id, _Truth(False, 0.0))
        truths[id] = _Truth(earlier.is_bad or is_bad, max(earlier.weight, weight))
    return truths


def _count_sources(subject: str, as_of: datetime) -> dict[str, int]:
    labels = Label.objects.as_of(as_of).filter(subject_kind=subject).order_by()
    return dict(labels.values_list("source").annotate(Count("pk")))


def _grouped(data: TrainingSet, keys: Ints) -> TrainingSet:
    """Add groups: a key from its first bad row on; every other row is its own."""
    if not len(keys):
        return data
    _, code = np.unique(keys, return_inverse=True)
    first_bad = np.full(code.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first_bad, code[data.is_bad], data.at[data.is_bad])
    alone = -1 - np.arange(len(keys))
    return replace(data, group=np.where(data.at >= first_bad[code], code, alone))


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────
def _read_orders(as_of: datetime, maturity: timedelta) -> LabelledRows:
    orders = history.read_orders(before=as_of)
    labels = history.read_order_labels(before=as_of)
    events = orders.events
    rows, is_bad, weight = _join_truth(events.ids, labels, as_of)
    is_ripe = is_bad | (events.known_at[rows] <= round((as_of - maturity).timestamp() * 1_000_000))
    rows, is_bad, weight = rows[is_ripe], is_bad[is_ripe], weight[is_ripe]
    newest = np.argsort(events.known_at[rows], kind="stable")[-MAX_ORDERS:]
    rows, is_bad, weight = rows[newest], is_bad[newest], weight[newest]

    names, feature_hash = current_inputs(Subject.ORDER)
    matrix = compute_order_inputs(orders, labels, rows, names)
    ids, at = events.ids[rows], events.known_at[rows]
    _take_stored(matrix, ids, Subject.ORDER, feature_hash)
    weight = weight * sampling_weights(Subject.ORDER, ids, as_of=as_of)
    buyers = events.keys[Entity.BUYER].take(rows)
    data = TrainingSet(names, matrix, is_bad, at=at, weight=weight)
    merchant_ids = events.keys[Entity.MERCHANT].values[rows]
    return LabelledRows(
        # A buyer who was not named is nobody that was seen before.
        _grouped(data, np.where(buyers.is_present, buyers.values, -1 - np.arange(len(rows)))),
        ids,
        orders.own.amount_minor[rows],
        segments.of_orders(names, matrix, merchant_ids, at),
        _count_sources(Subject.ORDER, as_of),
    )


def compute_order_inputs(
    orders: history.OrderHistory,
    labels: history.LabelHistory,
    rows: Ints,
    names: Sequence[str],
    declared: Mapping[str, Declaration] = DECLARED,
) -> Floats:
    """Return (n_rows, n_names): the inputs of these orders as of their arrival, from history alone.

    declared    what the names mean; a study of history may declare more than decisions are asked for
    """
    events = orders.events
    questions = Questions(
        as_of=events.known_at[rows], keys={entity: keys.take(rows) for entity, keys in events.keys.items()}
    )
    columns = direct_columns(_take(orders.own, rows))
    sources: dict[Source, Events] = {
        Source.ORDERS: events,
        Source.LABELS: labels.events,
        Source.OUTCOMES: labels.outcomes,
    }
    features, ratios = needed_for(names, declared)
    columns |= compute_columns(features, questions, sources)
    add_ratios(ratios, columns)
    if any(link.name in names for link in ORDER_LINKS):
        columns |= link_columns(questions, events, bad_labels_of(labels))
    return np.column_stack([columns[name] for name in names])


def needed_for(
    names: Sequence[str], declared: Mapping[str, Declaration] = DECLARED
) -> tuple[list[Feature], list[Ratio]]:
    """Return the features and ratios that these inputs are made of, each in its declared order."""
    wanted, ratios = set(names), []
    for one in reversed(tuple(declared.values())):  # a ratio builds on earlier ones only
        if isinstance(one, Ratio) and one.name in wanted:
            ratios.append(one)
            wanted |= {one.part, one.whole}
    features = [one for one in declared.values() if isinstance(one, Feature) and one.name in wanted]
    return features, ratios[::-1]


def _join_truth(ids: Ints, labels: history.LabelHistory, as_of: datetime) -> tuple[Ints, Flags, Floats]:
    """Return (rows, is_bad, weight) of the orders with a label that stood at `as_of`; `ids` are sorted."""
    position = np.searchsorted(ids, labels.subject_ids)
    is_known = ids[np.minimum(position, len(ids) - 1)] == labels.subject_ids if len(ids) else position < 0
    is_known &= labels.stood_at(as_of)
    position = position[is_known]
    bad, weight = np.zeros(len(ids), dtype=np.bool_), np.zeros(len(ids))
    np.logical_or.at(bad, position, labels.events.passes[BAD.code][is_known])
    np.maximum.at(weight, position, labels.weight[is_known])
    rows = np.unique(position)
    return rows, bad[rows], weight[rows]


def _take(own: OrderColumns, rows: Ints) -> OrderColumns:
    columns: dict[str, Any] = {field.name: getattr(own, field.name) for field in fields(own)}
    taken: dict[str, Any] = {
        name: None if column is None else column[rows] for name, column in columns.items()
    }
    return OrderColumns(**taken)


def _take_stored(matrix: Floats, ids: Ints, subject: str, feature_hash: str) -> None:
    """Overwrite rows whose decision stored its inputs, of the newest decision with today's schema."""
    decisions = Decision.objects.filter(subject_kind=subject, feature_hash=feature_hash)
    newest = dict(decisions.values_list("subject_id").annotate(Max("pk")))
    found = {id: row for row, id in enumerate(ids.tolist()) if id in newest}
    wanted = [newest[id] for id in found]
    for start in range(0, len(wanted), 5_000):
        stored = Decision.objects.filter(pk__in=wanted[start : start + 5_000])
        for subject_id, features in stored.values_list("subject_id", "features"):
            matrix[found[subject_id]] = np.frombuffer(features, dtype="<f8")
