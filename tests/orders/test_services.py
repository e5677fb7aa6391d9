"""Placing an order, and what a decision does to it."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from celery import current_app
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from core.actors import SYSTEM
from core.encryption import decrypt
from core.errors import Conflict, InvalidTransition, ValidationFailed
from core.models import ExchangeRate, TransitionRecord
from core.outbox import TaskCall
from orders.models import Order, OrderContact, OrderStatus
from orders.placing import Contact, NewLine, Signals
from orders.services import approve_order, decline_order, hold_order, place_order
from tests.make import NOON, make_listing, make_merchant, make_new_order, make_order
from tests.orders.handled import actions_of, events_of, lines_of

pytestmark = pytest.mark.django_db


def test_a_placed_order_is_received_with_its_event() -> None:
    order = make_order(lines=(NewLine("Tea pot", 3, 4_000), NewLine("Cup", 2, 1_500)))
    stored = Order.objects.get(pk=order.pk)
    assert (stored.status, stored.total_minor, stored.line_count, stored.item_count) == (
        OrderStatus.RECEIVED,
        15_000,
        2,
        5,
    )
    assert [line.title for line in lines_of(order)] == ["Tea pot", "Cup"]
    assert (actions_of(order), events_of("order", order.pk)) == (["place"], ["order.placed"])


def test_a_number_is_used_once_per_merchant() -> None:
    merchant = make_merchant()
    make_order(merchant, external_id="A-1")
    make_order(external_id="A-1")
    with pytest.raises(Conflict) as caught, transaction.atomic():
        make_order(merchant, external_id="A-1")
    assert caught.value.code == "duplicate_order"
    assert Order.objects.filter(merchant=merchant).count() == 1


def test_signals_are_kept_as_fingerprints_only() -> None:
    signals = Signals(buyer="b-1", card="tok_9f2c", ip="192.0.2.9")
    order = Order.objects.get(pk=make_order(signals=signals).pk)
    assert order.device_key is None
    assert order.card_key is not None
    assert order.card_key != order.ip_key
    assert "tok_9f2c" not in str(vars(order))
    assert Order.objects.get(pk=make_order(signals=signals).pk).card_key == order.card_key


def test_personal_data_is_encrypted() -> None:
    order = make_order(contact=Contact(name="李雷", email="li@example.com"))
    sealed = bytes(OrderContact.objects.get(pk=order.pk).sealed)
    assert b"example.com" not in sealed
    assert json.loads(decrypt(sealed))["name"] == "李雷"


def test_a_line_finds_its_listing_by_sku() -> None:
    merchant = make_merchant()
    listing = make_listing(merchant, sku="TP-01")
    order = make_order(
        merchant, lines=(NewLine("Tea pot", 1, 100, sku="TP-01"), NewLine("Gift", 1, 0, sku="NONE"))
    )
    assert [line.listing_id for line in lines_of(order)] == [listing.pk, None]


def test_another_merchants_sku_is_free_text() -> None:
    make_listing(sku="TP-02")
    order = make_order(lines=(NewLine("Tea pot", 1, 100, sku="TP-02"),))
    assert lines_of(order)[0].listing_id is None


def test_foreign_money_is_kept_and_converted() -> None:
    ExchangeRate.objects.create(currency="USD", rate=Decimal("7.1"), valid_from=NOON - timedelta(days=1))
    order = make_order(currency="USD", total="10.00", fx_rate=None)
    assert (order.total_minor, order.base_total_minor) == (1_000, 7_100)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"external_id": ""}, "/external_id"),
        ({"lines": ()}, "/lines"),
        ({"lines": (NewLine("Tea pot", 0, 100),)}, "/lines/0/quantity"),
        ({"lines": (NewLine("Tea pot", 1, -1),)}, "/lines/0/unit_price"),
        ({"lines": (NewLine("Tea pot", 10, 10**12),)}, "/lines"),
        ({"placed_at": NOON + timedelta(seconds=1)}, "/placed_at"),
    ],
    ids=["no number", "no lines", "no pieces", "negative price", "too much", "in the future"],
)
def test_a_bad_order_is_refused_before_anything_is_written(fields: dict[str, object], pointer: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        place_order(make_merchant(), make_new_order(**fields), actor=SYSTEM, at=NOON)  # type: ignore[arg-type]
    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert not Order.objects.exists()


def test_tasks_are_sent_with_the_order_and_only_after_the_commit(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, list[object]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    with django_capture_on_commit_callbacks(execute=True):
        order = place_order(
            make_merchant(), make_new_order(), actor=SYSTEM, at=NOON, send=[TaskCall("some.task", ["x"])]
        )
        assert sent == []
    assert sent == [("some.task", ["x", order.pk])]


@pytest.mark.parametrize(
    ("payment", "status"),
    [
        ("paid", OrderStatus.AWAITING_ACCEPTANCE),
        ("authorized", OrderStatus.AWAITING_ACCEPTANCE),
        ("unpaid", OrderStatus.AWAITING_PAYMENT),
    ],
)
def test_an_approved_order_waits_for_money_or_for_the_merchant(payment: str, status: str) -> None:
    order = make_order(payment_status=payment)
    approve_order(order, actor=SYSTEM, at=NOON)
    stored = Order.objects.get(pk=order.pk)
    assert (stored.status, stored.decided_at) == (status, NOON)
    assert events_of("order", order.pk)[-1] == "order.approved"


def test_a_hold_leaves_the_order_received_and_says_why() -> None:
    order = make_order()
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card", "score_high"])
    stored = Order.objects.get(pk=order.pk)
    assert (stored.status, stored.hold_kind, stored.hold_reason) == ("received", "risk", "velocity_card")
    record = TransitionRecord.objects.filter(subject_id=order.pk, action="hold").get()
    assert (record.from_state, record.to_state, record.reason_code) == (
        "received",
        "received",
        "velocity_card",
    )


def test_approving_a_held_order_releases_it() -> None:
    order = make_order()
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    approve_order(order, actor=SYSTEM, at=NOON, reason_codes=["verified_good"])
    stored = Order.objects.get(pk=order.pk)
    assert (stored.is_held, stored.hold_reason, stored.status) == (False, "", "awaiting_acceptance")
    assert events_of("order", order.pk)[-1] == "order.released"


def test_a_declined_order_is_over() -> None:
    order = make_order()
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    decline_order(order, actor=SYSTEM, at=NOON, reason_codes=["confirmed_fraud"])
    stored = Order.objects.get(pk=order.pk)
    assert (stored.status, stored.is_held) == (OrderStatus.DECLINED, False)
    with pytest.raises(InvalidTransition):
        approve_order(order, actor=SYSTEM, at=NOON)


def test_of_two_decisions_on_one_order_the_second_is_refused() -> None:
    order = make_order()
    stale = Order.objects.get(pk=order.pk)
    approve_order(order, actor=SYSTEM, at=NOON)
    with pytest.raises(InvalidTransition) as refused:
        decline_order(stale, actor=SYSTEM, at=NOON, reason_codes=["other"])
    assert refused.value.code == "stale_state"
    assert Order.objects.get(pk=order.pk).status == OrderStatus.AWAITING_ACCEPTANCE
