"""Units of work: the journal and the work it describes are written together or not at all."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core import audit, journal, outbox
from core.actors import SYSTEM
from core.errors import Conflict
from core.journal import Refusal
from core.models import AuditEntry, IdempotencyKey, OutboxEvent
from core.outbox import TaskCall
from core.refs import Ref
from tests.make import NOON

pytestmark = pytest.mark.django_db
SUBJECT = Ref("order", 7)


def note(action: str) -> None:
    audit.record(action, actor=SYSTEM, subject=SUBJECT)


def noted() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


class Failed(Exception):
    pass


def note_and_fail(*, savepoint: bool = False) -> None:
    with journal.unit(savepoint=savepoint):
        note("lost")
        AuditEntry.objects.create(
            action="lost too", subject_kind="order", subject_id=7, created_at="2026-03-02T12:00:00Z"
        )
        raise Failed


def test_rows_are_written_at_the_end_of_the_unit() -> None:
    with journal.unit():
        note("first")
        assert noted() == []
        note("second")
    assert noted() == ["first", "second"]


def test_a_unit_inside_a_unit_joins_it() -> None:
    with journal.unit():
        note("outer")
        with journal.unit():
            note("inner")
        assert noted() == []
    assert noted() == ["outer", "inner"]


def test_a_unit_writes_one_statement_per_table_however_many_rows() -> None:
    with CaptureQueriesContext(connection) as queries, journal.unit():
        for number in range(20):
            with journal.unit():
                note(f"row {number}")
    assert len([query for query in queries if "INSERT" in query["sql"]]) == 1


def test_a_failing_unit_leaves_nothing() -> None:
    with pytest.raises(Failed):
        note_and_fail()
    with journal.unit():
        note("kept")
    assert noted() == ["kept"]


def test_a_failing_savepoint_drops_its_own_journal_and_keeps_the_outer_one() -> None:
    with journal.unit():
        note("before")
        with pytest.raises(Failed):
            note_and_fail(savepoint=True)
        note("after")
    assert noted() == ["before", "after"]


def test_a_unit_that_joined_a_failing_savepoint_is_dropped_with_it() -> None:
    def join_and_fail() -> None:
        with journal.unit(savepoint=True):
            with journal.unit():
                note("lost")
            raise Failed

    with journal.unit():
        with pytest.raises(Failed):
            join_and_fail()
        note("kept")
    assert noted() == ["kept"]


def test_a_good_savepoint_is_written_with_the_outer_unit() -> None:
    with journal.unit():
        with journal.unit(savepoint=True):
            note("inner")
        assert noted() == []
    assert noted() == ["inner"]


def test_sends_of_a_failing_savepoint_are_dropped_with_its_rows(
    sent_tasks: Any, django_capture_on_commit_callbacks: Any
) -> None:
    def announce(name: str) -> None:
        outbox.record(name, subject=SUBJECT, merchant_id=None, send=[TaskCall(name)])

    def announce_and_fail() -> None:
        with journal.unit(savepoint=True):
            announce("lost")
            raise Failed

    with django_capture_on_commit_callbacks(execute=True), journal.unit():
        with pytest.raises(Failed):
            announce_and_fail()
        announce("kept")
    assert sent_tasks == [("kept", [])]
    assert list(OutboxEvent.objects.values_list("type", flat=True)) == ["kept"]


def make_event(payload: dict[str, object] | None = None) -> OutboxEvent:
    return OutboxEvent(
        type="order.placed",
        subject_kind="order",
        subject_id=7,
        payload=payload or {},
        created_at="2026-03-02T12:00:00Z",
    )


def test_a_row_that_waits_is_changed_in_memory_and_written_as_it_then_is() -> None:
    event = make_event()
    with journal.unit():
        journal.add(event)
        assert journal.waits(event)
        with journal.unit():
            journal.change(event, {"type": "order.approved"})
        assert not OutboxEvent.objects.exists()
    assert not journal.waits(event)
    assert OutboxEvent.objects.get().type == "order.approved"


def test_changes_of_a_failing_savepoint_are_taken_back_oldest_last() -> None:
    def change_and_fail(event: OutboxEvent) -> None:
        with journal.unit(savepoint=True):
            journal.change(event, {"type": "lost"})
            with journal.unit():
                journal.change(event, {"type": "lost twice", "merchant_id": 3})
            raise Failed

    event = make_event()
    with journal.unit():
        journal.add(event)
        journal.change(event, {"type": "kept"})
        with pytest.raises(Failed):
            change_and_fail(event)
        assert (event.type, event.merchant_id) == ("kept", None)
    assert OutboxEvent.objects.get().type == "kept"


def test_only_the_very_row_waits_and_not_another_of_its_kind() -> None:
    with journal.unit():
        journal.add(make_event())
        assert not journal.waits(make_event())


def test_a_refused_row_raises_what_its_writer_said_it_means() -> None:
    def add_key(key: str) -> None:
        with journal.unit(), journal.unit():
            journal.add(
                IdempotencyKey(credential="key:1", key=key, status=201, body=b"", created_at=NOON),
                refusal=Refusal(
                    "one_answer_per_idempotency_key",
                    "core_idempotencykey.credential, core_idempotencykey.key",
                    lambda: Conflict("It is taken.", code="taken"),
                ),
            )

    add_key("a")
    add_key("b")
    with pytest.raises(Conflict, match="It is taken"):
        add_key("a")


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite's driver takes one statement at a time")
def test_rows_of_several_tables_leave_in_one_round_trip() -> None:
    with CaptureQueriesContext(connection) as queries, journal.unit():
        note("one table")
        journal.add(make_event({"quote": "50 % of 'it'"}))
    assert len([query for query in queries if "INSERT" in query["sql"]]) == 1
    assert OutboxEvent.objects.get().payload == {"quote": "50 % of 'it'"}


def test_a_row_outside_of_a_unit_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="journal"):
        note("nowhere")


def test_a_plain_transaction_is_no_unit() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="journal"):
        note("nowhere")


@pytest.mark.django_db(transaction=True)
def test_the_work_and_its_journal_share_one_commit() -> None:
    def commit_neither() -> None:
        with transaction.atomic():
            with journal.unit():
                note("lost")
            raise Failed

    with pytest.raises(Failed):
        commit_neither()
    assert noted() == []


@pytest.mark.django_db(transaction=True)
def test_what_runs_on_commit_writes_in_units_of_its_own() -> None:
    """Bug this found: its rows joined the unit that had just been written, and were lost."""

    def follow() -> None:
        with journal.unit():
            note("second")

    with journal.unit():
        note("first")
        transaction.on_commit(follow)
    assert noted() == ["first", "second"]
