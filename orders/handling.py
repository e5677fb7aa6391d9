"""What a merchant does with an approved order, and what the payment provider reports."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from core import journal, outbox
from core.actors import Actor
from core.errors import Conflict, FieldError, ValidationFailed
from core.refs import Ref

from .models import (
    Order,
    OrderLine,
    OrderStatus,
    PaymentEvent,
    PaymentStatus,
    Refund,
    RefundLine,
    RefundStatus,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
)
from .states import ORDER, REFUND, SHIPMENT

# Carriers' published formats; an unknown carrier takes any reasonable number.
TRACKING_PATTERNS = {
    "SF Express": r"SF\d{12,13}",
    "DHL": r"\d{10,11}|JJD\d{16,18}",
    "UPS": r"1Z[0-9A-Z]{16}",
    "China Post EMS": r"[A-Z]{2}\d{9}CN",
    "FedEx": r"\d{12}|\d{15}",
}
_ANY_TRACKING = r"[A-Za-z0-9-]{5,40}"


# ── Acceptance ───────────────────────────────────────────────────────────────────────────────────
def accept_order(order: Order, *, actor: Actor, at: datetime) -> None:
    """Promise to fulfil an order."""
    with journal.unit():
        ORDER.move(order, "accept", actor=actor)
        _announce("order.accepted", order)


def refuse_order(order: Order, *, actor: Actor, at: datetime, reason: str) -> None:
    """Turn an order down; it counts against the merchant's rate."""
    with journal.unit():
        ORDER.move(order, "refuse", actor=actor, comment=reason)
        _announce("order.refused", order)


def cancel_order(order: Order, *, actor: Actor, at: datetime, reason: str) -> None:
    """Cancel an order before it ships; a hold ends with it."""
    with journal.unit():
        ORDER.move(
            order,
            "cancel",
            actor=actor,
            comment=reason,
            hold_kind="",
            hold_reason="",
            hold_statement_id=None,
        )
        _announce("order.cancelled", order)


# ── Shipping ─────────────────────────────────────────────────────────────────────────────────────
def ship_order(
    order: Order,
    *,
    carrier: str,
    tracking_number: str,
    quantities: Mapping[int, int] | None = None,
    actor: Actor,
    at: datetime,
) -> Shipment:
    """Ship a parcel and move the order on: shipped when nothing is left, else partially shipped.

    Locks the order, so that two parcels cannot ship the same item. A parcel is
    known by its carrier and number: the same one again is returned as it is.

    quantities    order line id → pieces in this parcel; None = everything that is left
    """
    _check_tracking(carrier, tracking_number)
    with journal.unit():
        _lock(order)
        known = order.shipments.filter(carrier=carrier, tracking_number=tracking_number)
        if repeated := known.exclude(status=ShipmentStatus.CANCELLED).first():
            return repeated
        _require_shippable(order)
        left = pieces_left(order)
        taken = left if quantities is None else _checked(quantities, left)
        action = "ship" if taken == left else "ship_part"
        if order.status != OrderStatus.PARTIALLY_SHIPPED or action == "ship":
            ORDER.move(order, action, actor=actor)
        shipment = Shipment.objects.create(
            order=order, carrier=carrier, tracking_number=tracking_number, status=ShipmentStatus.PENDING
        )
        ShipmentLine.objects.bulk_create(
            ShipmentLine(shipment=shipment, order_line_id=line_id, quantity=quantity)
            for line_id, quantity in taken.items()
        )
        SHIPMENT.move(shipment, "ship", actor=actor, shipped_at=at)
        _announce("order.shipped", order, carrier=carrier)
    return shipment


def pieces_left(order: Order) -> dict[int, int]:
    """Return what of each line has not been shipped, lines with nothing left omitted. Two queries."""
    shipped = dict(
        ShipmentLine.objects.filter(shipment__order=order)
        .exclude(shipment__status=ShipmentStatus.CANCELLED)
        .values_list("order_line_id")
        .annotate(Sum("quantity"))
    )
    lines = order.lines.values_list("pk", "quantity")
    return {pk: quantity - shipped.get(pk, 0) for pk, quantity in lines if quantity > shipped.get(pk, 0)}


# ── Refunds ──────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class RefundedLine:
    """Pieces of one order line to refund, at its unit price unless another amount is agreed."""

    line_id: int
    quantity: int
    amount_minor: int | None = None


