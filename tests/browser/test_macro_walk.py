"""A macro from the first press to the undo, by keyboard alone."""

import re
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Role, User
from cases.macros import MacroFields, create_macro
from cases.macros_models import Macro
from cases.models import Verdict
from merchants.models import Merchant

from .scenes import make_person, make_shop, open_for_business
from .test_review_walk import hold_order
from .windows import OpenWindow


@pytest.fixture
def shop(site: str, settings: Any) -> tuple[User, Merchant]:
    settings.REVIEW_UNDO_SECONDS = 30
    open_for_business()
    return make_shop()


def test_q_and_a_number_fill_the_form_enter_sends_and_undo_takes_it_back(
    open_window: OpenWindow, shop: tuple[User, Merchant]
) -> None:
    robin = make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")
    fields = MacroFields(
        name="Stolen card",
        kind="reject",
        reason_codes=("stolen_card", "other"),
        message="Sorry.",
        note="Bank called.",
    )
    create_macro(fields, subject="order", by=robin, at=timezone.now())
    later = MacroFields(name="Tomorrow", kind="hold", hold_hours=24, note="Ask the courier.")
    create_macro(later, subject="order", by=robin, at=timezone.now())
    window = open_window().is_signed_in_as(robin)
    order = hold_order(window.site, shop[1])
    window.open("/console/queues/orders/")
    window.type("n")
    window.heads("Claimed")
    note, message = window.main.locator("#id_note"), window.main.locator("#id_message")
    submit = window.main.locator(".con-submit button")

    window.type("n")
    window.page.keyboard.type("My own words.")
    window.type("Escape", "q")
    expect(window.main.locator("[data-macro]").first).to_be_focused()
    window.type("2")
    expect(window.main.get_by_role("radio", name=re.compile("Put aside"))).to_be_checked()
    expect(window.main.locator("#id_hold_hours")).to_have_value("24")
    # The next one replaces what the last one wrote, and never what a person did.
    window.type("q", "1")
    expect(window.main.locator(".con-macros")).not_to_have_attribute("open", "")
    expect(window.main.get_by_role("radio", name=re.compile("Reject"))).to_be_checked()
    expect(window.main.locator("[name=reason_codes]:checked")).to_have_count(2)
    expect(message).to_have_value("Sorry.")
    expect(note).to_have_value("My own words.\nBank called.")
    expect(submit).to_be_focused()
    window.sees("was declined. Please do not ship it.")  # the preview followed
    assert not Verdict.objects.exists()

    window.type("Enter")
    window.is_told(f"{order.external_id}: rejected")
    verdict = Verdict.objects.get()
    assert (verdict.reason_codes, verdict.message) == (["stolen_card", "other"], "Sorry.")
    undo = window.page.locator("#toasts [data-toast-undo]:visible")
    undo.focus()
    window.type("Enter")
    window.heads("Claimed")
    verdict.refresh_from_db()
    assert verdict.status == "undone"

    # The palette knows them by name.
    window.type("Control+k")
    window.page.keyboard.type("Stolen card macro")
    window.type("Enter")
    expect(submit).to_be_focused()
    expect(window.main.get_by_role("radio", name=re.compile("Reject"))).to_be_checked()
    assert Verdict.objects.count() == 1


def test_the_form_of_a_case_is_saved_as_a_macro(open_window: OpenWindow, shop: tuple[User, Merchant]) -> None:
    robin = make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")
    window = open_window().is_signed_in_as(robin)
    hold_order(window.site, shop[1])
    window.open("/console/queues/orders/")
    window.type("n")
    window.heads("Claimed")
    window.type("2", "q")
    draft = window.main.get_by_role("button", name=re.compile("Save this form as a macro"))
    expect(draft).to_be_focused()
    with window.context.expect_page() as opened:
        window.type("Enter")
    tab = opened.value
    tab.get_by_label("Name", exact=True).fill("Stolen card")
    expect(tab.get_by_role("radio", name="Reject")).to_be_checked()
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_role("heading", name="Macros")).to_be_visible()
    assert Macro.objects.get().reason_codes == ["stolen_card"]
    # The case is as it was left.
    expect(window.main.get_by_role("radio", name=re.compile("Reject"))).to_be_checked()
    assert not Verdict.objects.exists()
