"""Statements of reasons over the API: on the resource, readable by their merchant, invisible to strangers."""

import pytest

from core.actors import SYSTEM
from core.ids import encode, new_id
from core.models import Statement
from orders.services import decline_order
from tests.api.calls import problem
from tests.api.conftest import Market
from tests.make import NOON, make_key, make_order

pytestmark = pytest.mark.django_db


def declined(market: Market) -> tuple[str, str]:
    """Return the public ids of a declined order and of its statement."""
    order = make_order(market.merchant, external_id="A-17")
    decline_order(order, actor=SYSTEM, at=NOON, reason_codes=["card_testing"])
    return encode("ord", order.pk), encode("sta", Statement.objects.get().pk)


def test_an_order_names_its_statement(market: Market) -> None:
    order, statement = declined(market)
    assert market.seller.get(f"orders/{order}").json()["statement"] == statement
    other = encode("ord", make_order(market.merchant).pk)
    assert market.seller.get(f"orders/{other}").json()["statement"] is None


def test_a_statement_is_read_whole_and_without_codes(market: Market) -> None:
    order, statement = declined(market)
    answer = market.seller.get(f"statements/{statement}")
    body = answer.json()
    assert body["subject"] == {"kind": "order", "id": order}
    assert body["reasons"] == ["We could not confirm this order as safe, so it was not accepted."]
    assert (body["effect"], body["is_automated"], body["basis"]) == ("declined", True, "contract")
    assert body["appeal_until"] == "2026-09-02T12:00:00Z"
    assert {"label": "Order number", "value": "A-17"} in body["facts"]
    assert "card_testing" not in answer.content.decode()


def test_it_speaks_the_callers_language(market: Market) -> None:
    _order, statement = declined(market)
    body = market.seller.get(f"statements/{statement}", Accept_Language="zh-hans").json()
    assert "2026年9月2日" in body["appeal_text"]


def test_a_statement_is_its_merchants(market: Market) -> None:
    _order, statement = declined(market)
    assert problem(market.stranger.get(f"statements/{statement}")) == (404, "not_found")
    assert problem(market.seller.get(f"statements/{encode('sta', new_id())}")) == (404, "not_found")
    assert market.operator.get(f"statements/{statement}").status_code == 200
    market.seller.token = make_key(market.merchant, scopes=["orders:read"])
    assert problem(market.seller.get(f"statements/{statement}")) == (403, "insufficient_scope")
    assert problem(market.seller.post(f"statements/{statement}")) == (405, "method_not_allowed")
