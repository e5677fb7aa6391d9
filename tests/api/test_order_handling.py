"""What follows an order over the API: accepted, ended, shipped, paid, refunded."""

from typing import Any

import pytest

from core.actors import SYSTEM
from core.ids import encode
from orders.models import Order, PaymentEvent, Refund, Shipment
from orders.services import approve_order, hold_order
from tests.api.calls import Partner, fields, problem
from tests.api.conftest import Market
from tests.api.test_orders import accepted, path
from tests.make import NOON, make_order

pytestmark = pytest.mark.django_db


# ── The merchant's moves ─────────────────────────────────────────────────────────────────────────
def test_an_order_is_accepted_and_shipped_in_two_parcels(market: Market) -> None:
    order = make_order(market.merchant)
    approve_order(order, actor=SYSTEM, at=NOON)
    answer = market.seller.post(path(order, "/accept"))
    assert (answer.status_code, answer.json()["status"]) == (200, "awaiting_fulfilment")
    answer = market.seller.post(path(order, "/accept"))
    assert problem(answer) == (409, "invalid_transition")
    assert set(answer.json()["allowed"]) >= {"ship", "cancel"}
    line = encode("lin", order.lines.get().pk)
    parcel = {"carrier": "DHL", "tracking_number": "1234567890", "lines": {line: 1}}
    assert market.seller.post(path(order, "/shipments"), parcel).status_code == 201
    assert market.seller.get(path(order)).json()["status"] == "shipped"


@pytest.mark.parametrize(("move", "status"), [("refuse", "refused"), ("cancel", "cancelled")])
def test_an_order_is_ended_with_a_reason(market: Market, move: str, status: str) -> None:
    order = make_order(market.merchant)
    approve_order(order, actor=SYSTEM, at=NOON)
    assert fields(market.seller.post(path(order, f"/{move}"), {})) == {"/reason": "required"}
    answer = market.seller.post(path(order, f"/{move}"), {"reason": "Out of stock."})
    assert (answer.status_code, answer.json()["status"]) == (200, status)


def test_an_order_that_is_being_checked_can_neither_ship_nor_be_cancelled(market: Market) -> None:
    order = accepted(market)
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    parcel = {"carrier": "DHL", "tracking_number": "1234567890"}
    assert problem(market.seller.post(path(order, "/shipments"), parcel)) == (409, "order_on_hold")
    assert problem(market.seller.post(path(order, "/cancel"), {"reason": "x"})) == (409, "order_on_hold")
    assert not Shipment.objects.exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tracking_number": "?"}, {"/tracking_number": "invalid_tracking"}),
        ({"carrier": None}, {"/carrier": "null"}),
        ({"lines": {}}, {"/lines": "empty"}),
        ({"lines": {"lin_1hczaj5p90000": 1}}, {"/lines": "exceeds_left"}),
        ({"lines": {"lin_1hczaj5p90000": 0}}, {"/lines/lin_1hczaj5p90000": "min_value"}),
    ],
    ids=str,
)
def test_a_bad_parcel_is_refused(market: Market, changes: dict[str, Any], expected: dict[str, str]) -> None:
    parcel = {"carrier": "DHL", "tracking_number": "1234567890", **changes}
    assert fields(market.seller.post(path(accepted(market), "/shipments"), parcel)) == expected
    assert not Shipment.objects.exists()


def test_a_repeated_shipment_ships_once(market: Market) -> None:
    order = accepted(market)
    parcel = {"carrier": "DHL", "tracking_number": "1234567890"}
    first = market.seller.post(path(order, "/shipments"), parcel, key="k")
    again = market.seller.post(path(order, "/shipments"), parcel, key="k")
    assert (first.status_code, again.json()) == (201, first.json())
    assert Shipment.objects.count() == 1


# ── Money back ───────────────────────────────────────────────────────────────────────────────────
def _refund(market: Market, order: Order, **changes: Any) -> Any:
    line = encode("lin", order.lines.get().pk)
    content = {"reason": "damaged", "lines": [{"line": line, "quantity": 1}], **changes}
    return market.seller.post(path(order, "/refunds"), content)


