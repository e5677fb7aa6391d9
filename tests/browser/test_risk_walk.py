"""Analysts without a developer: a rule from the keyboard to live, a list from a file, thresholds tried."""

from pathlib import Path

import pytest
from celery import current_app
from playwright.sync_api import expect

from accounts.models import Role, User
from risk.models import EntityList, RuleSet, RuleSetStatus

from .scenes import fill_the_shop, label_the_orders, make_person, make_shop, open_for_business
from .tasks import run_tasks_at_once
from .windows import OpenWindow, Window


@pytest.fixture
def analysts(site: str, monkeypatch: pytest.MonkeyPatch) -> tuple[User, User]:
    """A shop with orders of which some proved bad, and two people who write rules."""
    monkeypatch.setattr(current_app, "send_task", run_tasks_at_once())
    open_for_business()
    _, shop = make_shop()
    fill_the_shop(shop)
    label_the_orders()
    return (
        make_person(Role.RISK_ANALYST, email="ada@example.com", name="Ada Novak"),
        make_person(Role.RISK_ANALYST, email="sam@example.com", name="Sam Osei"),
    )


def test_a_rule_goes_from_the_keyboard_to_live_through_a_second_person(
    open_window: OpenWindow, analysts: tuple[User, User]
) -> None:
    ada, sam = (open_window().is_signed_in_as(person) for person in analysts)
    _open_live_rules(ada)
    ada.press("Copy to a draft")
    ada.heads("Draft")
    ada.follow("New rule")
    _write_condition(ada)
    ada.fill("Name", "Between four hundred and a thousand")
    ada.fill("Code", "R-MIDDLE")
    ada.choose("Reason", "The amount is unusual for this buyer or merchant")
    ada.sees("We are checking this order before it goes on.")
    ada.press("Save rule")
    ada.is_told("R-MIDDLE saved")
    ada.sees("needs a backtest of exactly this version")

    ada.follow("Backtest this draft")
    ada.press("Start the backtest")
    ada.heads("Finished")
    ada.sees("Bad caught")
    ada.follow("Order #")
    ada.sees("A second person has to approve it")
    expect(ada.main.get_by_role("link", name="Review and approve")).to_have_count(0)

    sam.open("/console/rules/")
    expect(sam.page.get_by_role("link", name="Rules 1")).to_be_visible()
    draft = RuleSet.objects.get(status=RuleSetStatus.DRAFT)
    sam.follow(str(draft))
    sam.follow("Review and approve")
    sam.sees("1 added")
    sam.sees("Between four hundred and a thousand")
    sam.press("Approve")
    dialog = sam.page.get_by_role("dialog")
    expect(dialog).to_contain_text("every decision uses these rules")
    dialog.get_by_role("button", name="Approve").click()
    sam.is_told(f"Version {draft.number} is live")
    sam.heads("Live")
    sam.sees("Written by Ada Novak, approved by Sam Osei")
    assert RuleSet.objects.get(status=RuleSetStatus.LIVE, subject="order").pk == draft.pk


def _open_live_rules(window: Window) -> None:
    live = RuleSet.objects.get(status=RuleSetStatus.LIVE, subject="order")
    window.open("/console/rules/")
    window.follow(str(live))


def _write_condition(window: Window) -> None:
    """Write with completion from the keyboard alone, mistake and correction included."""
    text = window.main.get_by_label("Condition", exact=True)
    suggestions = window.main.get_by_role("listbox", name="Suggestions")
    text.focus()
    window.page.keyboard.type("order.am")
    expect(suggestions).to_be_visible()
    expect(suggestions.get_by_role("option", selected=True)).to_contain_text("order.amount")
    window.type("Enter")
    expect(text).to_have_value("order.amount")
    expect(suggestions).to_be_hidden()
    window.page.keyboard.type(" > 400 and order.amuont < 1000")
    window.type("Escape")
    window.sees("Unknown field 'order.amuont'")
    window.press("Write order.amount")
    expect(text).to_have_value("order.amount > 400 and order.amount < 1000")
    window.sees("Order total > 400.00 CNY and Order total < 1,000.00 CNY")
    tried = window.main.locator("#try")
    expect(tried).to_contain_text("1 matched")
    expect(tried).to_contain_text("3 did not match")


def test_completion_is_moved_through_and_closed_from_the_keyboard(
    window: Window, analysts: tuple[User, User]
) -> None:
    window.is_signed_in_as(analysts[0])
    _open_live_rules(window)
    window.press("Copy to a draft")
    window.follow("New rule")
    text = window.main.get_by_label("Condition", exact=True)
    suggestions = window.main.get_by_role("listbox", name="Suggestions")
    text.focus()
    window.type("Control+Space")
    expect(suggestions).to_be_visible()
    first = suggestions.get_by_role("option").first
    expect(first).to_have_attribute("aria-selected", "true")
    window.type("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "false")
    expect(text).to_have_attribute("aria-activedescendant", "complete-1")
    window.type("Escape")
    expect(suggestions).to_be_hidden()
    expect(text).to_have_attribute("aria-expanded", "false")
    window.page.keyboard.type('"order.am')
    expect(suggestions).to_be_hidden()  # inside a text there is nothing to complete


def test_a_field_is_found_by_its_meaning_and_inserted_by_a_click(
    window: Window, analysts: tuple[User, User]
) -> None:
    window.is_signed_in_as(analysts[0])
    _open_live_rules(window)
    window.press("Copy to a draft")
    window.follow("New rule")
    window.fill("Search the fields", "发卡国家")
    found = window.main.locator(".con-browser-item:visible").first
    expect(found).to_contain_text("order.card_country")
    found.click()
    expect(window.main.get_by_label("Condition", exact=True)).to_have_value("order.card_country")


def test_a_list_is_filled_from_a_file_and_taken_back(
    window: Window, analysts: tuple[User, User], tmp_path: Path
) -> None:
    window.is_signed_in_as(analysts[0]).open("/console/lists/")
    window.follow("New list")
    window.fill("Name", "Abused addresses")
    window.fill("Code", "blocked_ips")
    window.choose("What it holds", "Network address")
    window.press("Create list")
    window.is_told("List blocked_ips created")

    window.follow("Import a file")
    path = tmp_path / "addresses.csv"
    path.write_text("value,note\n203.0.113.9,card testing\nnonsense,\n203.0.113.10,\n")
    window.main.locator("input[type=file]").set_input_files(path)
    window.sees("This is not a network address.")
    window.sees("row 3")
    window.main.get_by_role("button", name="Import", exact=True).click()
    window.is_told("2 added, 0 removed, 0 as they were. 1 row left out.")
    window.sees("203.•••.•••.10")
    window.page.locator("#toasts").get_by_role("button", name="Undo").click()
    window.sees("The list is empty")
    assert EntityList.objects.get(code="blocked_ips").version == 2


def test_thresholds_show_what_they_would_do_before_they_are_saved(
    window: Window, analysts: tuple[User, User]
) -> None:
    window.is_signed_in_as(analysts[0])
    _open_live_rules(window)
    window.press("Copy to a draft")
    window.follow("Policy")
    reviews = window.main.locator("#outcomes dd").first
    expect(reviews).to_contain_text("0.0 %")
    window.fill("Review from score", "1")
    expect(reviews).to_contain_text("100.0 %")
    window.press("Save policy")
    window.is_told("Policy saved in the draft")
    draft = RuleSet.objects.get(status=RuleSetStatus.DRAFT)
    assert draft.policy["thresholds"]["review_at"] == 0.01
