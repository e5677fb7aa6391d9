"""Request ids: the caller's is echoed if it is safe to log, else one is made."""

import logging
from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from core import requests
from core.errors import Conflict, DomainError, NotFound, PermissionDenied
from core.middleware import DomainErrorMiddleware, RequestIdMiddleware


@pytest.mark.parametrize("offered", ["abcdefgh", "a" * 64, "0f3b.9-Z_7qqq"])
def test_a_safe_id_is_echoed(client: Client, offered: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": offered})["X-Request-Id"] == offered


@pytest.mark.parametrize(
    "offered",
    [
        "",
        "short",
        "a" * 65,
        "has space here",
        "line\\nbreak",
        "<script>alert(1)",
        "émigré-request",
        "a;b;c;d;e",
    ],
)
def test_an_unsafe_id_is_replaced(client: Client, offered: str) -> None:
    answered = client.get("/healthz", headers={"X-Request-Id": offered})["X-Request-Id"]
    assert answered != offered
    assert len(answered) == 16


def test_a_newline_at_the_end_does_not_slip_through() -> None:
    assert requests.begin("abcdefgh\n") != "abcdefgh\n"


def test_every_request_gets_its_own(client: Client) -> None:
    assert client.get("/healthz")["X-Request-Id"] != client.get("/healthz")["X-Request-Id"]


def test_even_a_page_that_does_not_exist_can_be_quoted(client: Client) -> None:
    assert client.get("/no/such/page")["X-Request-Id"]


def test_the_id_reaches_views_and_log_lines() -> None:
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        record = logging.LogRecord("test", logging.INFO, __file__, 1, "said", None, None)
        requests.RequestIdFilter().filter(record)
        seen.extend([requests.current_id(), request.request_id, record.request_id])  # type: ignore[attr-defined]
        return HttpResponse()

    RequestIdMiddleware(view)(RequestFactory().get("/", headers={"X-Request-Id": "abcdefgh"}))
    assert seen == ["abcdefgh"] * 3


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("No such order."), 404),
        (PermissionDenied("Your role does not allow this."), 403),
        (Conflict("Changed meanwhile."), 409),
        (DomainError("No."), 400),
    ],
    ids=["not found", "forbidden", "conflict", "other"],
)
def test_a_domain_error_that_a_page_let_through_is_shown_as_a_page(
    rf: RequestFactory, error: Exception, status: int
) -> None:
    answer = _middleware().process_exception(rf.get("/portal/"), error)
    assert answer is not None
    assert answer.status_code == status
    assert b"<html" in answer.content


def test_the_page_does_not_tell_why_an_object_is_not_found(rf: RequestFactory) -> None:
    answer = _middleware().process_exception(rf.get("/portal/"), NotFound("It is another merchant's."))
    assert answer is not None
    assert b"another merchant" not in answer.content


def test_an_error_of_ours_is_not_dressed_up(rf: RequestFactory) -> None:
    assert _middleware().process_exception(rf.get("/"), ZeroDivisionError()) is None


def _middleware() -> DomainErrorMiddleware:
    respond: Callable[[HttpRequest], HttpResponse] = lambda request: HttpResponse()  # noqa: E731
    return DomainErrorMiddleware(respond)
