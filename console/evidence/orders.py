"""Evidence on an order: itself, its money and parcels, and the orders that share something with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.masking import masked_contact
from core.errors import NotFound
from orders.models import Order, OrderLine, PaymentEvent, Refund, Shipment
from risk.models import Label

# As far back as the longest velocity window, so that the page shows what the features counted.
WINDOW = timedelta(days=30)
_PER_ENTITY = 30
_SHOWN = 40


@dataclass(frozen=True)
class RelatedOrder:
    """Another order. `shares` has one flag per entity of ENTITIES; `is_bad` None = not known."""

    order: Order
    shares: tuple[bool, ...]
    is_bad: bool | None


@dataclass(frozen=True)
class EntityHistory:
    """What is known of one device, card, … within 30 days before or after; counts include this order."""

    name: str | Promise
    is_supplied: bool
    orders: int
    buyers: int
    cards: int
    devices: int
    bad: int
    is_capped: bool


@dataclass(frozen=True)
class OrderEvidence:
    """Everything the evidence pane shows of an order."""

    order: Order
    lines: Sequence[OrderLine]
    contact: Mapping[str, str]
    shipments: Sequence[Shipment]
    refunds: Sequence[Refund]
    payments: Sequence[PaymentEvent]
    entities: Sequence[EntityHistory]
    related: Sequence[RelatedOrder]

    @property
    def entity_heads(self) -> list[tuple[Promise, str]]:
        """Name and icon of each entity, in the order of `RelatedOrder.shares`."""
        return list(zip([name for name, _column in ENTITIES], _ICONS, strict=True))


ENTITIES: tuple[tuple[Promise, str], ...] = (
    (_("Buyer"), "buyer_key"),
    (_("Device"), "device_key"),
    (_("Card"), "card_key"),
    (_("Address"), "address_key"),
    (_("Network"), "ip_key"),
)
_ICONS = ("user", "device-mobile", "credit-card", "map-pin", "world")


def gather(order_id: int) -> OrderEvidence:
    """Return the evidence on an order; eleven queries, whatever the history."""
    order = Order.objects.select_related("merchant", "contact").filter(pk=order_id).first()
    if order is None:
        raise NotFound("No such order.")
    sharing = {column: _orders_sharing(order, column) for _name, column in ENTITIES}
    others = {other.pk: other for found in sharing.values() for other in found}
    labels = proved_bad([order.pk, *others])
    newest = sorted(others.values(), key=lambda other: other.occurred_at, reverse=True)
    return OrderEvidence(
        order=order,
        lines=list(order.lines.select_related("listing").order_by("number")),
        contact=masked_contact(getattr(order, "contact", None)),
        shipments=list(order.shipments.order_by("id")),
        refunds=list(order.refunds.order_by("id")),
        payments=list(order.payment_events.order_by("occurred_at")),
        entities=[_history(name, order, column, sharing[column], labels) for name, column in ENTITIES],
        related=[
            RelatedOrder(other, _shares(order, other), labels.get(other.pk)) for other in newest[:_SHOWN]
        ],
    )


def _orders_sharing(order: Order, column: str) -> list[Order]:
    value = getattr(order, column)
    if value is None:
        return []
    near = (order.occurred_at - WINDOW, order.occurred_at + WINDOW)
    others = Order.objects.filter(**{column: value}, occurred_at__range=near).exclude(pk=order.pk)
    return list(others.select_related("merchant").order_by("-occurred_at")[:_PER_ENTITY])


def proved_bad(order_ids: Sequence[int]) -> dict[int, bool]:
    """Return what orders proved to be, those that are known; bad outweighs good where sources differ."""
    rows = Label.objects.standing().filter(subject_kind="order", subject_id__in=order_ids)
    known: dict[int, bool] = {}
    for subject_id, is_bad in rows.values_list("subject_id", "is_bad"):
        known[subject_id] = known.get(subject_id, False) or is_bad
    return known


def _history(
    name: str | Promise, order: Order, column: str, others: Sequence[Order], labels: Mapping[int, bool]
) -> EntityHistory:
    together = [order, *others]
    return EntityHistory(
        name=name,
        is_supplied=getattr(order, column) is not None,
        orders=len(together),
        buyers=_distinct(together, "buyer_key"),
        cards=_distinct(together, "card_key"),
        devices=_distinct(together, "device_key"),
        bad=sum(labels.get(other.pk, False) for other in others),
        is_capped=len(others) == _PER_ENTITY,
    )


def _distinct(orders: Sequence[Order], column: str) -> int:
    return len({getattr(order, column) for order in orders} - {None})


def _shares(order: Order, other: Order) -> tuple[bool, ...]:
    pairs = [(getattr(order, column), getattr(other, column)) for _name, column in ENTITIES]
    return tuple(own is not None and own == theirs for own, theirs in pairs)
