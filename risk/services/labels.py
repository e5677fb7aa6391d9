"""Writes on labels: what subjects proved to be."""

from datetime import datetime

from core import journal
from core.refs import Ref
from orders.models import Order
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

    order    copies its keys, so that label features can count for them
    """
    keys = (
        {
            "merchant_id": order.merchant_id,
            "buyer_key": order.buyer_key,
            "device_key": order.device_key,
            "card_key": order.card_key,
        }
        if order is not None
        else {"merchant_id": merchant_id}
    )
    with journal.unit():
        label, _ = Label.objects.update_or_create(
            subject_kind=subject.kind,
            subject_id=subject.id,
            source=source,
            defaults={
                "is_bad": is_bad,
                "occurred_at": occurred_at,
                "known_at": known_at,
                "weight": weight,
                **keys,
            },
        )
    return label
