"""Refunds: capped by what was paid, pending until the payment provider reports."""

from typing import Any

import pytest

from core.errors import Conflict, InvalidTransition, ValidationFailed
from orders.handling import (
    RefundedLine,
    pieces_to_refund,
    record_payment_event,
    refundable_minor,
    request_refund,
)
from orders.models import Order, OrderStatus, PaymentEvent, PaymentStatus, Refund, RefundStatus
from orders.placing import NewLine
from orders.services import approve_order
from tests.make import NOON, make_order
from tests.orders.handled import MEMBER, actions_of, events_of, lines_of, make_accepted, make_approved, refund

pytestmark = pytest.mark.django_db


def report(order: Order, kind: str, *, id: str = "pay-1", refund: Refund | None = None, **fields: Any) -> Any:
    fields.setdefault("amount_minor", refund.amount_minor if refund else order.total_minor)
    return record_payment_event(
        order, external_id=id, kind=kind, refund=refund, occurred_at=NOON, actor=MEMBER, at=NOON, **fields
    )


def codes(refused: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in refused.value.errors]


def test_a_refund_is_pending_and_the_order_still_paid() -> None:
    order = make_accepted()
    asked = refund(order, 1, 2)
    assert (asked.status, asked.amount_minor) == (RefundStatus.PENDING, 7_000)
    assert Order.objects.get(pk=order.pk).payment_status == PaymentStatus.PAID
    assert events_of("refund", asked.pk) == ["refund.pending"]


def test_an_agreed_smaller_amount_counts() -> None:
    order = make_accepted()
    pots, _ = lines_of(order)
    asked = request_refund(
        order, reason="damaged", lines=[RefundedLine(pots.pk, 2, 3_000)], actor=MEMBER, at=NOON
    )
    assert asked.amount_minor == 3_000
    assert refundable_minor(order) == 12_000


@pytest.mark.parametrize("amount", [-1, 8_001], ids=["negative", "more than they cost"])
def test_an_agreed_amount_stays_within_the_price(amount: int) -> None:
    order = make_accepted()
    pots, _ = lines_of(order)
    with pytest.raises(ValidationFailed) as refused:
        request_refund(
            order, reason="damaged", lines=[RefundedLine(pots.pk, 2, amount)], actor=MEMBER, at=NOON
        )
    assert codes(refused) == [("/lines/0/amount", "exceeds_price")]


def test_no_piece_is_refunded_twice() -> None:
    order = make_accepted()
    refund(order, 2)
    assert pieces_to_refund(order, lines_of(order)) == dict(
        zip([line.pk for line in lines_of(order)], [1, 2], strict=True)
    )
    with pytest.raises(ValidationFailed) as refused:
        refund(order, 2)
    assert codes(refused) == [("/lines/0/quantity", "exceeds_ordered")]


def test_a_line_named_twice_is_refused() -> None:
    """It passed the cap line by line and ended in the database's constraint."""
    order = make_accepted()
    pots, _ = lines_of(order)
    with pytest.raises(ValidationFailed) as refused:
        request_refund(
            order,
            reason="damaged",
            lines=[RefundedLine(pots.pk, 1), RefundedLine(pots.pk, 1)],
            actor=MEMBER,
            at=NOON,
        )
    assert codes(refused) == [("/lines/1/quantity", "exceeds_ordered")]


def test_a_line_of_another_order_is_refused() -> None:
    other, _ = lines_of(make_accepted())
    with pytest.raises(ValidationFailed) as refused:
        request_refund(
            make_accepted(), reason="damaged", lines=[RefundedLine(other.pk, 1)], actor=MEMBER, at=NOON
        )
    assert codes(refused) == [("/lines/0/line", "unknown_line")]


@pytest.mark.parametrize("pieces", [(), (0, 0)], ids=["no line", "no piece"])
def test_a_refund_of_nothing_is_refused(pieces: tuple[int, ...]) -> None:
    with pytest.raises(ValidationFailed):
        refund(make_accepted(), *pieces)


def test_a_gift_has_nothing_to_pay_back() -> None:
    order = make_accepted(lines=(NewLine("Sample", 1, 0),))
    with pytest.raises(ValidationFailed) as refused:
        refund(order, 1)
    assert codes(refused) == [("/lines", "nothing_to_refund")]


@pytest.mark.parametrize("status", ["unpaid", "authorized"])
def test_only_a_paid_order_is_refunded(status: str) -> None:
    order = make_order(payment_status=status)
    with pytest.raises(Conflict) as refused:
        refund(order, 1)
    assert refused.value.code == "not_paid"


