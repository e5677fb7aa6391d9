"""What a merchant reads on the order, the listing and the application that a decision went against."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from catalog import services as catalog
from core.actors import SYSTEM, Actor
from core.ids import encode
from merchants import services as merchants
from merchants.models import Merchant, MerchantApplication
from orders.services import approve_order, decline_order, hold_order
from tests.make import NOON, make_application, make_merchant, make_order, make_revision, make_user

pytestmark = pytest.mark.django_db
REVIEWER = Actor("user", "7")


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def merchant(owner: User, client: Client) -> Merchant:
    client.force_login(owner)
    return make_merchant(owner=owner)


def read(client: Client, name: str, *args: str, language: str = "en") -> str:
    return client.get(reverse(name, args=args), headers={"Accept-Language": language}).content.decode()


def test_a_declined_order_says_why_how_on_what_ground_and_what_can_be_done(
    client: Client, merchant: Merchant
) -> None:
    order = make_order(merchant, external_id="A-17")
    decline_order(order, actor=SYSTEM, at=NOON, reason_codes=["card_testing"], message="")
    page = read(client, "portal:order", encode("ord", order.pk))
    for words in (
        "Why this was decided",
        "We could not confirm this order as safe, so it was not accepted.",
        "No person was involved.",
        "Order number: A-17",
        "The contract:",
        "There is nothing to put right.",
        "until Sept. 2, 2026",
    ):
        assert words in page
    assert "card_testing" not in page


def test_it_is_there_in_chinese(client: Client, merchant: Merchant) -> None:
    order = make_order(merchant, external_id="A-17")
    decline_order(order, actor=REVIEWER, at=NOON, reason_codes=["stolen_card"], message="请联系我们。")
    page = read(client, "portal:order", encode("ord", order.pk), language="zh-hans")
    for words in ("该决定由人工作出。", "请联系我们。", "2026年9月2日", "为何如此决定"):
        assert words in page


def test_a_hold_says_that_it_is_not_final(client: Client, merchant: Merchant) -> None:
    order = make_order(merchant)
    hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    assert "This is not a final decision." in read(client, "portal:order", encode("ord", order.pk))
    approve_order(order, actor=REVIEWER, at=NOON)
    assert "Why this was decided" not in read(client, "portal:order", encode("ord", order.pk))


@pytest.mark.parametrize(("decide", "cure"), [("reject", "new version"), ("return", "Change what is named")])
def test_a_listing_says_why_in_the_reviewers_words_too(
    client: Client, merchant: Merchant, decide: str, cure: str
) -> None:
    revision = make_revision(merchant, submitted=True)
    catalog.begin_screening(revision)
    act = catalog.reject_revision if decide == "reject" else catalog.request_changes
    act(revision, actor=REVIEWER, at=NOON, reason_codes=["banned_term"], message="“Miracle” is one.")
    page = read(client, "portal:listing", encode("lst", revision.listing_id))
    for words in ("A person decided this.", "“Miracle” is one.", cure, "not allowed here"):
        assert words in page


@pytest.mark.parametrize("decide", ["reject", "return"])
def test_an_application_says_why(client: Client, owner: User, merchant: Merchant, decide: str) -> None:
    application: MerchantApplication = make_application(merchant, user=owner)
    merchants.submit_application(application, actor=SYSTEM, at=NOON)
    merchants.begin_screening(application)
    if decide == "reject":
        merchants.reject_application(application, actor=REVIEWER, at=NOON, reason_codes=["document_reused"])
    else:
        items = merchants.items_to_fix(application, ["document_reused"])
        merchants.request_information(application, items, actor=REVIEWER, at=NOON)
    page = read(client, "portal:application")
    assert "Why this was decided" in page
    assert "Please upload your own, original document." in page
    assert "The law on goods" in page
