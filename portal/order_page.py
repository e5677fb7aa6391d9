"""What the page of one order shows and offers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.ids import encode
from core.models import TransitionRecord
from core.reasons import decline_sentence, find_reason
from core.refs import Ref
from merchants.permissions import Access, Area
from orders.contacts import find_contact
from orders.handling import pieces_left, pieces_to_refund
from orders.health import due_at
from orders.models import Order, OrderLine, OrderStatus, PaymentStatus, Refund, RefundStatus, Shipment
from orders.selectors import list_history
from orders.states import ORDER

from .access import Shop
from .forms.orders import RefundForm, ShipForm
from .history import as_events
from .statements import show_statement

_REFUND_NOTES = {
    RefundStatus.PENDING: gettext_lazy("Waiting for the payment provider"),
    RefundStatus.PROCESSING: gettext_lazy("The payment provider is at work"),
    RefundStatus.FAILED: gettext_lazy("The payment provider could not pay it out. You can request it again."),
}
_REFUNDABLE = {PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED}
_MONEY_BACK = {PaymentStatus.VOIDED, PaymentStatus.REFUNDED}


@dataclass(frozen=True)
class LineRow:
    """One line with what became of its pieces."""

    line: OrderLine
    shipped: int
    refunded: int

    @property
    def total_minor(self) -> int:
        return self.line.quantity * self.line.unit_price_minor

    @property
    def listing_id(self) -> str:
        return encode("lst", self.line.listing_id) if self.line.listing_id else ""


@dataclass(frozen=True)
class RefundRow:
    refund: Refund

    @property
    def note(self) -> str:
        return str(_REFUND_NOTES.get(RefundStatus(self.refund.status), ""))

    @property
    def public_id(self) -> str:
        return encode("ref", self.refund.pk)


@dataclass(frozen=True)
class ParcelRow:
    """One parcel with the titles of what is in it."""

    shipment: Shipment
    content: str


def describe(order: Order, shop: Shop, *, ship_form: ShipForm | None = None) -> dict[str, Any]:
    """Return the page's context; `ship_form` if it came back with errors."""
    lines = list(order.lines.all())
    left, to_refund = pieces_left(order), pieces_to_refund(order, lines)
    history = list(list_history(order))
    return {
        "order": order,
        "public_id": encode("ord", order.pk),
        "due_at": due_at(order),
        "is_answer_due": order.status == OrderStatus.AWAITING_ACCEPTANCE,
        "hold_sentence": str(find_reason(order.hold_reason).merchant) if order.is_held else "",
        "is_declined": order.status == OrderStatus.DECLINED,
        "decline_reason": _decline_reason(history),
        "line_rows": [
            LineRow(line, line.quantity - left.get(line.pk, 0), line.quantity - to_refund[line.pk])
            for line in lines
        ],
        "parcels": [ParcelRow(shipment, _content(shipment, lines)) for shipment in order.shipments.all()],
        "refund_rows": [RefundRow(refund) for refund in order.refunds.all()],
        "sees_refunds": shop.may(Area.REFUNDS, Access.READ),
        "contact": find_contact(order) if shop.may(Area.ORDERS) else None,
        "statement": show_statement(
            Ref("order", order.pk), order.decline_statement_id, order.hold_statement_id
        ),
        "events": as_events(history, shop),
        "offers": _offers(order, shop, left, to_refund),
        "ship_form": ship_form or ShipForm(lines, left),
    }


def refund_form(order: Order, data: QueryDict | None) -> RefundForm:
    """Return the form of what can still be paid back; it remembers the newest refund its reader saw."""
    lines = list(order.lines.all())
    newest = max((refund.pk for refund in order.refunds.all()), default=0)
    return RefundForm(lines, pieces_to_refund(order, lines), data, initial={"newest_seen": newest})


def _offers(
    order: Order, shop: Shop, left: Mapping[int, int], to_refund: Mapping[int, int]
) -> dict[str, bool]:
    """Return what this member may do now: the declared table, the role, and what is left to do it with."""
    actions = ORDER.actions(order.status, "M") if shop.may(Area.ORDERS) else []
    is_free = not order.is_held
    return {
        "accept": "accept" in actions and is_free,
        "refuse": "refuse" in actions and is_free,
        "ship": "ship" in actions and is_free and bool(left) and order.payment_status not in _MONEY_BACK,
        "refund": shop.may(Area.REFUNDS) and order.payment_status in _REFUNDABLE and any(to_refund.values()),
    }


def _decline_reason(history: Iterable[TransitionRecord]) -> str:
    """Return why the order was declined, in the words that merchants may read; an import brings no reason."""
    codes = [move.reason_code for move in history if (move.subject_kind, move.action) == ("order", "decline")]
    return decline_sentence(codes[-1]) if codes and codes[-1] else ""


def _content(shipment: Shipment, lines: list[OrderLine]) -> str:
    titles = {line.pk: line.title or _("Line %(number)s") % {"number": line.number} for line in lines}
    return ", ".join(f"{part.quantity} × {titles[part.order_line_id]}" for part in shipment.lines.all())
