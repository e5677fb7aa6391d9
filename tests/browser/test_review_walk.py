"""An order comes in by API, is held, and a reviewer decides it; two reviewers cannot both."""

import re

import pytest
from playwright.sync_api import expect

from accounts.models import Role, User
from cases.models import ReviewCase
from merchants.models import Merchant
from orders.models import Order, OrderStatus
from risk.models import Label
from tests.make import make_key

from .partners import send_order
from .scenes import make_person, make_shop, open_for_business
from .windows import OpenWindow

Shop = tuple[User, Merchant]


@pytest.fixture
def shop(site: str) -> Shop:
    open_for_business()
    return make_shop()


@pytest.fixture
def reviewer(site: str) -> User:
    return make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")


def hold_order(site: str, merchant: Merchant, *, number: str = "2026-000123", price: str = "640.00") -> Order:
    """Let a partner send an order that a rule holds."""
    answer = send_order(site, make_key(merchant), merchant, number=number, price=price)
    assert answer["decision"]["outcome"] == "review"
    return Order.objects.get(external_id=number)


def test_a_held_order_is_released_by_keyboard_alone_and_the_merchant_ships_it(
    open_window: OpenWindow, shop: Shop, reviewer: User
) -> None:
    window, merchant = open_window(), open_window().is_signed_in_as(shop[0])
    order = hold_order(window.site, shop[1])
    merchant.open("/portal/orders/")
    merchant.sees("On hold")
    merchant.follow(order.external_id)
    merchant.sees("This order is on hold and cannot ship")
    expect(merchant.page.get_by_role("button", name="Accept order")).to_have_count(0)

    window.sign_in(reviewer.email, at="/console/queues/orders/")
    window.sees(order.external_id)
    window.type("n")  # Next case
    window.heads(order.external_id)
    window.heads("Claimed")
    # Evidence, signals and the rule with its value are on the page.
    window.sees("Spring Oolong, 250 g")
    window.sees("A dear order")
    window.sees("Order total ≥ 1,000.00 CNY")
    expect(window.main.locator(".con-score")).to_contain_text("2")

    window.type("n")  # the note
    window.page.keyboard.type("Known buyer, called back.")
    window.type("Escape", "a")
    expect(window.main.get_by_role("radio", name=re.compile("Approve"))).to_be_checked()
    window.sees("Order 2026-000123 is released. You can handle it now.")  # what the merchant will read
    window.type("Enter")
    window.is_told("2026-000123: approved")

    order.refresh_from_db()
    assert order.status == OrderStatus.AWAITING_ACCEPTANCE
    assert Label.objects.get(subject_id=order.pk).is_bad is False
    verdict = ReviewCase.objects.get().verdicts.get()
    assert (verdict.reviewer, verdict.note) == (reviewer, "Known buyer, called back.")

    merchant.page.reload()
    merchant.sees_not("This order is on hold")
    merchant.press("Accept order")
    merchant.heads("Awaiting fulfilment")
    merchant.fill("Carrier", "SF Express")
    merchant.fill("Tracking number", "SF1234567890123")
    merchant.press("Record parcel")
    merchant.heads("Shipped")
    merchant.sees("SF1234567890123")
    order.refresh_from_db()
    assert order.status == OrderStatus.SHIPPED


def test_a_rejected_order_tells_the_merchant_why_and_not_how(
    open_window: OpenWindow, shop: Shop, reviewer: User
) -> None:
    window, merchant = open_window(), open_window().is_signed_in_as(shop[0])
    order = hold_order(window.site, shop[1])
    window.is_signed_in_as(reviewer).open("/console/queues/orders/")
    window.type("n")
    window.heads("Claimed")
    window.type("2")  # a reason; it implies a rejection
    expect(window.main.get_by_role("radio", name=re.compile("Reject"))).to_be_checked()
    letters = window.main.locator(".con-letter")
    expect(letters).to_have_count(2)
    expect(letters.nth(0)).to_contain_text("was declined. Please do not ship it.")
    expect(letters.nth(1)).to_contain_text("订单")
    window.type("Enter")
    window.is_told("2026-000123: rejected")
    order.refresh_from_db()
    assert order.status == OrderStatus.DECLINED
    assert Label.objects.get(subject_id=order.pk).is_bad is True

    merchant.open("/portal/orders/")
    merchant.follow(order.external_id)
    merchant.heads("Declined")
    merchant.sees("We could not confirm this order as safe, so it was not accepted.")
    # Neither the rule nor the reviewer's own words for it.
    for told_to_reviewers in ("A dear order", "R-DEAR", "stolen"):
        merchant.sees_not(told_to_reviewers)


def test_of_two_reviewers_one_gets_the_case_and_the_other_is_told(
    open_window: OpenWindow, shop: Shop, reviewer: User
) -> None:
    order = hold_order(open_window().site, shop[1])
    other = make_person(Role.REVIEWER, email="sam@example.com", name="Sam Osei")
    first = open_window().is_signed_in_as(reviewer)
    second = open_window().is_signed_in_as(other)
    for one in (first, second):
        one.open("/console/cases/")
        one.follow(order.external_id)
        one.heads("Queued")

    first.press("Take this case")
    first.heads("Claimed")
    second.press("Take this case")
    second.sees("Another reviewer is working on this case")
    second.sees("Robin Park holds it.")
    expect(second.main.get_by_role("radio")).to_have_count(0)


def test_a_verdict_after_the_claim_was_lost_is_refused_and_what_was_typed_stays(
    open_window: OpenWindow, shop: Shop, reviewer: User
) -> None:
    order = hold_order(open_window().site, shop[1])
    other = make_person(Role.REVIEWER, email="sam@example.com", name="Sam Osei")
    slow = open_window().is_signed_in_as(reviewer).open("/console/queues/orders/")
    slow.type("n")
    slow.heads("Claimed")
    slow.fill("Internal note", "I was called away.")

    # Its holder opens it a second time and puts it back; a colleague takes it and decides.
    again = open_window().is_signed_in_as(reviewer).open(slow.page.url.removeprefix(slow.site))
    again.press("Put back")
    again.heads("Orders")
    quick = open_window().is_signed_in_as(other).open("/console/queues/orders/")
    quick.type("n")
    quick.heads("Claimed")
    quick.type("a", "Enter")
    quick.is_told("2026-000123: approved")

    slow.expected_statuses.add(409)
    slow.main.get_by_label("Reject").check(force=True)
    slow.main.locator(".con-reason").first.click()
    slow.main.get_by_role("button", name="Reject and take the next").click()
    slow.sees("Your verdict was not recorded.")
    expect(slow.main.get_by_label("Internal note")).to_have_value("I was called away.")
    assert ReviewCase.objects.get().verdicts.count() == 1
    order.refresh_from_db()
    assert order.status == OrderStatus.AWAITING_ACCEPTANCE
