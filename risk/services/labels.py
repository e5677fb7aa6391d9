"""Writes on labels: what subjects proved to be."""

from datetime import datetime

from django.db import IntegrityError, transaction

from core import journal
from core.refs import Ref
from orders.models import Order
from risk import rollups
from risk.features.declarations import Entity, Source
from risk.features.tables import LABEL_KEYS
from risk.models import Label, LabelSource


def record_label(
    subject: Ref,
    *,
    is_bad: bool,
    source: LabelSource,
    occurred_at: datetime,
    known_at: datetime,
    order: Order | None = None,
    merchant_id: int | None = None,
    weight: float = 1.0,
) -> Label:
    """Write what a subject proved to be; a source that speaks again corrects what it said.

    A correction is a new row. What was said before keeps counting for moments up to the one at which the
    correction became known, and a source that repeats itself changes nothing.

    order    copies its keys and its moment, so that label features can count for them
    """
    label = Label(
        subject_kind=subject.kind,
        subject_id=subject.id,
        source=source,
        is_bad=is_bad,
        occurred_at=occurred_at,
        known_at=known_at,
        weight=weight,
        merchant_id=merchant_id if order is None else order.merchant_id,
    )
    if order is not None:
        label.buyer_key, label.device_key, label.card_key = order.buyer_key, order.device_key, order.card_key
        label.subject_occurred_at = order.occurred_at
    with journal.unit():
        standing = _supersede(label)
        if standing is not None:
            return standing
        try:
            with transaction.atomic():
                label.save(force_insert=True)
        except IntegrityError:  # somebody said it first, between our look and our writing
            standing = _supersede(label)
            if standing is not None:
                return standing
            label.save(force_insert=True)
        if order is not None:
            rollups.forget(_keys_of(label), since=known_at, sources=(Source.LABELS, Source.OUTCOMES))
    return label


def _supersede(label: Label) -> Label | None:
    """End the standing label that this one corrects; return it, untouched, if it says the same."""
    said = Label.objects.filter(
        subject_kind=label.subject_kind,
        subject_id=label.subject_id,
        source=label.source,
        superseded_at=None,
    )
    standing = said.select_for_update().first()
    if standing is None:
        return None
    if (standing.is_bad, standing.weight) == (label.is_bad, label.weight):
        return standing
    standing.superseded_at = max(label.known_at, standing.known_at)
    standing.save(update_fields=["superseded_at"])
    return None


def _keys_of(label: Label) -> dict[Entity, list[int]]:
    keys = {entity: getattr(label, column) for entity, column in LABEL_KEYS.items()}
    return {entity: [key] for entity, key in keys.items() if key is not None}
