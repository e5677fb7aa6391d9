"""Calls take the short way and keep what holds for everybody; pages keep all of theirs."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.api.calls import Partner, problem
from tests.api.conftest import Market

pytestmark = pytest.mark.django_db
CALLS = ["/api/v1/orders", "/api/v1/nothing", "/api/v1/openapi.json"]


@pytest.mark.parametrize("path", CALLS)
def test_a_call_keeps_the_headers_of_safety(market: Market, path: str) -> None:
    answer = market.seller.get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["Referrer-Policy"] == "same-origin"
    assert int(answer["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize(("accepted", "language"), [("zh-CN", "zh-hans"), ("fr, en;q=0.5", "en"), ("", "en")])
def test_a_call_is_answered_in_the_language_it_accepts(accepted: str, language: str) -> None:
    answer = Partner(None).get("orders", Accept_Language=accepted)
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]


def test_a_call_is_nobodys_session(market: Market) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com"))
    assert problem(Partner(None, client).get("orders")) == (401, "not_authenticated")
    assert not market.seller.get("orders").cookies


def test_a_call_under_another_name_is_refused() -> None:
    assert Client(SERVER_NAME="evil.example").get("/api/v1/orders").status_code == 400


def test_a_call_without_tls_is_sent_to_tls_where_that_is_required(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get("/api/v1/orders?limit=1")
    assert answer.status_code == 301
    assert answer["Location"] == "https://testserver/api/v1/orders?limit=1"


@pytest.mark.parametrize("path", ["/api/docs", "/api/errors", "/"])
def test_a_page_keeps_the_middleware_of_pages(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert "Cookie" in answer["Vary"]
