"""The backend that lets BEGIN and SAVEPOINT travel: fewer round trips, the same transactions."""

from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from core.models import ExchangeRate, OutboxEvent
from merchants.models import KeyGrant

pytestmark = [
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs DATABASE_URL on PostgreSQL"),
    pytest.mark.django_db(transaction=True),
]


class Failed(Exception):
    pass


def write(name: str) -> None:
    OutboxEvent.objects.create(
        type=name, subject_kind="order", subject_id=7, created_at="2026-03-02T12:00:00Z"
    )


def written() -> list[str]:
    return list(OutboxEvent.objects.order_by("id").values_list("type", flat=True))


def write_and_fail(name: str) -> None:
    with transaction.atomic():
        with transaction.atomic():
            write(name)
        raise Failed


def transaction_id() -> int:
    """Return the id of the transaction this statement runs in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT txid_current()")
        return int(cursor.fetchone()[0])


def test_a_transaction_begins_with_its_first_statement() -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic(), transaction.atomic():
        write("kept")
    assert [query["sql"].split()[0] for query in queries] == ["BEGIN;", "COMMIT"]
    assert written() == ["kept"]


def test_a_transaction_without_statements_sends_nothing() -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic(), transaction.atomic():
        pass
    assert len(queries) == 0


def test_a_savepoint_that_fails_before_its_first_statement_costs_nothing() -> None:
    with transaction.atomic():
        write("before")
        with pytest.raises(Failed), transaction.atomic():
            raise Failed
        with transaction.atomic():
            write("inner")
    assert written() == ["before", "inner"]


def test_an_outer_savepoint_takes_back_released_inner_ones() -> None:
    with transaction.atomic():
        write("before")
        with pytest.raises(Failed):
            write_and_fail("inner")
        assert written() == ["before"]
        write("after")
    assert written() == ["before", "after"]


def test_a_transaction_that_fails_leaves_nothing() -> None:
    with pytest.raises(Failed):
        write_and_fail("lost")
    write("alone")
    assert written() == ["alone"]


def test_a_refused_first_statement_is_rolled_back_to_its_savepoint() -> None:
    rate: dict[str, Any] = {"currency": "USD", "valid_from": "2026-03-02T12:00:00Z"}
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            ExchangeRate.objects.create(rate=-1, **rate)
        ExchangeRate.objects.create(rate=7, **rate)
    assert ExchangeRate.objects.count() == 1


def test_a_text_that_cannot_be_parsed_does_not_swallow_the_transaction() -> None:
    def fail_later() -> None:
        with transaction.atomic():
            with pytest.raises(ProgrammingError), connection.cursor() as cursor:
                cursor.execute("SELEKT 1")
            connection.needs_rollback = False
            write("lost")
            raise Failed

    with pytest.raises(Failed):
        fail_later()
    assert written() == []


def test_outside_of_a_transaction_every_statement_commits_by_itself() -> None:
    assert transaction_id() < transaction_id()
    assert connection.connection.info.transaction_status == 0


def test_a_server_side_cursor_and_copy_send_what_waits_first() -> None:
    write("a")
    with transaction.atomic():
        assert [event.type for event in OutboxEvent.objects.all().iterator(chunk_size=1)] == ["a"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany("UPDATE core_outboxevent SET type = %s WHERE type = %s", [("b", "a")])
        transaction.set_rollback(True)
    assert written() == ["a"]


def test_a_constraint_that_is_checked_at_the_end_fails_the_commit() -> None:
    def grant_to_nobody() -> None:
        with transaction.atomic():
            KeyGrant.objects.create(api_key_id=1, merchant_id=1)

    with pytest.raises(IntegrityError):
        grant_to_nobody()
    write("kept")
    assert written() == ["kept"]


def test_work_on_commit_runs_after_it_and_not_for_a_lost_savepoint() -> None:
    ran: list[str] = []

    def register_and_fail() -> None:
        with transaction.atomic():
            transaction.on_commit(lambda: ran.append("lost"))
            raise Failed

    with transaction.atomic():
        write("kept")
        transaction.on_commit(lambda: ran.append("kept"))
        with pytest.raises(Failed):
            register_and_fail()
        assert ran == []
    assert ran == ["kept"]
