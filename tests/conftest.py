"""What every test starts from: no live versions held over, no broker, no stray files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.utils import translation

from risk import live


@pytest.fixture(autouse=True)
def _fresh_process_state() -> Iterator[None]:
    """Forget what one test held in process memory before the next one starts."""
    live.forget()
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


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> None:
    """Hashing slowly protects people, not tests."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