def test_a_second_click_on_the_same_form_is_refused() -> None:
    order = make_accepted()
    refund(order, 1, newest_seen=0)
    with pytest.raises(Conflict) as refused:
        refund(order, 1, newest_seen=0)
    assert refused.value.code == "refunds_changed"
    assert Refund.objects.count() == 1


def test_a_refund_after_the_known_one_is_possible() -> None:
    order = make_accepted()
    first = refund(order, 1, newest_seen=0)
    assert refund(order, 1, newest_seen=first.pk).pk


def test_a_failed_refund_gives_its_pieces_back() -> None:
    order = make_accepted()
    asked = refund(order, 3, 2)
    assert refundable_minor(order) == 0
    report(order, "refund_failed", refund=asked)
    assert refundable_minor(order) == order.total_minor
    assert refund(order, 3, 2).amount_minor == order.total_minor


def test_the_payment_event_settles_the_refund() -> None:
    order = make_accepted()
    asked = refund(order, 1)
    report(order, "refund_succeeded", refund=asked)
    asked.refresh_from_db()
    assert (asked.status, asked.settled_at) == (RefundStatus.SUCCEEDED, NOON)
    assert order.payment_status == PaymentStatus.PARTIALLY_REFUNDED
    assert events_of("refund", asked.pk) == ["refund.pending", "refund.succeeded"]


def test_the_last_refund_makes_the_order_refunded() -> None:
    order = make_accepted()
    for number, pieces in enumerate([(1, 0), (2, 2)]):
        report(order, "refund_succeeded", id=f"re-{number}", refund=refund(order, *pieces))
    assert Order.objects.get(pk=order.pk).payment_status == PaymentStatus.REFUNDED


def test_the_same_payment_event_again_changes_nothing() -> None:
    order = make_accepted()
    asked = refund(order, 1)
    first = report(order, "refund_succeeded", refund=asked)
    before = (actions_of(order), events_of("refund", asked.pk))
    assert report(order, "refund_succeeded", refund=asked) == first
    assert (actions_of(order), events_of("refund", asked.pk)) == before
    assert PaymentEvent.objects.count() == 1


def test_a_settled_refund_cannot_be_settled_by_another_message() -> None:
    order = make_accepted()
    asked = refund(order, 1)
    report(order, "refund_succeeded", refund=asked)
    with pytest.raises(InvalidTransition):
        report(order, "refund_failed", id="pay-2", refund=Refund.objects.get(pk=asked.pk))
    assert PaymentEvent.objects.count() == 1, "what was refused leaves nothing"


def test_a_report_of_another_amount_is_refused() -> None:
    order = make_accepted()
    asked = refund(order, 1)
    with pytest.raises(ValidationFailed) as refused:
        report(order, "refund_succeeded", refund=asked, amount_minor=asked.amount_minor + 1)
    assert codes(refused) == [("/amount", "amount_mismatch")]


def test_a_report_on_a_refund_of_another_order_is_refused() -> None:
    asked = refund(make_accepted(), 1)
    with pytest.raises(ValidationFailed) as refused:
        report(make_accepted(), "refund_succeeded", refund=asked)
    assert codes(refused) == [("/refund", "unknown_refund")]


def test_an_unknown_report_is_refused_and_not_kept() -> None:
    with pytest.raises(ValidationFailed):
        report(make_accepted(), "bonus")
    assert not PaymentEvent.objects.exists()


@pytest.mark.parametrize("kind", ["authorized", "paid"])
def test_payment_lets_an_approved_order_go_on(kind: str) -> None:
    order = make_order(payment_status="unpaid")
    approve_order(order, actor=MEMBER, at=NOON)
    assert order.status == OrderStatus.AWAITING_PAYMENT
    report(order, kind)
    assert (order.status, order.payment_status) == (OrderStatus.AWAITING_ACCEPTANCE, kind)


def test_a_voided_payment_lets_nothing_go_on() -> None:
    order = make_order(payment_status="unpaid")
    approve_order(order, actor=MEMBER, at=NOON)
    report(order, "voided")
    assert (order.status, order.payment_status) == (OrderStatus.AWAITING_PAYMENT, PaymentStatus.VOIDED)


@pytest.mark.parametrize("kind", ["authorized", "paid", "voided"])
def test_a_late_report_never_undoes_a_refund(kind: str) -> None:
    """A delayed "paid" made a refunded order look paid, and refundable, again."""
    order = make_approved()
    report(order, "refund_succeeded", refund=refund(order, 3, 2))
    report(order, kind, id="late")
    assert Order.objects.get(pk=order.pk).payment_status == PaymentStatus.REFUNDED
    assert PaymentEvent.objects.filter(external_id="late").exists()
