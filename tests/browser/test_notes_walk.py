"""Colleagues write to each other on a case, by keyboard; who is called hears of it, and finds the file."""

import re
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Role, User
from cases.colleagues import CaseNote
from cases.models import Verdict
from delivery.models import Notification
from delivery.notifications import consume
from delivery.sequencer import sequence
from merchants.models import Merchant

from .scenes import draw_picture, make_person, make_shop, open_for_business
from .test_review_walk import hold_order
from .windows import OpenWindow


@pytest.fixture
def shop(site: str) -> tuple[User, Merchant]:
    open_for_business()
    return make_shop()


def test_a_note_calls_a_colleague_who_opens_the_case_from_the_bell(
    open_window: OpenWindow, shop: tuple[User, Merchant], tmp_path: Path
) -> None:
    robin = make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")
    maya = make_person(Role.REVIEWER, email="maya@example.com", name="Maya Okafor")
    make_person(Role.REVIEWER, email="marc@example.com", name="Marc Weber")
    window = open_window().is_signed_in_as(robin)
    order = hold_order(window.site, shop[1])
    window.open("/console/queues/orders/")
    window.type("n")
    window.heads(order.external_id)
    window.type("a", "n")
    window.page.keyboard.type("Half a thought")
    window.type("Escape", "w")
    note = window.main.locator("#id_note_text")
    expect(note).to_be_focused()
    window.page.keyboard.type("Is this yours, @m")
    options = window.main.locator("#mention-list [role=option]")
    expect(options).to_have_count(2)
    window.page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    window.page.keyboard.press("Enter")
    expect(note).to_have_value("Is this yours, @maya ")
    window.page.keyboard.type("?")
    window.main.locator(".con-note-attach input").set_input_files(draw_picture(tmp_path, "Parcel"))
    expect(window.main.locator("[data-chosen]")).to_have_text("parcel.png")
    note.focus()
    window.page.keyboard.press("Control+Enter")
    expect(window.main.locator(".con-mention")).to_have_text("@maya")
    # The verdict beside it was neither sent nor lost.
    assert not Verdict.objects.exists()
    expect(window.main.get_by_role("radio", name=re.compile("Approve"))).to_be_checked()
    expect(window.main.locator("#id_note")).to_have_value("Half a thought")
    expect(window.main.locator("#id_note_text")).to_have_value("")

    sequence()
    consume(at=timezone.now())
    other = open_window().is_signed_in_as(maya).open("/console/")
    bell = other.page.get_by_role("link", name="Notifications, 1 unread")
    bell.click()
    other.sees("Robin Park calls you in a note")
    other.type("j")
    other.type("Enter")
    other.heads(order.external_id)
    other.sees("Is this yours, @maya")
    expect(other.page.locator(".con-bell .bo-count")).to_have_count(0)
    assert Notification.objects.get().read_at is not None
    with other.page.expect_popup() as opened:
        other.main.locator(".con-note-files a").click()
    assert "/console/notes/files/nfl_" in opened.value.url

    window.main.get_by_role("button", name="Take this note back").click()
    window.sees("Taken back by its author.")
    window.sees_not("Is this yours")
    assert CaseNote.objects.get().text == ""


def test_a_refused_file_is_told_beside_the_note_and_the_text_stays(
    open_window: OpenWindow, shop: tuple[User, Merchant], tmp_path: Path
) -> None:
    robin = make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")
    window = open_window().is_signed_in_as(robin)
    window.expected_statuses.add(422)
    order = hold_order(window.site, shop[1])
    window.open("/console/queues/orders/")
    window.type("n")
    window.heads(order.external_id)
    disguised = tmp_path / "photo.png"
    disguised.write_bytes(b"MZ\x90\x00" + b"\0" * 400)
    window.fill("Note to colleagues", "Look at this photo.")
    window.main.locator(".con-note-attach input").set_input_files(disguised)
    window.press("Write note")
    expect(window.main.locator("#notes [role=alert]")).to_contain_text("Please choose")
    expect(window.main.locator("#id_note_text")).to_have_value("Look at this photo.")
    assert not CaseNote.objects.exists()


def test_going_off_returns_what_is_in_hand_and_next_waits(
    open_window: OpenWindow, shop: tuple[User, Merchant]
) -> None:
    robin = make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")
    window = open_window().is_signed_in_as(robin)
    order = hold_order(window.site, shop[1])
    window.open("/console/queues/orders/")
    window.type("n")
    window.heads("Claimed")
    window.open("/console/queues/")
    window.type("p")
    window.sees("You are given no cases.")
    window.is_told("1 case went back to its queue")
    expect(window.page.get_by_role("button", name="Next case")).to_have_count(0)
    window.press("Come back")
    window.type("n")
    window.heads(order.external_id)
