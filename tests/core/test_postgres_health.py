"""A kept connection is asked whether it is alive now and then, and replaced when it is not."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection, transaction

from core.postgres.base import CHECK_EVERY_S

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs DATABASE_URL on PostgreSQL"),
]


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    """Keep the connection over requests, as the web server does."""
    connection.close()
    connection.ensure_connection()
    connection.health_check_enabled = True  # type: ignore[attr-defined]
    yield
    connection.close()


def begin_request(*, after_seconds: float) -> None:
    """Do what Django does to the connection between two requests that far apart."""
    connection.checked_at -= after_seconds  # type: ignore[attr-defined]
    connection.close_if_unusable_or_obsolete()


def ask() -> int:
    """Return the process id of the server's side, by which connections are told apart."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def kill_connection() -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [ask()])
    other.close()


def test_a_dead_connection_is_replaced_once_it_is_checked() -> None:
    first = ask()
    kill_connection()
    begin_request(after_seconds=CHECK_EVERY_S)
    assert ask() != first


def test_a_connection_that_was_checked_lately_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def is_usable() -> bool:
        asked.append("asked")
        return True

    monkeypatch.setattr(connection, "is_usable", is_usable)
    ask()
    begin_request(after_seconds=0)
    ask()
    assert asked == []
    begin_request(after_seconds=CHECK_EVERY_S)
    ask()
    begin_request(after_seconds=0)
    ask()
    assert asked == ["asked"]


def test_a_request_that_outlasts_the_interval_is_not_asked_in_its_middle() -> None:
    begin_request(after_seconds=0)
    ask()
    with transaction.atomic():
        ask()
        connection.checked_at -= CHECK_EVERY_S  # type: ignore[attr-defined]
    assert connection.get_autocommit()
