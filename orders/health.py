"""How well merchants handle their orders: rates over a window, each with its target and the orders behind it.

A clock runs from the moment the merchant could act, the decision; imported
history has none and is measured from when the buyer ordered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from .models import Order, OrderStatus, Refund, RefundStatus, Shipment

WINDOW = timedelta(days=60)
ACCEPT_WITHIN = timedelta(hours=24)  # the state tables' default for an answer to an order
SHIP_WITHIN = timedelta(hours=48)  # Lazada's ready-to-ship clock, the default of the state tables


class Metric(StrEnum):
    CANCELLATION = "cancellation"
    LATE = "late"
    REFUND = "refund"


# Shares of handled orders that a merchant should stay below. Amazon's seller policy publishes 2.5 % for
# cancelled and 4 % for late; for refunds nobody publishes one, and 5 % is the house's own.
TARGETS: Mapping[Metric, float] = {Metric.CANCELLATION: 0.025, Metric.LATE: 0.04, Metric.REFUND: 0.05}


@dataclass(frozen=True)
class Health:
    """One merchant's counts over the window.

    orders       placed
    handled      of these, approved: the ones that were the merchant's to handle
    cancelled    of the handled, refused or cancelled before shipping
    refunded     of the handled, with a refund that was not cancelled and has not failed
    late         of the handled, shipped after SHIP_WITHIN, or still waiting then
    """

    orders: int = 0
    handled: int = 0
    cancelled: int = 0
    refunded: int = 0
    late: int = 0

    @property
    def cancellation_rate(self) -> float | None:
        return self.rate(Metric.CANCELLATION)

    @property
    def refund_rate(self) -> float | None:
        return self.rate(Metric.REFUND)

    @property
    def late_rate(self) -> float | None:
        return self.rate(Metric.LATE)

    def count(self, metric: Metric) -> int:
        """Return how many orders counted against the merchant."""
        return {
            Metric.CANCELLATION: self.cancelled,
            Metric.LATE: self.late,
            Metric.REFUND: self.refunded,
        }[metric]

    def rate(self, metric: Metric) -> float | None:
        """Return the share of handled orders, None while there are none."""
        return self.count(metric) / self.handled if self.handled else None


def measure(merchant_ids: Collection[int], *, as_of: datetime) -> dict[int, Health]:
    """Return each merchant's health over the window that ends at `as_of`; one query for any number."""
    counts = (
        _in_window(merchant_ids, as_of)
        .values("merchant_id")
        .annotate(
            orders=Count("pk"),
            handled=Count("pk", filter=_handled()),
            cancelled=Count("pk", filter=_handled() & _against(Metric.CANCELLATION, as_of)),
            refunded=Count("pk", filter=_handled() & _against(Metric.REFUND, as_of)),
            late=Count("pk", filter=_handled() & _against(Metric.LATE, as_of)),
        )
    )
    measured = {
        row["merchant_id"]: Health(
            orders=row["orders"],
            handled=row["handled"],
            cancelled=row["cancelled"],
            refunded=row["refunded"],
            late=row["late"],
        )
        for row in counts
    }
    return {merchant_id: measured.get(merchant_id, Health()) for merchant_id in merchant_ids}


def list_behind(merchant_id: int, metric: Metric, *, as_of: datetime) -> QuerySet[Order]:
    """List the orders that counted against the merchant, newest first."""
    orders = _in_window({merchant_id}, as_of).filter(_handled(), _against(metric, as_of))
    return orders.order_by("-id")


def due_at(order: Order) -> datetime | None:
    """Return when the merchant's next step is due: the answer, then the parcel; None if it owes none."""
    if order.is_held:
        return None
    start = order.decided_at or order.occurred_at
    if order.status == OrderStatus.AWAITING_ACCEPTANCE:
        return start + ACCEPT_WITHIN
    if order.status in {OrderStatus.AWAITING_FULFILMENT, OrderStatus.PARTIALLY_SHIPPED}:
        return start + SHIP_WITHIN
    return None


def _in_window(merchant_ids: Collection[int], as_of: datetime) -> QuerySet[Order]:
    """Return the orders of the window, with `started_at`: when the merchant's clock began."""
    placed = Order.objects.filter(
        merchant_id__in=merchant_ids, occurred_at__gte=as_of - WINDOW, occurred_at__lt=as_of
    )
    return placed.annotate(started_at=Coalesce("decided_at", "occurred_at"))


def _handled() -> Q:
    not_the_merchants = [OrderStatus.RECEIVED, OrderStatus.AWAITING_PAYMENT, OrderStatus.DECLINED]
    return ~Q(status__in=not_the_merchants)


def _against(metric: Metric, as_of: datetime) -> Q:
    if metric is Metric.CANCELLATION:
        return Q(status__in=[OrderStatus.CANCELLED, OrderStatus.REFUSED])
    if metric is Metric.REFUND:
        given_up = [RefundStatus.CANCELLED, RefundStatus.FAILED]
        return Q(Exists(Refund.objects.filter(order=OuterRef("pk")).exclude(status__in=given_up)))
    waiting = Q(status__in=[OrderStatus.AWAITING_FULFILMENT, OrderStatus.PARTIALLY_SHIPPED], hold_kind="")
    late_parcel = Shipment.objects.filter(
        order=OuterRef("pk"), shipped_at__gt=OuterRef("started_at") + SHIP_WITHIN
    )
    return waiting & Q(started_at__lt=as_of - SHIP_WITHIN) | Q(Exists(late_parcel))
