"""Appeals over the API: once per statement, repeatable by key, followed by their merchant only."""

from base64 import b64encode
from datetime import timedelta

import pytest
from django.utils import timezone

from cases.models import Appeal, AppealFile
from core.actors import SYSTEM
from core.ids import encode
from core.models import OutboxEvent
from delivery.sequencer import sequence
from orders.models import Order
from orders.services import decline_order, hold_order
from tests.api.calls import fields, problem
from tests.api.conftest import Market
from tests.cases.appealed import decide
from tests.cases.builders import make_reviewer
from tests.make import NOON, make_key, make_order

pytestmark = pytest.mark.django_db
PDF = b64encode(b"%PDF-1.7\nan invoice\n%%EOF\n").decode()
BODY = {"text": "My customer since 2019.", "files": [PDF]}


def declined(market: Market, *, days_ago: int = 0) -> Order:
    order = make_order(market.merchant)
    at = timezone.now() - timedelta(days=days_ago)
    decline_order(order, actor=SYSTEM, at=at, reason_codes=["stolen_card"])
    return order


def path(order: Order) -> str:
    statement = order.decline_statement_id or order.hold_statement_id
    assert statement is not None
    return f"statements/{encode('sta', statement)}/appeals"


def test_an_appeal_is_handed_in_and_followed(market: Market) -> None:
    order = declined(market)
    answer = market.seller.post(path(order), BODY)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["text"], body["denial"]) == ("open", BODY["text"], None)
    assert body["due_at"]
    assert market.seller.get(answer["Location"]).json() == body
    assert AppealFile.objects.get().content_type == "application/pdf"
    decide(Appeal.objects.get().case, make_reviewer(), "reject", message="We rang twice.")
    sequence()
    closed = market.seller.get(answer["Location"]).json()
    assert (closed["status"], closed["message"]) == ("denied", "We rang twice.")
    assert market.seller.get(f"statements/{closed['denial']}").json()["effect"] == "appeal_denied"
    events = market.seller.get("events", {"types": "appeal.opened,appeal.denied"}).json()["data"]
    assert [event["type"] for event in events] == ["appeal.opened", "appeal.denied"]
    assert events[0]["payload"] == {"status": "open", "appeal": body["id"], "statement": body["statement"]}


def test_an_upheld_order_can_be_handled_again(market: Market) -> None:
    order = declined(market)
    market.seller.post(path(order), BODY)
    decide(Appeal.objects.get().case, make_reviewer(), "approve", codes=())
    body = market.seller.get(f"orders/{encode('ord', order.pk)}").json()
    assert (body["status"], body["statement"]) == ("awaiting_acceptance", None)
    assert "accept" in body["available_actions"]


def test_the_same_key_appeals_once(market: Market) -> None:
    order = declined(market)
    first = market.seller.post(path(order), BODY, key="appeal-1")
    again = market.seller.post(path(order), BODY, key="appeal-1")
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert problem(market.seller.post(path(order), BODY)) == (409, "already_appealed")
    assert problem(market.seller.post(path(order), BODY, key=None)) == (400, "idempotency_key_required")
    assert Appeal.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"/text": "required"}),
        ({"text": "x", "files": [b64encode(b"MZ").decode()]}, {"/files/0": "file_type"}),
        ({"text": "x", "files": [PDF] * 6}, {"/files": "max_length"}),
        ({"text": "x", "hint": "y"}, {"/hint": "unknown_field"}),
    ],
    ids=["no text", "disguised", "many", "unknown"],
)
def test_bad_input_is_refused_with_pointers(
    market: Market, body: dict[str, object], expected: dict[str, str]
) -> None:
    assert fields(market.seller.post(path(declined(market)), body)) == expected
    assert not Appeal.objects.exists()
    assert not OutboxEvent.objects.filter(type="appeal.opened").exists()


def test_a_hold_and_an_old_decline_are_not_appealed(market: Market) -> None:
    held = make_order(market.merchant)
    hold_order(held, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    assert problem(market.seller.post(path(held), BODY)) == (409, "not_appealable")
    assert problem(market.seller.post(path(declined(market, days_ago=190)), BODY)) == (409, "appeal_too_late")


def test_strangers_and_keys_without_the_scope_are_kept_out(market: Market) -> None:
    order = declined(market)
    assert problem(market.stranger.post(path(order), BODY)) == (404, "not_found")
    id = market.seller.post(path(order), BODY).json()["id"]
    assert problem(market.stranger.get(f"appeals/{id}")) == (404, "not_found")
    market.seller.token = make_key(market.merchant, scopes=["decisions:read"])
    assert problem(market.seller.post(path(order), BODY)) == (403, "insufficient_scope")
    assert problem(market.seller.get(path(order))) == (405, "method_not_allowed")
    assert market.seller.get(f"appeals/{id}").status_code == 200
