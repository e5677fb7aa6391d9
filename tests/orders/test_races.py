"""Parcels, refunds and payment events under real concurrency. SQLite has one writer and no such race."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection

from core.errors import DomainError
from orders.handling import pieces_left, record_payment_event, refundable_minor
from orders.models import Order, OrderStatus, PaymentEvent, Refund, Shipment
from orders.placing import NewLine
from tests.make import NOON
from tests.orders.handled import MEMBER, actions_of, lines_of, make_accepted, refund, ship

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs DATABASE_URL on PostgreSQL"),
]
RACERS = 8


def _at_once(work: Callable[[int], object]) -> list[str]:
    """Run the work in threads that start together; return each one's "done" or code of refusal."""
    barrier = Barrier(RACERS)

    def run(number: int) -> str:
        barrier.wait()
        try:
            work(number)
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


def test_parcels_never_hold_more_than_was_ordered() -> None:
    order = make_accepted(lines=(NewLine("Tea pot", 10, 4_000),))
    (line,) = lines_of(order)
    results = _at_once(
        lambda number: ship(Order.objects.get(pk=order.pk), f"SF{number:013}", quantities={line.pk: 3})
    )
    assert results.count("done") == 3
    assert pieces_left(order) == {line.pk: 1}
    assert Order.objects.get(pk=order.pk).status == OrderStatus.PARTIALLY_SHIPPED


def test_the_same_parcel_from_eight_clicks_ships_once() -> None:
    order = make_accepted()
    results = _at_once(lambda number: ship(Order.objects.get(pk=order.pk)))
    assert results == ["done"] * RACERS
    assert Shipment.objects.count() == 1
    assert actions_of(order).count("ship") == 1


def test_refunds_never_exceed_the_order() -> None:
    order = make_accepted(lines=(NewLine("Tea pot", 10, 4_000),))
    results = _at_once(lambda number: refund(Order.objects.get(pk=order.pk), 3))
    assert results.count("done") == 3
    assert refundable_minor(order) == 4_000


def test_one_message_from_eight_connections_is_taken_in_once() -> None:
    order = make_accepted()
    asked = refund(order, 1)
    results = _at_once(
        lambda number: record_payment_event(
            Order.objects.get(pk=order.pk),
            external_id="pay-1",
            kind="refund_succeeded",
            amount_minor=asked.amount_minor,
            refund=Refund.objects.get(pk=asked.pk),
            occurred_at=NOON,
            actor=MEMBER,
            at=NOON,
        )
    )
    assert results == ["done"] * RACERS
    assert PaymentEvent.objects.count() == 1
    assert actions_of(order).count("refund") == 1
