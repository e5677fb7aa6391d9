"""Alive and ready: what monitors are told, and what they are not."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from backoffice import health
from core import journal, outbox
from core.actors import SYSTEM
from core.models import OutboxEvent
from core.refs import Ref
from delivery.sequencer import sequence
from intake.pipeline import decide_received_order
from orders.services import hold_order
from tests.make import make_live_ruleset, make_model, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]
LATE = health.MAX_LAG + timedelta(seconds=5)


def readiness(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["checks"]


def test_a_process_that_answers_is_alive(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_with_everything_in_order_it_is_ready(client: Client) -> None:
    status, checks = readiness(client)
    assert status == 200
    assert {name: check["ok"] for name, check in checks.items()} == {
        "database": True,
        "broker": True,
        "decisions": True,
        "outbox": True,
    }


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_monitors_are_never_answered_from_a_cache_and_only_read(client: Client, path: str) -> None:
    assert "no-cache" in client.get(path)["Cache-Control"]
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_monitors_without_a_browser_are_not_sent_elsewhere(client: Client, settings: Any, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code == 200
    assert client.get("/").status_code == 301


def test_an_order_that_nobody_decides_makes_it_not_ready(client: Client) -> None:
    order = make_order(at=timezone.now() - LATE)
    status, checks = readiness(client)
    assert status == 503
    assert (checks["decisions"]["ok"], checks["outbox"]["ok"]) == (False, True)
    assert "oldest order waits" in checks["decisions"]["detail"]

    make_live_ruleset()
    make_model()
    decide_received_order(order.pk, at=timezone.now())
    assert readiness(client)[0] == 200


def test_an_order_that_just_came_or_is_held_for_a_person_does_not(client: Client) -> None:
    make_order(at=timezone.now())
    held = make_order(at=timezone.now() - LATE)
    hold_order(held, actor=SYSTEM, at=timezone.now(), reason_codes=["score_elevated"])
    assert readiness(client)[0] == 200


def test_events_that_nobody_numbers_make_it_not_ready(client: Client) -> None:
    with journal.unit():
        outbox.record("order.placed", subject=Ref("order", 1), merchant_id=None)
    assert readiness(client)[0] == 200
    OutboxEvent.objects.update(created_at=timezone.now() - LATE)
    status, checks = readiness(client)
    assert (status, checks["outbox"]["ok"]) == (503, False)
    sequence()
    assert readiness(client)[0] == 200


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> Iterator[None]:
    def probe() -> str:
        raise error

    with monkeypatch.context() as patch:
        patch.setitem(health._PROBES, name, probe)
        yield


@pytest.mark.parametrize("name", ["database", "broker", "decisions", "outbox"])
def test_one_dependency_that_is_down_is_named_and_the_others_are_still_looked_at(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    secret = "connection to db.internal as admin:pa55 failed"
    with broken(monkeypatch, name, OperationalError(secret)):
        status, checks = readiness(client)
    assert status == 503
    assert [check for check, result in checks.items() if not result["ok"]] == [name]
    assert checks[name]["detail"] == "unavailable"
    assert "pa55" not in str(checks)


def test_a_broker_that_does_not_answer_is_found_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody_listens = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    monkeypatch.setattr(health, "current_app", nobody_listens)
    status, checks = readiness(client)
    assert (status, checks["broker"]) == (503, {"ok": False, "detail": "unavailable"})
