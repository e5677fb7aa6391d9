"""A person's browser window: what it does for a walk, and everything it heard go wrong."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Response, expect

from accounts.models import User

PASSWORD = "a-long-walk-2026"
LAPTOP, PHONE = (1440, 900), (390, 844)
# Told by the answer's status already, which a walk may expect.
_LOUD_STATUS = re.compile(r"Failed to load resource: the server responded with a status of \d+")


@dataclass
class Window:
    """One context with one page. Whatever the page complains about is kept and fails the walk."""

    context: BrowserContext
    page: Page
    site: str
    # Answers with these statuses are part of the walk, for instance a form that comes back with its errors.
    expected_statuses: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self._complain(f"Error in the page: {error}"))
        self.page.on("console", self._hear)
        self.page.on("response", self._check)

    # ── Getting somewhere ────────────────────────────────────────────────────────────────────────
    def open(self, path: str) -> "Window":
        self.page.goto(self.site + path)
        return self

    def sign_in(self, email: str, *, at: str) -> "Window":
        """Open a door as a stranger and come in by the sign-in form."""
        self.open(at)
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        self.page.wait_for_url(lambda url: "/accounts/login" not in url)
        return self

    def is_signed_in_as(self, user: User) -> "Window":
        """Come in without the form; the walks that are about signing in do not use this."""
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        self.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.site}])
        return self

    # ── Doing things, found as people find them ──────────────────────────────────────────────────
    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def follow(self, name: str) -> None:
        self.main.get_by_role("link", name=name).first.click()

    def fill(self, label: str, value: str) -> None:
        """Write into a field, once the page listens to what is written."""
        self.page.wait_for_load_state()
        self.main.get_by_label(label).fill(value)

    def choose(self, label: str, option: str) -> None:
        self.main.get_by_label(label).select_option(label=option)

    def attach(self, label: str, path: Path) -> None:
        self.main.get_by_label(label).set_input_files(path)

    def type(self, *keys: str) -> None:
        """Press keys, once the page listens: its scripts run after its heading is there to be read."""
        self.page.wait_for_load_state()
        for key in keys:
            self.page.keyboard.press(key)

    # ── Seeing ───────────────────────────────────────────────────────────────────────────────────
    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    @property
    def heading(self) -> Locator:
        return self.page.locator("h1")

    def sees(self, text: str) -> None:
        expect(self.main.get_by_text(text).locator("visible=true").first).to_be_visible()

    def sees_not(self, text: str) -> None:
        expect(self.main.get_by_text(text).locator("visible=true")).to_have_count(0)

    def is_told(self, text: str) -> None:
        """Expect a toast."""
        expect(self.page.locator("#toasts").get_by_text(text)).to_be_visible()

    def heads(self, text: str) -> None:
        expect(self.heading).to_contain_text(text)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    # ── Listening ────────────────────────────────────────────────────────────────────────────────
    def save(self, folder: Path, name: str) -> None:
        """Keep what it shows and what it said, for whoever looks into a failure."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)
        (folder / f"{name}.log").write_text("\n".join([self.page.url, *self.complaints, *self.console]))

    def _hear(self, message: ConsoleMessage) -> None:
        line = f"{message.type}: {message.text}"
        self.console.append(line)
        if message.type == "error" and not _LOUD_STATUS.search(message.text):
            self._complain(f"Console {line}")

    def _check(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_statuses:
            self._complain(f"{response.request.method} {response.url} answered {response.status}.")

    def _complain(self, text: str) -> None:
        self.complaints.append(f"{text} (on {self.page.url})")


OpenWindow = Callable[..., Window]
