"""Orders over the API: each endpoint works, is repeated, is misused."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from cases.models import ReviewCase
from core.actors import SYSTEM
from core.ids import encode
from core.models import IdempotencyKey
from merchants.models import Merchant
from orders.handling import accept_order
from orders.models import Order
from orders.services import approve_order
from risk.models import Decision
from tests.api.calls import fields, problem
from tests.api.conftest import Market
from tests.make import NOON, make_order

pytestmark = pytest.mark.django_db


def body(of: Merchant, /, **changes: Any) -> dict[str, Any]:
    return {
        "merchant": encode("mer", of.pk),
        "external_id": "2026-1",
        "currency": "CNY",
        "lines": [{"title": "Tea pot", "quantity": 2, "unit_price": "24.95"}],
        "buyer": {"id": "b-1", "email": "ann@example.com", "device_id": "d-1", "ip": "192.0.2.1"},
        "card": {"token": "tok_1", "country": "CN"},
        "shipping_country": "CN",
        **changes,
    }


def accepted(market: Market, **options: Any) -> Order:
    order = make_order(market.merchant, **options)
    approve_order(order, actor=SYSTEM, at=NOON)
    accept_order(order, actor=SYSTEM, at=NOON)
    return order


def path(order: Order, rest: str = "") -> str:
    return f"orders/{encode('ord', order.pk)}{rest}"


# ── Placing ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("price", "outcome", "status"),
    [
        ("24.95", "approve", "awaiting_acceptance"),
        ("900.00", "review", "received"),
        ("4000.00", "decline", "declined"),
    ],
)
def test_a_placed_order_is_answered_with_its_decision(
    market: Market, judged: None, price: str, outcome: str, status: str
) -> None:
    lines = [{"title": "Tea pot", "quantity": 2, "unit_price": price}]
    answer = market.seller.post("orders", body(market.merchant, lines=lines))
    assert answer.status_code == 201, answer.content
    order = Order.objects.get()
    shown = answer.json()
    assert answer["Location"].endswith(f"/api/v1/orders/{shown['id']}")
    assert shown["id"] == encode("ord", order.pk)
    assert (shown["status"], shown["decision"]["outcome"]) == (status, outcome)
    assert shown["decision"]["score_band"] == "low"
    assert bool(shown["on_hold"]) == (outcome == "review")
    assert ReviewCase.objects.count() == (outcome == "review")
    assert shown["available_actions"] == (["accept", "refuse", "cancel"] if outcome == "approve" else [])


def test_an_order_that_does_not_wait_is_acknowledged_and_left_to_a_worker(
    market: Market, judged: None, sent_tasks: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = market.seller.post("orders?wait=false", body(market.merchant))
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["decision"]) == ("received", None)
    assert not Decision.objects.exists()
    assert ("intake.tasks.decide_order", [Order.objects.get().pk]) in sent_tasks


def test_an_order_whose_judging_fails_is_kept_and_left_to_the_sweeper(market: Market, judged: None) -> None:
    with patch("intake.pipeline.orders.services.approve_order", side_effect=RuntimeError):
        answer = market.seller.post("orders", body(market.merchant))
    assert answer.status_code == 202
    assert answer.json()["status"] == "received"
    assert Order.objects.get().decided_at is None
    assert not Decision.objects.exists()


def test_the_same_key_gives_the_same_answer_and_one_order(market: Market, judged: None) -> None:
    first = market.seller.post("orders", body(market.merchant), key="k-1")
    again = market.seller.post("orders", body(market.merchant), key="k-1")
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Location"] == first["Location"]
    assert Order.objects.count() == Decision.objects.count() == 1


def test_placing_and_repeating_take_so_many_statements(
    market: Market, judged: None, django_assert_num_queries: Any
) -> None:
    market.operator.post("orders", body(market.merchant))
    another = body(market.merchant, external_id="2026-2")
    # The key (which production remembers), the merchant, the answer's lock with what is stored, the history,
    # and one message with every row. SQLite takes each row's table and each savepoint as a statement.
    placing, repeating = (5, 3) if connection.vendor == "postgresql" else (16, 5)
    with django_assert_num_queries(placing):
        assert market.operator.post("orders", another, key="k-1").status_code == 201
    with django_assert_num_queries(repeating):
        assert market.operator.post("orders", another, key="k-1")["Idempotent-Replayed"] == "true"


def test_the_spelling_of_the_same_json_does_not_matter(market: Market, judged: None) -> None:
    content = body(market.merchant)
    market.seller.post("orders", content, key="k-1")
    turned = dict(reversed(content.items()))
    assert market.seller.post("orders", turned, key="k-1")["Idempotent-Replayed"] == "true"


def test_the_same_key_with_another_payload_is_refused(market: Market, judged: None) -> None:
    market.seller.post("orders", body(market.merchant), key="k-1")
    other = body(market.merchant, external_id="2026-2")
    assert problem(market.seller.post("orders", other, key="k-1")) == (422, "idempotency_key_reused")
    waiting = market.seller.post("orders?wait=false", body(market.merchant), key="k-1")
    assert problem(waiting) == (422, "idempotency_key_reused")


def test_the_same_key_of_another_credential_is_another_key(market: Market, judged: None) -> None:
    market.seller.post("orders", body(market.merchant), key="k-1")
    other = market.operator.post("orders", body(market.merchant, external_id="2026-2"), key="k-1")
    assert other.status_code == 201


@pytest.mark.parametrize("key", [None, "x" * 256], ids=["missing", "too long"])
def test_a_post_without_a_usable_key_is_malformed(market: Market, key: str | None) -> None:
    answer = market.seller.post("orders", body(market.merchant), key=key)
    assert problem(answer) == (400, "idempotency_key_required")
    assert not Order.objects.exists()


def test_a_number_that_is_taken_names_the_order_that_has_it(market: Market, judged: None) -> None:
    first = market.seller.post("orders", body(market.merchant)).json()
    answer = market.seller.post("orders", body(market.merchant))
    assert problem(answer) == (409, "duplicate_order")
    assert answer.json()["order"] == first["id"]
    assert Order.objects.count() == 1
    assert IdempotencyKey.objects.count() == 1, "a conflict is not stored"


def test_two_merchants_may_have_the_same_number(market: Market, judged: None) -> None:
    other = market.stranger.get("merchants").json()["data"][0]["id"]
    market.seller.post("orders", body(market.merchant))
    answer = market.stranger.post("orders", body(market.merchant, merchant=other))
    assert answer.status_code == 201


def test_an_order_for_somebody_elses_merchant_is_not_found(market: Market) -> None:
    assert problem(market.stranger.post("orders", body(market.merchant))) == (404, "not_found")
    assert not Order.objects.exists()


def test_only_the_marketplace_sets_an_exchange_rate(market: Market, judged: None) -> None:
    rated = body(market.merchant, currency="USD", fx_rate="7.1")
    assert problem(market.seller.post("orders", rated)) == (403, "operator_only")
    assert market.operator.post("orders", rated).status_code == 201
    assert Order.objects.get().base_total_minor == 35_429


def _line(**changes: Any) -> dict[str, Any]:
    return {"lines": [{"title": "Tea pot", "quantity": 1, "unit_price": "1.00", **changes}]}


BAD_ORDERS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "no merchant": ({"merchant": None}, {"/merchant": "null"}),
    "another kind of id": ({"merchant": "ord_1hczaj5p90000"}, {"/merchant": "invalid_id"}),
    "no number": ({"external_id": ""}, {"/external_id": "blank"}),
    "long number": ({"external_id": "x" * 65}, {"/external_id": "max_length"}),
    "number as number": ({"external_id": 5}, {"/external_id": "invalid"}),
    "null character": ({"external_id": "a\0b"}, {"/external_id": "null_characters_not_allowed"}),
    "unknown currency": ({"currency": "XXX"}, {"/currency": "unknown_currency"}),
    "currency of four": ({"currency": "EURO"}, {"/currency": "unknown_currency"}),
    "no rate known": ({"currency": "JPY", **_line(unit_price="1")}, {"/currency": "no_exchange_rate"}),
    "no lines": ({"lines": []}, {"/lines": "empty"}),
    "lines as object": ({"lines": {}}, {"/lines": "not_a_list"}),
    "no quantity": (_line(quantity=0), {"/lines/0/quantity": "min_value"}),
    "half a piece": (_line(quantity=1.5), {"/lines/0/quantity": "invalid"}),
    "large quantity": (_line(quantity=100_001), {"/lines/0/quantity": "max_value"}),
    "endless quantity": (_line(quantity=10**30), {"/lines/0/quantity": "invalid"}),
    "amount as number": (_line(unit_price=1.5), {"/lines/0/unit_price": "invalid"}),
    "negative amount": (_line(unit_price="-1"), {"/lines/0/unit_price": "invalid_amount"}),
    "excess decimals": (_line(unit_price="1.005"), {"/lines/0/unit_price": "too_many_decimals"}),
    "huge amount": (_line(unit_price="9" * 18), {"/lines/0/unit_price": "amount_too_large"}),
    "huge total": (_line(unit_price="9999999999", quantity=9), {"/lines": "amount_too_large"}),
    "not a number": (_line(unit_price="NaN"), {"/lines/0/unit_price": "invalid_amount"}),
    "misspelt field": (_line(quantiy=1), {"/lines/0/quantiy": "unknown_field"}),
    "unknown field": ({"colour": "red"}, {"/colour": "unknown_field"}),
    "future": ({"placed_at": "2999-01-01T00:00:00Z"}, {"/placed_at": "in_future"}),
    "no moment": ({"placed_at": "yesterday"}, {"/placed_at": "invalid"}),
    "overflowing moment": ({"placed_at": "0001-01-01T00:00:00+14:00"}, {"/placed_at": "overflow"}),
    "card number": ({"card": {"token": "4111 1111 1111 1111"}}, {"/card/token": "card_number"}),
    "no address": ({"buyer": {"ip": "300.1.1.1"}}, {"/buyer/ip": "invalid"}),
    "country name": ({"shipping_country": "China"}, {"/shipping_country": "invalid"}),
    "unknown payment": ({"payment_status": "maybe"}, {"/payment_status": "invalid_choice"}),
    "buyer as text": ({"buyer": "ann"}, {"/buyer": "invalid"}),
}


@pytest.mark.parametrize("case", BAD_ORDERS.values(), ids=BAD_ORDERS.keys())
def test_a_bad_order_is_refused_with_pointers(
    market: Market, case: tuple[dict[str, Any], dict[str, str]]
) -> None:
    changes, expected = case
    assert fields(market.seller.post("orders", body(market.merchant, **changes))) == expected
    assert not Order.objects.exists()


def test_every_bad_line_is_named(market: Market) -> None:
    lines = [{"title": "a", "quantity": 1, "unit_price": text} for text in ("x", "1", "1.234")]
    assert fields(market.seller.post("orders", body(market.merchant, lines=lines))) == {
        "/lines/0/unit_price": "invalid_amount",
        "/lines/2/unit_price": "too_many_decimals",
    }


def test_a_rate_that_blows_the_total_up_is_refused(market: Market) -> None:
    rated = body(market.merchant, currency="USD", fx_rate="999999999", **_line(unit_price="99999999"))
    assert fields(market.operator.post("orders", rated)) == {"/fx_rate": "amount_too_large"}


def test_an_odd_wait_is_refused(market: Market) -> None:
    assert fields(market.seller.post("orders?wait=1", body(market.merchant))) == {"/wait": "invalid_flag"}


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────
def test_an_order_is_read_with_lines_shipments_and_refunds(market: Market) -> None:
    order = accepted(market)
    market.seller.post(
        path(order, "/shipments"), {"carrier": "SF Express", "tracking_number": "SF123456789012"}
    )
    line = encode("lin", order.lines.get().pk)
    market.seller.post(
        path(order, "/refunds"), {"reason": "damaged", "lines": [{"line": line, "quantity": 1}]}
    )
    shown = market.seller.get(path(order)).json()
    assert shown["lines"][0]["unit_price"] == {"amount": "49.90", "currency": "CNY"}
    assert shown["shipments"][0]["tracking_number"] == "SF123456789012"
    assert shown["refunds"][0]["status"] == "pending"
    assert shown["status"] == "shipped"


def test_reading_an_unchanged_order_again_is_answered_with_304(market: Market) -> None:
    order = make_order(market.merchant)
    tag = market.seller.get(path(order))["ETag"]
    assert market.seller.get(path(order), If_None_Match=tag).status_code == 304
    approve_order(order, actor=SYSTEM, at=NOON)
    assert market.seller.get(path(order), If_None_Match=tag).status_code == 200


def test_a_list_shows_only_the_callers_orders(market: Market) -> None:
    mine, _ = make_order(market.merchant), make_order()
    assert [row["id"] for row in market.seller.get("orders").json()["data"]] == [encode("ord", mine.pk)]
    assert market.stranger.get("orders").json()["data"] == []
    assert len(market.operator.get("orders").json()["data"]) == 2


def test_a_list_is_narrowed_by_filters(market: Market) -> None:
    waiting, received = make_order(market.merchant), make_order(market.merchant, payment_status="unpaid")
    approve_order(waiting, actor=SYSTEM, at=NOON)
    soon = (timezone.now() + timedelta(minutes=1)).isoformat()

    def found(**filters: str) -> list[str]:
        query = {f"filter[{name.replace('__', '][')}]": text for name, text in filters.items()}
        return [row["external_id"] for row in market.seller.get("orders", query).json()["data"]]

    both = [received.external_id, waiting.external_id]
    assert found(status="awaiting_acceptance") == [waiting.external_id]
    assert found(status="received,awaiting_acceptance") == both
    assert found(payment_status="unpaid") == [received.external_id]
    assert found(merchant=encode("mer", market.merchant.pk)) == both
    assert found(created_at__lt=soon) == both
    assert found(created_at__gte=soon) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filter[status]": "paid"}, {"/filter[status]": "invalid_filter"}),
        ({"filter[status]": "received,"}, {"/filter[status]": "invalid_filter"}),
        ({"filter[colour]": "red"}, {"/filter[colour]": "unknown_filter"}),
        ({"filter[status": "received"}, {"/filter[status": "unknown_filter"}),
        ({"filter[merchant]": "ord_1"}, {"/filter[merchant]": "invalid_filter"}),
        ({"filter[created_at][gte]": "monday"}, {"/filter[created_at][gte]": "invalid_filter"}),
        ({"filter[created_at][gte]": "2026-13-01T00:00:00Z"}, {"/filter[created_at][gte]": "invalid_filter"}),
        ({"limit": "0"}, {"/limit": "invalid_limit"}),
        ({"limit": "201"}, {"/limit": "invalid_limit"}),
        ({"limit": "many"}, {"/limit": "invalid_limit"}),
        ({"cursor": "x"}, {"/cursor": "invalid_cursor"}),
    ],
    ids=str,
)
def test_a_list_request_that_makes_no_sense_is_refused(
    market: Market, query: dict[str, str], expected: dict[str, str]
) -> None:
    assert fields(market.seller.get("orders", query)) == expected


def test_a_list_is_read_in_windows_without_gaps(market: Market) -> None:
    placed = [encode("ord", make_order(market.merchant).pk) for _ in range(7)]
    seen, url = [], "orders?limit=3"
    while url:
        answer = market.seller.get(url)
        window = answer.json()
        seen += [row["id"] for row in window["data"]]
        assert window["has_more"] == bool(window["next_cursor"]) == answer.has_header("Link")
        url = answer["Link"][1:].partition(">")[0] if window["has_more"] else ""
    assert seen == placed[::-1]


def test_a_cursor_of_another_list_is_refused(market: Market) -> None:
    for _ in range(2):
        make_order(market.merchant)
    cursor = market.seller.get("orders", {"limit": 1}).json()["next_cursor"]
    assert fields(market.seller.get("decisions", {"cursor": cursor})) == {"/cursor": "invalid_cursor"}


@pytest.mark.parametrize("count", [1, 30])
def test_a_list_takes_three_queries_however_long(
    market: Market, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_order(market.merchant)
    market.seller.get("orders")
    with django_assert_num_queries(3):  # the key, its merchants, the orders
        assert len(market.seller.get("orders").json()["data"]) == count
