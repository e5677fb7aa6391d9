"""A verdict is taken back in time; one of high value is signed by somebody else, never by who gave it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Role, User
from cases.models import CaseStatus, Queue, ReviewCase, Verdict
from cases.services import ensure_default_queues, settle_due
from merchants.models import Merchant
from orders.models import OrderStatus

from .scenes import make_person, make_shop, open_for_business
from .test_review_walk import hold_order
from .windows import OpenWindow


@pytest.fixture
def shop(site: str, settings: Any) -> tuple[User, Merchant]:
    settings.REVIEW_UNDO_SECONDS = 30
    open_for_business()
    return make_shop()


@pytest.fixture
def reviewer(site: str) -> User:
    return make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")


def test_a_verdict_is_undone_and_the_case_is_open_again(
    open_window: OpenWindow, shop: tuple[User, Merchant], reviewer: User
) -> None:
    window = open_window().is_signed_in_as(reviewer)
    order = hold_order(window.site, shop[1])
    window.open("/console/queues/orders/")
    window.type("n")
    window.heads(order.external_id)
    window.type("a", "Enter")
    window.is_told("2026-000123: approved")
    order.refresh_from_db()
    assert order.status == OrderStatus.RECEIVED

    window.page.get_by_role("button", name="Undo").click()
    window.heads(order.external_id)
    window.heads("Claimed")
    expect(window.main.locator("#verdict")).to_be_visible()
    assert Verdict.objects.get().status == "undone"
    assert settle_due(at=timezone.now() + timedelta(minutes=1)) == 0
    order.refresh_from_db()
    assert order.status == OrderStatus.RECEIVED


def test_high_value_takes_a_second_person(
    open_window: OpenWindow, shop: tuple[User, Merchant], reviewer: User
) -> None:
    ensure_default_queues()
    Queue.objects.filter(code="orders").update(second_sign_from_minor=1)
    first = open_window().is_signed_in_as(reviewer)
    order = hold_order(first.site, shop[1])
    first.open("/console/queues/orders/")
    first.type("n")
    first.heads(order.external_id)
    first.type("a", "Enter")
    first.is_told("2026-000123: waits for a second signature")
    case = ReviewCase.objects.get()
    assert case.status == CaseStatus.AWAITING_SECOND
    first.open("/console/signatures/")
    first.sees("Nothing to sign")

    maya = make_person(Role.REVIEWER, email="maya@example.com", name="Maya Okafor")
    second = open_window().is_signed_in_as(maya)
    second.open("/console/signatures/")
    second.follow(order.external_id)
    expect(second.main.get_by_text("by Robin Park")).to_be_hidden()
    second.type("s")  # signs nothing while the first verdict is closed
    assert ReviewCase.objects.get().status == CaseStatus.AWAITING_SECOND
    second.type("v")
    second.sees("by Robin Park")
    second.type("s")
    second.is_told("2026-000123: approved")
    assert settle_due(at=timezone.now() + timedelta(minutes=1)) == 1
    order.refresh_from_db()
    assert order.status == OrderStatus.AWAITING_ACCEPTANCE
