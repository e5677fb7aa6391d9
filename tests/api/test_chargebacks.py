"""A chargeback that the operator reports reaches the labels."""

from core.ids import encode
from risk.models import Label
from tests.make import make_order


def test_a_reported_chargeback_becomes_a_label(market):
    order = make_order(market.merchant)
    message = {"id": "cb-1", "kind": "chargeback", "amount": "49.90"}

    for _ in range(2):
        answer = market.operator.post(f"/api/v1/orders/{encode('ord', order.pk)}/payment-events", message)
        assert answer.status_code == 200

    assert [(label.is_bad, label.source) for label in Label.objects.all()] == [(True, "chargeback")]


def test_a_seller_cannot_report_one(market):
    order = make_order(market.merchant)
    message = {"id": "cb-1", "kind": "chargeback", "amount": "49.90"}

    answer = market.seller.post(f"/api/v1/orders/{encode('ord', order.pk)}/payment-events", message)

    assert answer.status_code == 403
    assert not Label.objects.exists()
