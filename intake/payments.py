"""What payment providers report. A chargeback is a fact of the order and, above it, the truth about it."""

from datetime import datetime

from core import journal, outbox
from core.actors import Actor
from core.refs import Ref
from orders.handling import CHARGEBACK, record_payment_event
from orders.models import Order, PaymentEvent, Refund
from risk.models import LabelSource
from risk.services import record_label


def report_payment_event(
    order: Order,
    *,
    external_id: str,
    kind: str,
    amount_minor: int,
    occurred_at: datetime,
    refund: Refund | None = None,
    actor: Actor,
    at: datetime,
) -> PaymentEvent:
    """Take in one message; the same message again changes nothing.

    kind    authorized, paid, voided, refund_succeeded, refund_failed or chargeback
    """
    with journal.unit():
        event = record_payment_event(
            order,
            external_id=external_id,
            kind=kind,
            amount_minor=amount_minor,
            occurred_at=occurred_at,
            refund=refund,
            actor=actor,
            at=at,
        )
        if kind == CHARGEBACK and event.known_at == at:
            _learn_from_chargeback(order, event)
    return event


def _learn_from_chargeback(order: Order, event: PaymentEvent) -> None:
    record_label(
        Ref("order", order.pk),
        is_bad=True,
        source=LabelSource.CHARGEBACK,
        occurred_at=event.occurred_at,
        known_at=event.known_at,
        order=order,
    )
    outbox.record(
        "dispute.opened",
        subject=Ref("order", order.pk),
        merchant_id=order.merchant_id,
        payload={"kind": CHARGEBACK, "amount_minor": event.amount_minor},
    )