def test_a_refund_waits_for_the_payment_event(market: Market) -> None:
    order = accepted(market)
    refund = _refund(market, order)
    assert refund.status_code == 201, refund.content
    assert (refund.json()["status"], refund.json()["amount"]["amount"]) == ("pending", "49.90")
    event = {"id": "p-1", "kind": "refund_succeeded", "amount": "49.90", "refund": refund.json()["id"]}
    answer = market.operator.post(path(order, "/payment-events"), event, key=None)
    assert answer.status_code == 200, answer.content
    assert answer.json()["order"]["payment_status"] == "refunded"
    assert Refund.objects.get().status == "succeeded"


def test_the_same_payment_event_again_changes_nothing(market: Market) -> None:
    order = make_order(market.merchant, payment_status="unpaid")
    approve_order(order, actor=SYSTEM, at=NOON)
    event = {"id": "p-1", "kind": "paid", "amount": "49.90"}
    answers = [market.operator.post(path(order, "/payment-events"), event, key=None) for _ in range(2)]
    assert [answer.json()["order"]["status"] for answer in answers] == ["awaiting_acceptance"] * 2
    assert PaymentEvent.objects.count() == 1


def test_a_seller_does_not_confirm_its_own_refund(market: Market) -> None:
    order = accepted(market)
    event = {"id": "p-1", "kind": "refund_succeeded", "amount": "49.90"}
    answer = market.seller.post(path(order, "/payment-events"), event)
    assert problem(answer) == (403, "operator_only")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "gift"}, {"/kind": "invalid_choice"}),
        ({"amount": "1.234"}, {"/amount": "too_many_decimals"}),
        ({"kind": "refund_failed"}, {"/refund": "unknown_refund"}),
        ({"kind": "refund_failed", "refund": "ref_1hczaj5p90000"}, {"/refund": "unknown_refund"}),
    ],
    ids=str,
)
def test_a_bad_payment_event_is_refused(
    market: Market, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    event = {"id": "p-1", "kind": "paid", "amount": "49.90", **changes}
    answer = market.operator.post(path(accepted(market), "/payment-events"), event)
    assert fields(answer) == expected
    assert not PaymentEvent.objects.exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reason": "whim"}, {"/reason": "invalid_choice"}),
        ({"lines": []}, {"/lines": "empty"}),
        ({"lines": [{"line": "lin_1hczaj5p90000", "quantity": 1}]}, {"/lines/0/line": "unknown_line"}),
        ({"lines": [{"line": "lin_1", "quantity": 1}]}, {"/lines/0/line": "invalid_id"}),
    ],
    ids=str,
)
def test_a_bad_refund_is_refused(market: Market, changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert fields(_refund(market, accepted(market), **changes)) == expected


def test_no_more_is_refunded_than_was_bought(market: Market) -> None:
    order = accepted(market)
    assert _refund(market, order).status_code == 201
    assert fields(_refund(market, order)) == {"/lines/0/quantity": "exceeds_ordered"}
    assert Refund.objects.count() == 1


def test_an_unpaid_order_is_not_refunded(market: Market) -> None:
    order = make_order(market.merchant, payment_status="unpaid")
    assert problem(_refund(market, order)) == (409, "not_paid")


@pytest.mark.parametrize("rest", ["", "/accept", "/refuse", "/cancel", "/shipments", "/refunds"])
def test_somebody_elses_order_looks_like_none(market: Market, rest: str) -> None:
    order = accepted(market)
    contents = {
        "/refuse": {"reason": "x"},
        "/cancel": {"reason": "x"},
        "/shipments": {"carrier": "DHL", "tracking_number": "1234567890"},
        "/refunds": {"reason": "damaged", "lines": [{"line": "lin_1hczaj5p90000", "quantity": 1}]},
    }

    def ask(partner: Partner, id: str) -> tuple[int, str]:
        url = f"orders/{id}{rest}"
        return problem(partner.post(url, contents.get(rest)) if rest else partner.get(url))

    missing = ask(market.seller, "ord_1hczaj5p90000")
    assert ask(market.stranger, encode("ord", order.pk)) == missing == (404, "not_found")
    assert ask(market.seller, "nonsense") == missing
    order.refresh_from_db()
    assert order.status == "awaiting_fulfilment"
