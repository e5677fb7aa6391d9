"""Chargebacks: a fact of the order, and the label that models learn from."""

from datetime import timedelta

import pytest

from core.actors import SYSTEM
from core.models import OutboxEvent
from intake.payments import report_payment_event
from orders.models import PaymentEvent
from risk.models import Label
from tests.make import NOON, make_order

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=12)


def _report(order, kind="chargeback", *, id="evt-1", at=LATER):
    return report_payment_event(
        order, external_id=id, kind=kind, amount_minor=order.total_minor, occurred_at=at, actor=SYSTEM, at=at
    )


def test_a_chargeback_labels_its_order_bad_for_everybody_in_it():
    order = make_order()

    _report(order)

    label = Label.objects.get()
    assert (label.is_bad, label.source, label.known_at) == (True, "chargeback", LATER)
    assert (label.merchant_id, label.card_key) == (order.merchant_id, order.card_key)
    assert OutboxEvent.objects.filter(type="dispute.opened").count() == 1


def test_the_same_message_again_changes_nothing():
    order = make_order()
    first = _report(order)

    again = _report(order, at=LATER + timedelta(hours=1))

    assert again == first
    assert PaymentEvent.objects.count() == Label.objects.count() == 1
    assert OutboxEvent.objects.filter(type="dispute.opened").count() == 1


def test_a_payment_labels_nothing():
    _report(make_order(payment_status="unpaid"), "paid")

    assert not Label.objects.exists()
