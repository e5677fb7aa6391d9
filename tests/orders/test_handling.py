"""Acceptance and shipping: what a merchant may do with an order, and when it may not."""

import pytest

from core.actors import SYSTEM
from core.errors import Conflict, InvalidTransition, ValidationFailed
from orders.handling import accept_order, cancel_order, pieces_left, refuse_order, ship_order
from orders.models import Order, OrderStatus, PaymentStatus, Shipment
from orders.services import hold_order
from tests.make import NOON, make_order
from tests.orders.handled import (
    MEMBER,
    actions_of,
    events_of,
    lines_of,
    make_accepted,
    make_approved,
    ship,
)

pytestmark = pytest.mark.django_db


def test_accepting_is_journalled_and_announced() -> None:
    order = make_approved()
    accept_order(order, actor=MEMBER, at=NOON)
    assert Order.objects.get(pk=order.pk).status == OrderStatus.AWAITING_FULFILMENT
    assert actions_of(order)[-1] == "accept"
    assert events_of("order", order.pk)[-1] == "order.accepted"


def test_an_undecided_order_cannot_be_accepted() -> None:
    with pytest.raises(InvalidTransition):
        accept_order(make_order(), actor=MEMBER, at=NOON)


def test_accepting_twice_is_refused_and_leaves_one_record() -> None:
    order = make_approved()
    stale = Order.objects.get(pk=order.pk)
    accept_order(order, actor=MEMBER, at=NOON)
    with pytest.raises(InvalidTransition):
        accept_order(stale, actor=MEMBER, at=NOON)
    assert actions_of(order).count("accept") == 1


def test_refusing_keeps_the_reason() -> None:
    order = make_approved()
    refuse_order(order, actor=MEMBER, at=NOON, reason="The pots broke in the kiln.")
    assert order.status == OrderStatus.REFUSED
    with pytest.raises(InvalidTransition):
        ship(order)


def test_cancelling_ends_a_hold() -> None:
    order = make_order()
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    cancel_order(order, actor=MEMBER, at=NOON, reason="The buyer called.")
    stored = Order.objects.get(pk=order.pk)
    assert (stored.status, stored.is_held) == (OrderStatus.CANCELLED, False)


def test_a_parcel_with_everything_left_ships_the_order() -> None:
    order = make_accepted()
    shipment = ship(order)
    assert order.status == OrderStatus.SHIPPED, "the caller's row says what the table says"
    assert sorted(shipment.lines.values_list("quantity", flat=True)) == [2, 3]
    assert pieces_left(order) == {}
    assert events_of("order", order.pk)[-1] == "order.shipped"


def test_parcels_add_up_to_the_order() -> None:
    order = make_accepted()
    pots, cups = lines_of(order)
    ship(order, "SF1111111111111", quantities={pots.pk: 1})
    assert order.status == OrderStatus.PARTIALLY_SHIPPED
    ship(order, "SF2222222222222", quantities={pots.pk: 1, cups.pk: 2})
    assert order.status == OrderStatus.PARTIALLY_SHIPPED
    assert pieces_left(order) == {pots.pk: 1}
    ship(order, "SF3333333333333")
    assert order.status == OrderStatus.SHIPPED
    assert actions_of(order)[-2:] == ["ship_part", "ship"]


@pytest.mark.parametrize("pieces", [0, -1, 4], ids=["none", "negative", "too many"])
def test_a_parcel_holds_only_what_is_left(pieces: int) -> None:
    order = make_accepted()
    pots, _ = lines_of(order)
    with pytest.raises(ValidationFailed) as refused:
        ship(order, quantities={pots.pk: pieces})
    assert refused.value.errors[0].code == "exceeds_left"
    assert not Shipment.objects.exists()


def test_an_empty_parcel_is_refused() -> None:
    with pytest.raises(ValidationFailed):
        ship(make_accepted(), quantities={})


def test_a_line_of_another_order_does_not_fit_into_the_parcel() -> None:
    other, _ = lines_of(make_accepted())
    with pytest.raises(ValidationFailed):
        ship(make_accepted(), quantities={other.pk: 1})


def test_the_same_parcel_again_changes_nothing() -> None:
    """A double click on a partial parcel shipped the same number of pieces a second time."""
    order = make_accepted()
    pots, _ = lines_of(order)
    first = ship(order, quantities={pots.pk: 1})
    second = ship(order, quantities={pots.pk: 1})
    assert second == first
    assert pieces_left(order)[pots.pk] == 2
    assert events_of("order", order.pk).count("order.shipped") == 1


def test_the_last_parcel_again_is_the_known_one() -> None:
    order = make_accepted()
    assert ship(order) == ship(Order.objects.get(pk=order.pk))


def test_a_shipped_order_has_no_room_for_another_parcel() -> None:
    order = make_accepted()
    ship(order)
    with pytest.raises(InvalidTransition):
        ship(order, "SF9999999999999")


def test_a_held_order_cannot_ship() -> None:
    order = make_accepted()
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["account_takeover"])
    with pytest.raises(Conflict) as refused:
        ship(Order.objects.get(pk=order.pk))
    assert refused.value.code == "order_on_hold"
    assert Order.objects.get(pk=order.pk).status == OrderStatus.AWAITING_FULFILMENT


def test_a_caller_that_has_not_heard_of_the_hold_is_stopped_too() -> None:
    order = make_accepted()
    unaware = Order.objects.get(pk=order.pk)
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["account_takeover"])
    with pytest.raises(Conflict):
        ship(unaware)


@pytest.mark.parametrize("status", [PaymentStatus.VOIDED, PaymentStatus.REFUNDED])
def test_an_order_whose_money_went_back_cannot_ship(status: str) -> None:
    order = make_accepted()
    Order.objects.filter(pk=order.pk).update(payment_status=status)
    with pytest.raises(Conflict) as refused:
        ship(order)
    assert refused.value.code == "not_paid"


@pytest.mark.parametrize(
    ("carrier", "number", "is_valid"),
    [
        ("SF Express", "SF1234567890123", True),
        ("SF Express", "1234567890123", False),
        ("UPS", "1Z999AA10123456784", True),
        ("UPS", "1Z999", False),
        ("China Post EMS", "EE123456789CN", True),
        ("China Post EMS", "EE123456789US", False),
        ("Village courier", "A-77123", True),
        ("Village courier", "no", False),
        ("Village courier", "<script>x", False),
    ],
)
def test_tracking_numbers_look_like_their_carriers(carrier: str, number: str, is_valid: bool) -> None:
    order = make_accepted()
    if is_valid:
        assert ship_order(order, carrier=carrier, tracking_number=number, actor=MEMBER, at=NOON).pk
        return
    with pytest.raises(ValidationFailed) as refused:
        ship_order(order, carrier=carrier, tracking_number=number, actor=MEMBER, at=NOON)
    assert refused.value.errors[0].pointer == "/tracking_number"
