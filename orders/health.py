"""How well merchants handle their orders: rates over a window, each with the orders behind it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from .models import Order, OrderStatus, Refund, RefundStatus

WINDOW = timedelta(days=60)
SHIP_WITHIN = timedelta(hours=48)  # Lazada's ready-to-ship clock, the default of the state tables


@dataclass(frozen=True)
class Health:
    """One merchant's counts over the window.

    handled      orders that left "received" for good or bad
    cancelled    refused or cancelled before shipping
    refunded     orders with a refund that was not cancelled
    late         orders waiting to be shipped for longer than SHIP_WITHIN
    """

    orders: int = 0
    handled: int = 0
    cancelled: int = 0
    refunded: int = 0
    late: int = 0

    @property
    def cancellation_rate(self) -> float | None:
        return self.cancelled / self.handled if self.handled else None

    @property
    def refund_rate(self) -> float | None:
        return self.refunded / self.handled if self.handled else None

    @property
    def late_rate(self) -> float | None:
        return self.late / self.handled if self.handled else None


def measure(merchant_ids: Collection[int], *, as_of: datetime) -> dict[int, Health]:
    """Return each merchant's health over the window that ends at `as_of`; two queries for any number."""
    window = Q(merchant_id__in=merchant_ids, occurred_at__gte=as_of - WINDOW, occurred_at__lt=as_of)
    waiting = Q(status__in=[OrderStatus.AWAITING_FULFILMENT, OrderStatus.PARTIALLY_SHIPPED])
    counts = (
        Order.objects.filter(window)
        .values("merchant_id")
        .annotate(
            orders=Count("pk"),
            handled=Count("pk", filter=~Q(status=OrderStatus.RECEIVED)),
            cancelled=Count("pk", filter=Q(status__in=[OrderStatus.CANCELLED, OrderStatus.REFUSED])),
            late=Count("pk", filter=waiting & Q(occurred_at__lt=as_of - SHIP_WITHIN)),
        )
    )
    refunded = dict(
        Refund.objects.exclude(status=RefundStatus.CANCELLED)
        .filter(order__merchant_id__in=merchant_ids, created_at__gte=as_of - WINDOW)
        .values_list("order__merchant_id")
        .annotate(Count("order", distinct=True))
    )
    measured = {
        row["merchant_id"]: Health(
            row["orders"], row["handled"], row["cancelled"], refunded.get(row["merchant_id"], 0), row["late"]
        )
        for row in counts
    }
    return {merchant_id: measured.get(merchant_id, Health()) for merchant_id in merchant_ids}
