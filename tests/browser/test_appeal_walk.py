"""A merchant reads why, objects with evidence, and somebody else than the first reviewer looks again."""

import re
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Role, User
from cases.models import Appeal, ReviewCase
from catalog.services import reject_revision
from core.actors import Actor
from core.ids import encode
from intake.pipeline import submit_revision
from merchants.models import Merchant
from orders.models import Order
from tests.make import make_key, make_revision

from .partners import send_order
from .scenes import draw_picture, make_person, make_shop, open_for_business
from .windows import LAPTOP, PHONE, OpenWindow, Window

SENTENCE = "We could not confirm this order as safe, so it was not accepted."


@pytest.fixture
def shop(site: str) -> tuple[User, Merchant]:
    open_for_business()
    return make_shop()


@pytest.fixture
def first(site: str) -> User:
    return make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")


@pytest.fixture
def second(site: str) -> User:
    return make_person(Role.REVIEWER, email="sam@example.com", name="Sam Osei")


def test_a_refused_order_is_appealed_and_a_second_reviewer_revives_it(
    open_window: OpenWindow, shop: tuple[User, Merchant], first: User, second: User, tmp_path: Path
) -> None:
    merchant, robin, sam = open_window(), open_window(), open_window()
    send_order(merchant.site, make_key(shop[1]), shop[1], number="2026-000123", price="640.00")
    order = Order.objects.get()
    robin.is_signed_in_as(first).open("/console/queues/orders/")
    robin.type("n")
    robin.heads("Claimed")
    robin.type("2")  # a reason; it implies a rejection
    expect(robin.main.get_by_role("radio", name=re.compile("Reject"))).to_be_checked()
    robin.type("Enter")
    robin.is_told("2026-000123: rejected")

    merchant.is_signed_in_as(shop[0]).open(f"/portal/orders/{encode('ord', order.pk)}/")
    reads_why(merchant)
    merchant.follow("Appeal this decision")
    merchant.heads("Appeal this decision")
    merchant.fill("What is wrong with the decision?", "Mrs Wang has bought here since 2019.")
    merchant.attach("File 1", draw_picture(tmp_path, "Invoice"))
    merchant.press("Send appeal")
    merchant.is_told("Appeal sent.")
    merchant.sees("Answer expected")
    expect(merchant.main.get_by_role("link", name="Appeal this decision")).to_have_count(0)

    case = Appeal.objects.get().case
    robin.open("/console/queues/orders/")
    robin.type("n")
    robin.sees("Orders")
    robin.open(f"/console/cases/{encode('cas', case.pk)}/")
    robin.press("Take this case")
    robin.is_told("somebody else looks at it")
    assert ReviewCase.objects.get(pk=case.pk).status == "queued"

    sam.is_signed_in_as(second).open("/console/queues/orders/")
    sam.type("n")
    sam.heads("Claimed")
    sam.sees("Mrs Wang has bought here since 2019.")
    sam.sees("Order 2026-000123 was declined. Please do not ship it.")
    sam.type("a", "Enter")
    sam.is_told("2026-000123: approved")

    merchant.page.reload()
    merchant.sees("Your appeal is upheld: order 2026-000123 goes on.")
    merchant.press("Accept order")
    merchant.heads("Awaiting fulfilment")


def reads_why(merchant: Window) -> None:
    """Expect the whole statement, at every width and in both languages, and nothing of how it was found."""
    for words in (SENTENCE, "A person decided this.", "Order number: 2026-000123", "The contract:"):
        merchant.sees(words)
    merchant.sees("You can appeal in the portal or through the API until")
    for internal in ("R-DEAR", "A dear order", "stolen"):
        merchant.sees_not(internal)
    for width, height in (PHONE, LAPTOP):
        merchant.page.set_viewport_size({"width": width, "height": height})
        assert merchant.overflow() == 0


def test_a_rejected_listing_is_live_after_its_appeal(
    open_window: OpenWindow, shop: tuple[User, Merchant], first: User, second: User
) -> None:
    merchant, sam = open_window(), open_window()
    revision = make_revision(shop[1], title="Miracle Oolong, 250 g")
    submit_revision(revision, actor=Actor("user", str(shop[0].pk)), at=timezone.now(), wait=False)
    revision.refresh_from_db()
    type(revision).objects.filter(pk=revision.pk).update(status="in_review")
    revision.refresh_from_db()
    reject_revision(
        revision,
        actor=Actor("user", str(first.pk)),
        at=timezone.now(),
        reason_codes=["banned_term"],
        message="“Miracle” promises a cure.",
    )
    merchant.is_signed_in_as(shop[0]).open(f"/portal/listings/{encode('lst', revision.listing_id)}/")
    merchant.sees("“Miracle” promises a cure.")
    merchant.follow("Appeal this decision")
    merchant.fill("What is wrong with the decision?", "Miracle is the name of the garden.")
    merchant.press("Send appeal")
    merchant.is_told("Appeal sent.")

    sam.is_signed_in_as(second).open("/console/queues/listings/")
    sam.type("n")
    sam.heads("Claimed")
    sam.sees("Miracle is the name of the garden.")
    sam.type("a", "Enter")
    sam.is_told("approved")
    merchant.page.reload()
    merchant.heads("Live")
    merchant.sees("Your appeal is upheld")
