"""Builders of orders that a merchant may handle, and what the journal says of them."""

from typing import Any

from core.actors import SYSTEM, Actor
from core.models import OutboxEvent, TransitionRecord
from merchants.models import Merchant
from orders.handling import RefundedLine, accept_order, request_refund, ship_order
from orders.models import Order, OrderLine, Refund, Shipment
from orders.placing import NewLine
from orders.services import approve_order
from tests.make import NOON, make_order

MEMBER = Actor("user", "7")
TWO_LINES = (NewLine("Tea pot", 3, 4_000), NewLine("Cup", 2, 1_500))


def make_approved(merchant: Merchant | None = None, **fields: Any) -> Order:
    """Return a paid order of 3 pots and 2 cups, 150.00 in all, that waits for the merchant."""
    fields.setdefault("lines", TWO_LINES)
    order = make_order(merchant, **fields)
    approve_order(order, actor=SYSTEM, at=NOON)
    return order


def make_accepted(merchant: Merchant | None = None, **fields: Any) -> Order:
    order = make_approved(merchant, **fields)
    accept_order(order, actor=MEMBER, at=NOON)
    return order


def ship(order: Order, number: str = "SF1234567890123", **fields: Any) -> Shipment:
    fields.setdefault("carrier", "SF Express")
    return ship_order(order, tracking_number=number, actor=MEMBER, at=NOON, **fields)


def refund(order: Order, *pieces: int, **fields: Any) -> Refund:
    """Ask for `pieces[i]` of the order's i-th line back; 0 leaves a line out."""
    wanted = [
        RefundedLine(line.pk, count) for line, count in zip(lines_of(order), pieces, strict=False) if count
    ]
    fields.setdefault("reason", "damaged")
    return request_refund(order, lines=wanted, actor=MEMBER, at=NOON, **fields)


def lines_of(order: Order) -> list[OrderLine]:
    return list(order.lines.order_by("number"))


def actions_of(order: Order) -> list[str]:
    """Return what the journal says happened to the order, oldest first."""
    records = TransitionRecord.objects.filter(subject_kind="order", subject_id=order.pk)
    return list(records.order_by("id").values_list("action", flat=True))


def events_of(kind: str, id: int) -> list[str]:
    events = OutboxEvent.objects.filter(subject_kind=kind, subject_id=id)
    return list(events.order_by("id").values_list("type", flat=True))
