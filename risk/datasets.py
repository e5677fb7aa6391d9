"""Training sets: labelled subjects with the inputs they had as of their decision.

Inputs stored with a decision are taken as they are, so that a model trains on
what it will see (no skew by construction). Imported history has no decisions;
its inputs are computed set-based from the same declarations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from django.db.models import Max

from catalog.models import ListingRevision
from merchants.models import MerchantApplication
from ml.datasets import TrainingSet

from .facts import applications, history, listings
from .facts.links import bad_labels_of
from .features.columns import Events, Questions
from .features.declarations import BAD, DECLARED, Declaration, Feature, Ratio, Source
from .features.direct import OrderColumns, direct_columns
from .features.link_sets import link_columns
from .features.links import ORDER_LINKS
from .features.setwise import add_ratios, compute_columns
from .inputs import current_inputs
from .models import Decision, Label, Subject

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Newer orders say more of today's fraud, and the inputs of this many are about half a gigabyte.
MAX_ORDERS = 400_000


Judged = TypeVar("Judged", ListingRevision, MerchantApplication)


def build_training_set(subject: str, *, as_of: datetime) -> TrainingSet:
    """Return the labelled subjects of a kind whose label was known before `as_of`, newest 400,000 orders."""
    if subject == Subject.ORDER:
        return _build_orders(as_of)
    truths = _read_truths(subject, as_of)
    if subject == Subject.LISTING:
        revisions = ListingRevision.objects.filter(pk__in=truths).select_related(
            "listing__merchant", "category"
        )
        return _build(subject, list(revisions), truths, listings.read_inputs)
    rows = MerchantApplication.objects.filter(pk__in=truths)
    return _build(subject, list(rows), truths, applications.read_inputs)


# ── Listings and applications ────────────────────────────────────────────────────────────────────
def _build(
    subject: str,
    rows: Sequence[Judged],
    truths: Mapping[int, bool],
    read_inputs: Callable[[Sequence[Judged], Sequence[datetime]], Floats],
) -> TrainingSet:
    names, feature_hash = current_inputs(subject)
    matrix = read_inputs(rows, [row.known_at for row in rows])
    ids = np.array([row.pk for row in rows], dtype=np.int64)
    _take_stored(matrix, ids, subject, feature_hash)
    return TrainingSet(
        features=names,
        matrix=matrix,
        is_bad=np.array([truths[row.pk] for row in rows], dtype=np.bool_),
        at=np.array([round(row.known_at.timestamp() * 1_000_000) for row in rows], dtype=np.int64),
    )


def _read_truths(subject: str, as_of: datetime) -> dict[int, bool]:
    """Return subject id → bad, if any source says so."""
    labels = Label.objects.as_of(as_of).filter(subject_kind=subject)
    truths: dict[int, bool] = {}
    for id, is_bad in labels.values_list("subject_id", "is_bad"):
        truths[id] = truths.get(id, False) or is_bad
    return truths


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────
def _build_orders(as_of: datetime) -> TrainingSet:
    orders = history.read_orders(before=as_of)
    labels = history.read_order_labels(before=as_of)
    rows, is_bad, weight = _join_truth(orders.events.ids, labels, as_of)
    newest = np.argsort(orders.events.known_at[rows], kind="stable")[-MAX_ORDERS:]
    rows, is_bad, weight = rows[newest], is_bad[newest], weight[newest]

    names, feature_hash = current_inputs(Subject.ORDER)
    matrix = compute_order_inputs(orders, labels, rows, names)
    _take_stored(matrix, orders.events.ids[rows], Subject.ORDER, feature_hash)
    return TrainingSet(names, matrix, is_bad, at=orders.events.known_at[rows], weight=weight)


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
