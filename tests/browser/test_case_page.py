"""The case page by keyboard: pictures, help, the palette, and evidence that changes under one's hands."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, expect

from accounts.models import Role, User
from cases.models import ReviewCase
from cases.services import open_case
from catalog.models import ListingRevision
from core.actors import SYSTEM
from core.ids import encode, new_id
from core.refs import Ref
from intake.pipeline import submit_order
from merchants.models import Merchant
from orders.models import Order, OrderStatus
from orders.placing import Signals
from risk.models import Decision
from tests.console.test_evidence import changed_listing
from tests.make import make_image, make_new_order

from .accessibility import find_barriers
from .scenes import make_person, make_shop, open_for_business
from .windows import OpenWindow, Window


@pytest.fixture
def shop(site: str) -> Merchant:
    open_for_business()
    return make_shop()[1]


@pytest.fixture
def reviewer(site: str) -> User:
    return make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")


def held(shop: Merchant, number: str = "2026-000123", *, total: str = "1640.00") -> ReviewCase:
    at = timezone.now() - timedelta(minutes=5)
    signals = Signals(buyer=number, device="shared", card=number)
    new = make_new_order(total=total, at=at, external_id=number, signals=signals)
    order = submit_order(shop, new, actor=SYSTEM, at=at).order
    return ReviewCase.objects.get(subject_kind="order", subject_id=order.pk)


def listing_case() -> ReviewCase:
    revision: ListingRevision = changed_listing(image=make_image("brown", size=(900, 600)))
    return open_case(
        None, subject=Ref("listing", revision.pk), title=revision.title, value_minor=0, at=timezone.now()
    )


def path_to(case: ReviewCase) -> str:
    return f"/console/cases/{encode('cas', case.pk)}/"


def focused(window: Window) -> Locator:
    return window.page.locator(":focus")


def test_a_case_is_found_read_and_solved_without_a_mouse(
    open_window: OpenWindow, shop: Merchant, reviewer: User
) -> None:
    held(shop, "2026-000100")
    case = held(shop)
    window = open_window().is_signed_in_as(reviewer).open("/console/")
    window.type("Control+k")
    box = window.page.get_by_role("combobox", name="Search or jump to")
    expect(box).to_be_focused()
    window.page.keyboard.type("000123")
    option = window.page.get_by_role("option", name=re.compile("2026-000123"))
    expect(option).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", str(option.get_attribute("id")))
    window.type("Enter")
    window.heads("2026-000123")

    window.type("t")  # takes it
    window.heads("Claimed")
    window.sees("A dear order")
    # What it is linked with leads on by keyboard.
    linked = window.main.get_by_role("table", name="Linked within two steps").get_by_role("link")
    linked.focus()
    expect(focused(window)).to_have_text("2026-000100")

    window.type("?")
    keys = window.page.get_by_role("dialog", name="Keyboard shortcuts")
    for line in ("Approve", "Reject", "Internal note", "Give a reason", "Send the verdict", "Search or jump"):
        expect(keys.get_by_text(line).first).to_be_visible()
    expect(keys.get_by_text("Next row, previous row")).to_be_hidden()  # J and K go to other cases here
    window.type("Escape")

    window.type("Control+k")
    window.page.keyboard.type("approve")
    expect(window.page.get_by_role("option", name=re.compile("Approve")).first).to_be_visible()
    window.type("Enter")
    expect(window.main.get_by_role("radio", name=re.compile("Approve"))).to_be_checked()
    window.page.keyboard.press("Tab")
    window.type("n")
    window.page.keyboard.type("Called the buyer.")
    window.type("Control+Enter")
    window.is_told("2026-000123: approved")
    assert Order.objects.get(pk=case.subject_id).status == OrderStatus.AWAITING_ACCEPTANCE


def test_arrows_move_through_the_palette_and_the_focus_can_be_seen(
    open_window: OpenWindow, shop: Merchant, reviewer: User
) -> None:
    window = open_window(bypass_csp=True).is_signed_in_as(reviewer).open("/console/queues/")
    window.type("Control+k")
    options = window.page.get_by_role("option")
    window.type("ArrowDown", "ArrowDown")
    expect(options.nth(2)).to_have_attribute("aria-selected", "true")
    window.type("ArrowUp")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert find_barriers(window.page) == []
    window.page.keyboard.type("zzzz")
    expect(window.page.locator("[data-palette-count]")).to_have_text("Nothing found. Try fewer letters.")
    window.type("Escape")
    expect(window.page.locator("#palette")).to_be_hidden()
    window.type("?")
    assert find_barriers(window.page) == []


def test_the_palette_speaks_chinese(open_window: OpenWindow, shop: Merchant, reviewer: User) -> None:
    window = open_window(language="zh-CN").is_signed_in_as(reviewer).open("/console/")
    window.type("Control+k")
    window.page.keyboard.type("Green Leaf")
    expect(window.page.get_by_role("option", name=re.compile("Green Leaf Tea.*商家"))).to_be_visible()


def test_without_a_script_the_search_field_leads_to_a_page(
    open_window: OpenWindow, shop: Merchant, reviewer: User
) -> None:
    held(shop)
    window = open_window(java_script_enabled=False).is_signed_in_as(reviewer).open("/console/")
    window.page.get_by_role("link", name="Search or jump to").click()
    window.main.get_by_label("Search or jump to").fill("000123")
    window.main.get_by_role("button", name="Search").click()
    window.follow("2026-000123")
    window.heads("2026-000123")


def test_a_picture_is_made_larger_and_turned_by_keyboard(
    open_window: OpenWindow, shop: Merchant, reviewer: User
) -> None:
    window = open_window().is_signed_in_as(reviewer).open(path_to(listing_case()))
    window.type("v")
    viewer = window.page.get_by_role("dialog", name="Spring Oolong, 500 g")
    expect(viewer).to_be_visible()
    picture, frame = viewer.locator("img"), viewer.locator(".con-viewer-frame")
    expect(viewer.get_by_text("100 %")).to_be_visible()
    before = frame.bounding_box()
    assert before is not None
    window.type("+", "+", "-")
    expect(viewer.get_by_text("125 %")).to_be_visible()
    after = frame.bounding_box()
    assert after is not None
    assert after["width"] == pytest.approx(before["width"] * 1.25, rel=0.01)
    window.type("0", "r")
    expect(picture).to_have_attribute("style", re.compile(r"rotate\(90deg\)"))
    turned = frame.bounding_box()
    assert turned is not None
    assert turned["height"] > turned["width"]  # a picture that was wide stands
    window.type("j")
    expect(window.page.get_by_role("dialog", name=re.compile("^Before"))).to_be_visible()
    window.type("Escape")
    expect(viewer).to_be_hidden()
    expect(window.main.get_by_role("radio")).to_have_count(0)  # R meant the picture, not a verdict


def test_pictures_stay_blurred_until_pointed_at_where_a_reviewer_wants_it(
    open_window: OpenWindow, shop: Merchant, reviewer: User
) -> None:
    window = open_window().is_signed_in_as(reviewer).open(path_to(listing_case()))
    picture = window.main.locator(".con-picture img").first
    assert filter_of(picture) == "none"
    window.page.locator("summary[aria-label=Display]").click()
    window.press("Blurred and grey until pointed at")
    window.page.reload()
    assert filter_of(picture) == "blur(12px) grayscale(1)"
    window.main.locator(".con-picture").first.focus()
    window.type("Shift+Tab", "Tab")  # focus that is shown: it came by keyboard
    expect(picture).to_have_css("filter", "none")
    window.main.locator(".con-picture").nth(1).hover()
    expect(window.main.locator(".con-picture img").nth(1)).to_have_css("filter", "none")


def test_a_verdict_on_changed_evidence_shows_the_change_and_can_be_sent_again(
    open_window: OpenWindow, shop: Merchant, reviewer: User
) -> None:
    case = held(shop)
    window = open_window(bypass_csp=True).is_signed_in_as(reviewer).open(path_to(case))
    window.type("t")
    window.heads("Claimed")
    newer = Decision.objects.get(pk=case.decision_id)
    newer.pk, newer.score, newer.created_at = new_id(), 0.74, timezone.now()
    newer.save(force_insert=True)
    open_case(
        newer, subject=Ref("order", case.subject_id), title=case.title, value_minor=0, at=timezone.now()
    )

    window.expected_statuses.add(409)
    window.type("a", "Enter")
    changes = window.main.get_by_role("region", name="What has changed since you looked")
    expect(changes.locator("ins")).to_have_text("74")
    assert find_barriers(window.page) == []
    window.type("Enter")
    window.is_told("2026-000123: approved")


def filter_of(picture: Locator) -> str:
    value: str = picture.evaluate("image => getComputedStyle(image).filter")
    return value
