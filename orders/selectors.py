"""Reads on orders. Whatever a merchant or a key may see is narrowed to its merchants here."""

from collections.abc import Collection

from django.db.models import Count, Prefetch, Q, QuerySet

from core.errors import NotFound
from core.ids import decode
from core.models import TransitionRecord

from .models import Order, OrderStatus, Refund, Shipment

# The tabs of the merchant's list, by what is to be done next.
TABS: dict[str, Q] = {
    "accept": Q(status=OrderStatus.AWAITING_ACCEPTANCE, hold_kind=""),
    "ship": Q(status__in=[OrderStatus.AWAITING_FULFILMENT, OrderStatus.PARTIALLY_SHIPPED], hold_kind=""),
    "held": ~Q(hold_kind=""),
    "waiting": Q(status__in=[OrderStatus.RECEIVED, OrderStatus.AWAITING_PAYMENT], hold_kind=""),
    "sent": Q(status__in=[OrderStatus.SHIPPED, OrderStatus.DELIVERED]),
    "done": Q(
        status__in=[OrderStatus.COMPLETED, OrderStatus.DECLINED, OrderStatus.REFUSED, OrderStatus.CANCELLED]
    ),
}


def list_orders(merchant_ids: Collection[int] | None) -> QuerySet[Order]:
    """List orders, newest first; None = of every merchant."""
    orders = Order.objects.order_by("-id")
    return orders if merchant_ids is None else orders.filter(merchant_id__in=merchant_ids)


def get_order(order_id: int, merchant_ids: Collection[int] | None) -> Order:
    """Return an order with its merchant; NotFound if it is not of these merchants (None = any)."""
    order = list_orders(merchant_ids).select_related("merchant").filter(pk=order_id).first()
    if order is None:
        raise NotFound("No such order.")
    return order


def get_order_with_details(order_id: int, merchant_ids: Collection[int] | None) -> Order:
    """Return an order with lines, shipments and refunds; five queries."""
    orders = (
        list_orders(merchant_ids)
        .select_related("merchant")
        .prefetch_related(
            "lines",
            Prefetch("shipments", Shipment.objects.order_by("id").prefetch_related("lines")),
            Prefetch("refunds", Refund.objects.order_by("id")),
        )
    )
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise NotFound("No such order.")
    return order


def find_order_by_number(merchant_id: int, external_id: str) -> Order | None:
    """Return the merchant's order of that number."""
    return Order.objects.filter(merchant_id=merchant_id, external_id=external_id).first()


def search_orders(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Narrow orders to those whose number begins with a text, or to the one of a public id."""
    if text.startswith("ord_"):
        try:
            return orders.filter(pk=decode("ord", text))
        except NotFound:
            return orders.none()
    return orders.filter(external_id__startswith=text)


def list_history(order: Order) -> list[TransitionRecord]:
    """List the moves of an order with its parcels and refunds, oldest first; one query after the details."""
    subjects = Q(subject_kind="order", subject_id=order.pk)
    for kind, rows in (("shipment", order.shipments.all()), ("refund", order.refunds.all())):
        if ids := [row.pk for row in rows]:
            subjects |= Q(subject_kind=kind, subject_id__in=ids)
    return list(TransitionRecord.objects.filter(subjects).order_by("id"))


def count_tabs(merchant_id: int) -> dict[str, int]:
    """Return how many orders are in each tab; one query."""
    counts = Order.objects.filter(merchant_id=merchant_id).aggregate(
        **{name: Count("pk", filter=condition) for name, condition in TABS.items()}
    )
    return {name: counts[name] for name in TABS}


def find_oldest_undecided() -> Order | None:
    """Return the order that has waited longest for its decision."""
    return next(iter(list_undecided(1)), None)


def list_undecided(limit: int) -> QuerySet[Order]:
    """List orders received but not decided, oldest first."""
    return Order.objects.filter(status=OrderStatus.RECEIVED, decided_at=None).order_by("id")[:limit]
