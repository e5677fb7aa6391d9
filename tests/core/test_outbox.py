"""The outbox: a row with the work, a send after the commit, and no row lost for want of a broker."""

import time
from typing import Any

import pytest
from celery import Celery

from backoffice.celery import app
from core import journal, outbox, requests
from core.models import OutboxEvent
from core.outbox import TaskCall
from core.refs import Ref

SUBJECT = Ref("order", 7)


def announce(event_type: str = "order.placed", **fields: Any) -> None:
    with journal.unit():
        outbox.record(
            event_type, subject=SUBJECT, merchant_id=3, send=[TaskCall("intake.tasks.decide", (7,))], **fields
        )


@pytest.mark.django_db
def test_an_event_says_what_happened_to_what_and_for_whom() -> None:
    requests.begin("request-12345")
    announce(payload={"status": "received"})
    event = OutboxEvent.objects.get()
    assert (event.type, event.subject_kind, event.subject_id) == ("order.placed", "order", 7)
    assert (event.merchant_id, event.payload) == (3, {"status": "received"})
    assert (event.request_id, event.sequence) == ("request-12345", None)


@pytest.mark.django_db(transaction=True)
def test_a_task_is_sent_only_after_the_commit(sent_tasks: Any) -> None:
    with journal.unit():
        announce()
        assert sent_tasks == []
    assert sent_tasks == [("intake.tasks.decide", [7])]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_and_no_row_stays_after_a_rollback(sent_tasks: Any) -> None:
    def announce_and_fail() -> None:
        with journal.unit():
            announce()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        announce_and_fail()
    assert sent_tasks == []
    assert not OutboxEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_loses_no_row_and_neither_fails_nor_keeps_the_caller(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nobody_listens = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    nobody_listens.conf.task_publish_retry_policy = app.conf.task_publish_retry_policy
    monkeypatch.setattr(outbox, "current_app", nobody_listens)
    started = time.monotonic()
    announce()
    assert time.monotonic() - started < 3
    assert OutboxEvent.objects.count() == 1
    assert "send_failed" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_one_send_that_fails_does_not_keep_back_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def send(name: str, args: object) -> None:
        if name == "first":
            raise ConnectionError
        sent.append(name)

    monkeypatch.setattr("core.outbox.current_app.send_task", send)
    with journal.unit():
        calls = [TaskCall("first"), TaskCall("second")]
        outbox.record("order.placed", subject=SUBJECT, merchant_id=None, send=calls)
    assert sent == ["second"]
