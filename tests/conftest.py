"""What every test starts from: no live versions held over, no broker, no stray files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.utils import translation

from risk import busy, live
from risk.facts import orders


@pytest.fixture(autouse=True)
def _fresh_process_state() -> Iterator[None]:
    """Forget what one test held in process memory before the next one starts."""
    live.forget()
    busy.forget()
    yield
    live.forget()
    translation.deactivate()  # a page asked for in Chinese leaves its language active in the thread


@pytest.fixture(autouse=True)
def sent_tasks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[object]]]:
    """Collect what is sent on commit instead of filling a broker; tests with a worker opt out."""
    sent: list[tuple[str, list[object]]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, args=None, **_: sent.append((name, list(args or [])))
    )
    return sent


@pytest.fixture(autouse=True)
def _private_files(settings: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Uploads and models of a test live and die with it."""
    settings.MEDIA_ROOT = tmp_path / "media"  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _keys_read_anew(settings: pytest.FixtureRequest) -> None:
    """A key is read at every call, so that no count of queries depends on how fast a test runs."""
    settings.API_KEY_MEMORY_SECONDS = 0  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _no_time_to_undo(settings: pytest.FixtureRequest) -> None:
    """A verdict takes effect at once; tests of undoing set their own time."""
    settings.REVIEW_UNDO_SECONDS = 0  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine gives no other decisions than an idle one; tests of the limit set their own."""
    monkeypatch.setattr(orders, "HISTORY_LIMIT_MS", 60_000)


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> None:
    """Hashing slowly protects people, not tests."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True, scope="session")
def _emptied_tables() -> Iterator[None]:
    """Let tests with real transactions empty SQLite's tables, which the guards of published rows refuse.

    PostgreSQL truncates, which fires no row trigger. SQLite deletes row by
    row: the triggers are taken down for it and put up again, as they were,
    in the same transaction.
    """
    if connection.vendor != "sqlite":
        yield
        return
    operations = type(connection.ops)
    flush = operations.sql_flush

    def flush_unguarded(self: Any, *args: Any, **options: Any) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            guards = cursor.fetchall()
        drops = [f"DROP TRIGGER {name}" for name, _ in guards]
        return [*drops, *flush(self, *args, **options), *(sql for _, sql in guards)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", flush_unguarded)
        yield