def request_refund(
    order: Order,
    *,
    reason: str,
    lines: Sequence[RefundedLine],
    comment: str = "",
    newest_seen: int | None = None,
    actor: Actor,
    at: datetime,
) -> Refund:
    """Ask for money back. It stays pending until the payment provider reports.

    Locks the order: the sum of open and succeeded refunds never exceeds its total.

    newest_seen    id of the newest refund the caller knew of, 0 = of none: a second click on one
                   form is refused as a Conflict. None = not checked, the caller has its own key
    """
    with journal.unit():
        _lock(order)
        if order.payment_status not in {PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED}:
            raise Conflict(_("Only a paid order can be refunded."), code="not_paid")
        if newest_seen is not None and order.refunds.filter(pk__gt=newest_seen).exists():
            raise Conflict(_("Another refund of this order was requested meanwhile."), code="refunds_changed")
        rows = _refund_rows(order, lines)
        total = sum(row.amount_minor for row in rows)
        if not total:
            raise ValidationFailed(
                [FieldError("/lines", "nothing_to_refund", _("There is nothing to pay back."))]
            )
        if total > refundable_minor(order):
            detail = _("This is more than what is left of the order’s total.")
            raise ValidationFailed([FieldError("/lines", "exceeds_total", detail)])
        refund = Refund.objects.create(
            order=order, reason=reason, comment=comment, amount_minor=total, currency=order.currency
        )
        for row in rows:
            row.refund = refund
        RefundLine.objects.bulk_create(rows)
        REFUND.enter(refund, actor=actor, state=refund.status, action="request")
        outbox.record(
            "refund.pending",
            subject=Ref("refund", refund.pk),
            merchant_id=order.merchant_id,
            payload={"order": order.pk, "amount_minor": total, "currency": order.currency},
        )
    return refund


def refundable_minor(order: Order) -> int:
    """Return what could still be refunded, in minor units of the order's currency."""
    counted = Q(status__in=[RefundStatus.PENDING, RefundStatus.PROCESSING, RefundStatus.SUCCEEDED])
    refunded = order.refunds.filter(counted).aggregate(total=Sum("amount_minor"))["total"] or 0
    return order.total_minor - refunded


def pieces_to_refund(order: Order, lines: Iterable[OrderLine]) -> dict[int, int]:
    """Return what of each line is in no open or succeeded refund, 0 if nothing is left. One query."""
    counted = RefundLine.objects.filter(refund__order=order).exclude(
        refund__status__in=[RefundStatus.CANCELLED, RefundStatus.FAILED]
    )
    refunded = dict(counted.values_list("order_line_id").annotate(Sum("quantity")))
    return {line.pk: line.quantity - refunded.get(line.pk, 0) for line in lines}


# ── Payment events ───────────────────────────────────────────────────────────────────────────────
# What a report makes of the payment, and from which states: a late "authorized" never undoes "paid".
_PAYMENTS: Mapping[str, tuple[PaymentStatus, frozenset[str]]] = {
    "authorized": (PaymentStatus.AUTHORIZED, frozenset({PaymentStatus.UNPAID})),
    "paid": (PaymentStatus.PAID, frozenset({PaymentStatus.UNPAID, PaymentStatus.AUTHORIZED})),
    "voided": (PaymentStatus.VOIDED, frozenset({PaymentStatus.UNPAID, PaymentStatus.AUTHORIZED})),
}
_REFUNDS: Mapping[str, str] = {"refund_succeeded": "succeed", "refund_failed": "fail"}
# Only a fact here: what follows from it is for the layers above.
CHARGEBACK = "chargeback"


