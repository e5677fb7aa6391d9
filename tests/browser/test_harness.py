"""The walks hear what goes wrong in a page; a deaf harness would pass everything."""

from pathlib import Path
from threading import Thread

import pytest
from django.db import connection
from playwright.sync_api import expect

from .databases import copied_database
from .windows import Window


def test_a_page_that_behaves_leaves_no_complaint(window: Window) -> None:
    window.open("/")
    expect(window.heading).to_be_visible()
    assert window.complaints == []


def test_an_error_in_a_script_is_heard(window: Window) -> None:
    window.open("/")
    with window.page.expect_event("pageerror"):
        window.page.evaluate("setTimeout(() => { throw new Error('broken on purpose') })")
    assert any("broken on purpose" in text for text in _taken(window))


def test_a_breach_of_the_security_policy_is_heard(window: Window) -> None:
    window.open("/")
    with window.page.expect_console_message():
        window.page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert any("Content Security Policy" in text for text in _taken(window))


def test_an_answer_that_was_not_expected_is_heard(window: Window) -> None:
    window.open("/no-such-page")
    assert any("answered 404" in text for text in _taken(window))


def test_an_expected_answer_is_no_complaint(window: Window) -> None:
    window.expected_statuses.add(404)
    window.open("/no-such-page")
    assert window.complaints == []


@pytest.mark.django_db(transaction=True)
def test_a_session_that_another_test_has_left_does_not_keep_the_database_from_being_copied(
    tmp_path: Path,
) -> None:
    left: list[object] = []

    def leave_open() -> None:
        connection.ensure_connection()
        left.append(connection.connection)

    thread = Thread(target=leave_open)
    thread.start()
    thread.join()
    source = connection.settings_dict["NAME"]
    with copied_database(tmp_path):
        assert left
        assert connection.settings_dict["NAME"] != source


def _taken(window: Window) -> list[str]:
    """Return the complaints and forgive them."""
    complaints = list(window.complaints)
    window.complaints.clear()
    return complaints
