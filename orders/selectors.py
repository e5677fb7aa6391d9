"""Reads on orders. Everything a merchant may see goes through `of_merchant`."""

from django.db.models import QuerySet

from .models import Order, OrderStatus


def find_oldest_undecided() -> Order | None:
    """Return the order that has waited longest for its decision."""
    return Order.objects.filter(status=OrderStatus.RECEIVED, decided_at=None).order_by("id").first()


def list_undecided(limit: int) -> QuerySet[Order]:
    """List orders received but not decided, oldest first."""
    return Order.objects.filter(status=OrderStatus.RECEIVED, decided_at=None).order_by("id")[:limit]
