"""Account health: what counts against a merchant, over which orders, and until when a step is due."""

from datetime import timedelta

import pytest

from core.actors import SYSTEM
from orders.handling import refuse_order
from orders.health import (
    ACCEPT_WITHIN,
    SHIP_WITHIN,
    WINDOW,
    Health,
    Metric,
    due_at,
    list_behind,
    measure,
)
from orders.models import Order, RefundStatus
from orders.services import decline_order, hold_order
from tests.make import NOON, make_merchant, make_order
from tests.orders.handled import MEMBER, lines_of, make_accepted, make_approved, refund, ship

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=5)


def test_a_merchant_without_orders_has_no_rates() -> None:
    merchant = make_merchant()
    health = measure([merchant.pk], as_of=LATER)[merchant.pk]
    assert health == Health()
    assert [health.rate(metric) for metric in Metric] == [None, None, None]


def test_what_never_reached_the_merchant_is_not_its_to_handle() -> None:
    merchant = make_merchant()
    make_order(merchant)
    decline_order(make_order(merchant), actor=SYSTEM, at=NOON, reason_codes=["confirmed_fraud"])
    ship(make_accepted(merchant))
    health = measure([merchant.pk], as_of=LATER)[merchant.pk]
    assert (health.orders, health.handled) == (3, 1)
    assert health.cancellation_rate == 0


def test_refusing_counts_as_a_cancellation() -> None:
    merchant = make_merchant()
    ship(make_accepted(merchant))
    refused = make_approved(merchant)
    refuse_order(refused, actor=MEMBER, at=NOON, reason="Sold out.")
    assert measure([merchant.pk], as_of=LATER)[merchant.pk].cancellation_rate == 0.5
    assert list(list_behind(merchant.pk, Metric.CANCELLATION, as_of=LATER)) == [refused]


def test_an_order_with_two_refunds_counts_once() -> None:
    merchant = make_merchant()
    order = make_accepted(merchant)
    refund(order, 1)
    refund(order, 1)
    health = measure([merchant.pk], as_of=LATER)[merchant.pk]
    assert (health.refunded, health.refund_rate) == (1, 1.0)


@pytest.mark.parametrize("status", [RefundStatus.CANCELLED, RefundStatus.FAILED])
def test_a_refund_that_came_to_nothing_does_not_count(status: str) -> None:
    merchant = make_merchant()
    asked = refund(make_accepted(merchant), 1)
    type(asked).objects.filter(pk=asked.pk).update(status=status)
    assert measure([merchant.pk], as_of=LATER)[merchant.pk].refunded == 0


def test_waiting_becomes_late_when_the_clock_has_run_out() -> None:
    merchant = make_merchant()
    order = make_accepted(merchant)
    at_the_end = NOON + SHIP_WITHIN
    assert measure([merchant.pk], as_of=at_the_end)[merchant.pk].late == 0
    assert measure([merchant.pk], as_of=at_the_end + timedelta(seconds=1))[merchant.pk].late == 1
    assert list(list_behind(merchant.pk, Metric.LATE, as_of=LATER)) == [order]


def test_shipping_late_stays_late() -> None:
    """An order left the count as soon as it was shipped, however late."""
    merchant = make_merchant()
    shipment = ship(make_accepted(merchant))
    type(shipment).objects.filter(pk=shipment.pk).update(shipped_at=NOON + SHIP_WITHIN + timedelta(minutes=1))
    assert measure([merchant.pk], as_of=LATER)[merchant.pk].late == 1


def test_two_late_parcels_of_one_order_count_once() -> None:
    merchant = make_merchant()
    order = make_accepted(merchant)
    pots, _ = lines_of(order)
    ship(order, "SF1111111111111", quantities={pots.pk: 1})
    ship(order, "SF2222222222222")
    order.shipments.update(shipped_at=LATER)
    health = measure([merchant.pk], as_of=LATER)[merchant.pk]
    assert (health.handled, health.late) == (1, 1)


def test_the_time_of_review_is_not_the_merchants() -> None:
    merchant = make_merchant()
    order = make_accepted(merchant)
    decided_at = NOON + timedelta(days=3)
    Order.objects.filter(pk=order.pk).update(decided_at=decided_at)
    assert measure([merchant.pk], as_of=decided_at + SHIP_WITHIN)[merchant.pk].late == 0


def test_a_hold_stops_the_clock() -> None:
    merchant = make_merchant()
    hold_order(make_accepted(merchant), actor=SYSTEM, at=NOON, reason_codes=["other"])
    assert measure([merchant.pk], as_of=LATER)[merchant.pk].late == 0


def test_old_orders_and_other_merchants_are_left_out() -> None:
    merchant, other = make_merchant(), make_merchant()
    make_approved(merchant)
    make_approved(other)
    measured = measure([merchant.pk], as_of=NOON + WINDOW + timedelta(seconds=1))
    assert measured == {merchant.pk: Health()}
    assert measure([merchant.pk], as_of=LATER)[merchant.pk].orders == 1


def test_many_merchants_cost_one_query(django_assert_num_queries: object) -> None:
    merchants = [make_approved().merchant_id for _ in range(5)]
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len(measure(merchants, as_of=LATER)) == 5


def test_the_next_step_is_due_an_answer_first_then_a_parcel() -> None:
    order = make_approved()
    assert due_at(order) == NOON + ACCEPT_WITHIN
    order = make_accepted()
    assert due_at(order) == NOON + SHIP_WITHIN
    ship(order)
    assert due_at(order) is None


def test_a_held_order_owes_nothing() -> None:
    order = make_order()
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["other"])
    assert due_at(order) is None