def record_payment_event(
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
    """Take in what the payment provider reports; the same message again changes nothing.

    Locks the order. A report that comes too late to matter is kept and moves nothing.

    kind    authorized, paid, voided, refund_succeeded, refund_failed or chargeback
    """
    if kind not in {*_PAYMENTS, *_REFUNDS, CHARGEBACK}:
        raise ValidationFailed([FieldError("/kind", "unknown_kind", f"Unknown payment event “{kind}”.")])
    with journal.unit():
        _lock(order)
        known = PaymentEvent.objects.filter(order=order, external_id=external_id).first()
        if known is not None:
            return known
        event = PaymentEvent.objects.create(
            order=order,
            refund=refund,
            external_id=external_id,
            kind=kind,
            amount_minor=amount_minor,
            occurred_at=occurred_at,
            known_at=at,
        )
        if kind in _PAYMENTS:
            _note_payment(order, kind, actor=actor)
        elif kind in _REFUNDS:
            _settle_refund(order, event, actor=actor, at=at)
    return event


def _note_payment(order: Order, kind: str, *, actor: Actor) -> None:
    status, sources = _PAYMENTS[kind]
    if order.payment_status not in sources:
        return
    if order.status == OrderStatus.AWAITING_PAYMENT and kind != "voided":
        ORDER.move(order, "await_acceptance", actor=actor, payment_status=status)
    else:
        ORDER.mark(order, f"payment_{kind}", actor=actor, payment_status=status)


def _settle_refund(order: Order, event: PaymentEvent, *, actor: Actor, at: datetime) -> None:
    refund = event.refund
    if refund is None or refund.order_id != order.pk:
        detail = _("The event names no refund of this order.")
        raise ValidationFailed([FieldError("/refund", "unknown_refund", detail)])
    if event.amount_minor != refund.amount_minor:
        detail = _("The amount is not the refund’s.")
        raise ValidationFailed([FieldError("/amount", "amount_mismatch", detail)])
    REFUND.move(refund, _REFUNDS[event.kind], actor=actor, settled_at=at)
    if refund.status == RefundStatus.SUCCEEDED:
        ORDER.mark(order, "refund", actor=actor, payment_status=_payment_after_refund(order))
    outbox.record(
        f"refund.{refund.status}",
        subject=Ref("refund", refund.pk),
        merchant_id=order.merchant_id,
        payload={"order": order.pk},
    )


def _payment_after_refund(order: Order) -> PaymentStatus:
    succeeded = order.refunds.filter(status=RefundStatus.SUCCEEDED)
    is_full = (succeeded.aggregate(total=Sum("amount_minor"))["total"] or 0) >= order.total_minor
    return PaymentStatus.REFUNDED if is_full else PaymentStatus.PARTIALLY_REFUNDED


# ── What the parts share ─────────────────────────────────────────────────────────────────────────
def _lock(order: Order) -> None:
    """Bring the caller's row up to date under a lock that is held until the unit ends."""
    order.refresh_from_db(from_queryset=Order.objects.select_for_update())


def _require_shippable(order: Order) -> None:
    if order.is_held:
        raise Conflict(_("This order is on hold and cannot ship."), code="order_on_hold")
    if order.payment_status in {PaymentStatus.VOIDED, PaymentStatus.REFUNDED}:
        raise Conflict(_("The buyer has the money back: this order cannot ship."), code="not_paid")


def _refund_rows(order: Order, lines: Sequence[RefundedLine]) -> list[RefundLine]:
    if not lines:
        raise ValidationFailed([FieldError("/lines", "required", _("Choose what to refund."))])
    known = {line.pk: line for line in order.lines.all()}
    left = pieces_to_refund(order, known.values())
    errors = []
    for index, wanted in enumerate(lines):
        line = known.get(wanted.line_id)
        if line is None:
            detail = _("This line is not in the order.")
            errors.append(FieldError(f"/lines/{index}/line", "unknown_line", detail))
        elif not 1 <= wanted.quantity <= left[line.pk]:
            detail = _("More than was ordered.")
            errors.append(FieldError(f"/lines/{index}/quantity", "exceeds_ordered", detail))
        elif not 0 <= _amount(line, wanted) <= line.unit_price_minor * wanted.quantity:
            detail = _("More than these pieces cost.")
            errors.append(FieldError(f"/lines/{index}/amount", "exceeds_price", detail))
        else:
            left[line.pk] = 0  # a line named twice is two answers to one question
    if errors:
        raise ValidationFailed(errors)
    return [
        RefundLine(
            order_line_id=wanted.line_id,
            quantity=wanted.quantity,
            amount_minor=_amount(known[wanted.line_id], wanted),
        )
        for wanted in lines
    ]


def _amount(line: OrderLine, wanted: RefundedLine) -> int:
    if wanted.amount_minor is None:
        return line.unit_price_minor * wanted.quantity
    return wanted.amount_minor


def _checked(quantities: Mapping[int, int], left: Mapping[int, int]) -> dict[int, int]:
    wrong = [line_id for line_id, quantity in quantities.items() if not 0 < quantity <= left.get(line_id, 0)]
    if wrong or not quantities:
        raise ValidationFailed(
            [FieldError("/lines", "exceeds_left", _("A parcel holds what is left of the order."))]
        )
    return dict(quantities)


def _check_tracking(carrier: str, number: str) -> None:
    if not re.fullmatch(TRACKING_PATTERNS.get(carrier, _ANY_TRACKING), number):
        detail = _("This is not a tracking number of %(carrier)s.") % {"carrier": carrier}
        raise ValidationFailed([FieldError("/tracking_number", "invalid_tracking", detail)])


def _announce(event: str, order: Order, **payload: object) -> None:
    outbox.record(
        event,
        subject=Ref("order", order.pk),
        merchant_id=order.merchant_id,
        payload={"status": order.status, **payload},
    )
