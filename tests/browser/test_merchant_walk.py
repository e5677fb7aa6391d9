"""A merchant's way in: sign up, apply, be approved, list products."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from catalog.models import Listing
from merchants.models import Merchant

from .scenes import draw_picture, make_shop, open_for_business, write_licence
from .windows import PASSWORD, Window

VALID_NUMBER = "91110000600037341L"  # passes the check digits of China's unified social credit code


def test_a_stranger_signs_up_applies_and_is_approved(window: Window, tmp_path: Path) -> None:
    open_for_business()
    sign_up(window, "mei@example.com")
    window.press("Start the application")

    fill_in_business(window, number=VALID_NUMBER)
    fill_in_contact(window)
    window.fill("Bank account", "6222021234567890123")
    window.press("Save and continue")
    window.heads("Documents")
    upload(window, "Business licence", write_licence(tmp_path))
    window.is_told("File uploaded")
    window.follow("Continue")

    window.sees("Green Leaf Tea Ltd")
    window.sees_not("6222021234567890123")  # never shown in full again
    window.main.get_by_label("I have read the seller terms").check()
    window.press("Submit the application")
    window.is_told("Application submitted")
    window.heads("Approved")
    window.sees("Your application is approved")
    assert Merchant.objects.get().status == "active"

    window.open("/portal/")
    window.heads("Active")


def test_a_wrong_registration_number_comes_back_with_the_way_to_cure_it(
    window: Window, tmp_path: Path
) -> None:
    open_for_business()
    sign_up(window, "mei@example.com")
    window.press("Start the application")
    fill_in_business(window, number="91110000600037341X")
    fill_in_contact(window)
    window.fill("Bank account", "6222021234567890123")
    window.press("Save and continue")
    upload(window, "Business licence", write_licence(tmp_path))
    window.follow("Continue")
    window.main.get_by_label("I have read the seller terms").check()
    window.press("Submit the application")
    window.sees("We need something from you")

    window.follow("Answer")
    window.fill("Registration number", VALID_NUMBER)
    window.press("Save and continue")
    window.press("Submit the application")
    window.sees("Your application is approved")


def test_a_missing_answer_is_told_beside_its_field(window: Window) -> None:
    window.expected_statuses.add(422)
    open_for_business()
    sign_up(window, "mei@example.com")
    window.press("Start the application")
    window.press("Save and continue")
    summary = window.main.get_by_role("alert")
    expect(summary).to_contain_text("things need attention")
    expect(summary).to_be_focused()


def test_a_listing_goes_live_and_its_edit_replaces_it_only_when_approved(
    window: Window, tmp_path: Path
) -> None:
    open_for_business()
    owner, _ = make_shop()
    window.is_signed_in_as(owner).open("/portal/listings/")
    window.follow("New listing")
    window.fill("Title", "Spring Oolong from Anxi, 250 g")
    window.choose("Category", "Tea")
    window.fill("Description", "Picked by hand in April, packed in a tin.")
    window.fill("Price", "99.00")
    window.fill("SKU", "TEA-250")
    window.fill("Stock", "40")
    window.attach("Image", draw_picture(tmp_path, "Spring Oolong"))
    expect(window.main.locator("[data-upload-preview]")).to_be_visible()
    window.press("Submit for review")
    window.is_told("Submitted for review")
    window.heads("Live")
    picture = window.main.get_by_role("img", name="Spring Oolong")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")

    # A price a hundred times the category's is sent back; what buyers see stays.
    window.follow("Edit")
    window.fill("Price", "9900.00")
    window.press("Submit for review")
    window.sees("Please change this version")
    window.sees("99.00 CNY")
    listing = Listing.objects.select_related("live_revision").get()
    assert listing.live_revision is not None
    assert listing.live_revision.price_minor == 9_900

    window.follow("Edit")
    window.fill("Price", "109.00")
    window.press("Submit for review")
    window.sees("109.00 CNY")
    window.sees_not("Please change this version")
    listing.refresh_from_db()
    assert listing.live_revision.price_minor == 10_900


@pytest.mark.parametrize(
    ("price", "sentence"),
    [("0.01", "price"), ("12.345", "decimals")],
    ids=["far too cheap", "too many decimals"],
)
def test_a_bad_listing_shows_what_is_wrong(window: Window, tmp_path: Path, price: str, sentence: str) -> None:
    window.expected_statuses.add(422)
    open_for_business()
    owner, _ = make_shop()
    window.is_signed_in_as(owner).open("/portal/listings/new/")
    window.fill("Title", "Jasmine Pearls")
    window.choose("Category", "Tea")
    window.fill("Description", "Rolled by hand.")
    window.fill("Price", price)
    window.fill("SKU", "TEA-1")
    window.attach("Image", draw_picture(tmp_path, "Jasmine"))
    window.press("Submit for review")
    expect(window.main).to_contain_text(sentence)
    expect(window.main.get_by_text("Live", exact=True)).to_have_count(0)


# ── Parts of the walks ───────────────────────────────────────────────────────────────────────────
def sign_up(window: Window, email: str) -> None:
    window.open("/accounts/signup/?next=/portal/")
    window.main.get_by_label("Email").fill(email)
    window.main.get_by_label("Password", exact=True).fill(PASSWORD)
    window.main.get_by_label("Password (again)").fill(PASSWORD)
    window.press("Create account")
    window.heads("Start selling")


def fill_in_business(window: Window, *, number: str) -> None:
    window.choose("Country", "China")
    window.main.get_by_label("Company", exact=True).check()
    window.fill("Company name", "Green Leaf Tea Ltd")
    window.fill("Registration number", number)
    window.press("Save and continue")


def fill_in_contact(window: Window) -> None:
    window.choose("Main category", "Tea")
    window.fill("Contact e-mail", "owner@greenleaf.example")
    window.fill("Contact phone", "+86 10 6552 9988")
    window.press("Save and continue")


def upload(window: Window, kind: str, path: Path) -> None:
    card = window.main.locator("section").filter(has=window.page.get_by_role("heading", name=kind))
    card.locator("input[type=file]").set_input_files(path)
    card.get_by_role("button", name="Upload").click()
