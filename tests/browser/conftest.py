"""What every walk starts from: the site served with a database of its own, and windows that miss nothing."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from django.conf import settings as project
from playwright.sync_api import Browser, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from .databases import copied_database
from .tasks import failed_tasks
from .windows import LAPTOP, OpenWindow, Window

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    "--no-sandbox",  # containers run as root; the pages are our own
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--font-render-hinting=none",
)
_PATIENCE_MS = 10_000
_FAILURES = project.VAR_DIR / "browser"


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a walk for what its windows complained about, and keep what they showed when it failed."""
    failed_tasks.clear()
    try:
        result = yield
        complaints = [text for window in _windows_of(item) for text in window.complaints]
        assert not complaints, "\n".join(complaints)
        assert not failed_tasks, "\n".join(failed_tasks)
    except Exception as error:
        for failure in failed_tasks:
            error.add_note(failure)
        for number, window in enumerate(_windows_of(item), 1):
            window.save(_FAILURES, f"{item.name}-{number}")
        raise
    return result


def _windows_of(item: pytest.Item) -> list[Window]:
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    return list(arguments.get("windows", []))


# ── The browser ──────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one BACKOFFICE_CHROMIUM names; skips where there is none."""
    executable = _find_chromium()
    if executable is None:
        reason = "No Chromium was found; install it or name it in BACKOFFICE_CHROMIUM."
        if os.environ.get("BACKOFFICE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with _playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        expect.set_options(timeout=_PATIENCE_MS)
        yield browser
        browser.close()


def _find_chromium() -> str | None:
    named = os.environ.get("BACKOFFICE_CHROMIUM")
    return next((found for name in (named, *_NAMES) if name and (found := shutil.which(name))), None)


def _playwright() -> Any:
    # Playwright keeps an event loop in this thread, and Django refuses its database beside one. Nothing here
    # is asynchronous: the loop only runs while a test waits for the browser.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return sync_playwright()


# ── The site ─────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def site(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """Serve the site on a free port with an empty database of its own; return its address."""
    with copied_database(tmp_path):
        yield from serve()


def serve() -> Iterator[str]:
    server = LiveServer("127.0.0.1:0")
    try:
        yield server.url
    finally:
        server.stop()


# ── Windows ──────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def windows() -> list[Window]:
    """All windows of this walk."""
    return []


@pytest.fixture
def open_window(chromium: Browser, site: str, windows: list[Window]) -> Iterator[OpenWindow]:
    """Open a window for one more person: own cookies, language, theme and size."""

    def open_window(
        *,
        language: str = "en-GB",
        theme: Literal["light", "dark"] = "light",
        size: tuple[int, int] = LAPTOP,
        **options: Any,
    ) -> Window:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            color_scheme=theme,
            reduced_motion="reduce",
            timezone_id="UTC",
            **options,
        )
        context.set_default_timeout(_PATIENCE_MS)
        window = Window(context, context.new_page(), site)
        windows.append(window)
        return window

    yield open_window
    for window in windows:
        window.context.close()


@pytest.fixture
def window(open_window: OpenWindow) -> Window:
    """One person at a laptop, in English."""
    return open_window()
