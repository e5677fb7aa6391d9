"""The listing pages: drafted, submitted, switched on and off, and nobody else's business."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog import services
from catalog.models import Listing
from core.actors import SYSTEM
from core.ids import encode
from merchants.models import MemberRole, Membership, Merchant, MerchantStatus
from orders.models import OrderLine
from tests.make import (
    NOON,
    make_category,
    make_image,
    make_listing,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_order,
    make_revision,
    make_user,
)

pytestmark = pytest.mark.django_db
ACTIONS = ("submit", "withdraw", "stock", "pause", "resume", "archive")


@pytest.fixture
def merchant(client: Client) -> Merchant:
    """A merchant whose owner is signed in."""
    owner = make_user()
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    return make_merchant(owner=owner)


def href(listing: Listing, action: str = "") -> str:
    name = f"portal:listing_{action}" if action else "portal:listing"
    return reverse(name, args=[encode("lst", listing.pk)])


def content(**changes: Any) -> dict[str, Any]:
    make_category()
    values = {
        "title": "Longjing tea",
        "category": "tea",
        "description": "Spring harvest from Zhejiang.",
        "price": "168.00",
        "currency": "CNY",
        "sku": "TEA-1",
        "stock": "20",
    }
    return {**values, **changes}


def test_new_listing_is_submitted_and_goes_live(client: Client, merchant: Merchant) -> None:
    make_live_ruleset(subject="listing")
    make_model("listing")
    response = client.post(reverse("portal:listing_create"), content(image=make_image()))
    listing = Listing.objects.get(merchant=merchant)
    assert response.headers["Location"] == href(listing)
    assert (listing.status, listing.stock) == ("live", 20)
    assert listing.live_revision is not None
    assert listing.live_revision.price_minor == 16_800


def test_wrong_fields_are_marked_and_nothing_is_written(client: Client, merchant: Merchant) -> None:
    response = client.post(reverse("portal:listing_create"), content(title="", price="1.234", sku="a/b"))
    body = response.content.decode()
    assert response.status_code == 422
    assert all(f'id="id_{name}_errors"' in body for name in ("title", "price"))
    response = client.post(reverse("portal:listing_create"), content(sku="a/b"))
    assert 'id="id_sku_errors"' in response.content.decode()
    assert not Listing.objects.exists()


def test_draft_needs_little_and_shows_what_is_missing(client: Client, merchant: Merchant) -> None:
    client.post(reverse("portal:listing_create"), content(title="", description="", price="", draft="1"))
    listing = Listing.objects.get(merchant=merchant)
    body = client.get(href(listing)).content.decode()
    assert "at least 4 characters" in body
    assert href(listing, "submit") not in body


def test_onboarding_merchant_can_draft_but_not_submit(client: Client, merchant: Merchant) -> None:
    Merchant.objects.filter(pk=merchant.pk).update(status=MerchantStatus.ONBOARDING)
    client.post(reverse("portal:listing_create"), content())
    listing = Listing.objects.get(merchant=merchant)
    assert listing.revisions.get().status == "draft"
    client.post(href(listing, "submit"))
    assert listing.revisions.get().status == "draft"


def test_edit_of_a_live_listing_shows_the_difference(client: Client, merchant: Merchant) -> None:
    listing = make_listing(merchant, title="Longjing tea", price_minor=16_800)
    assert client.get(href(listing, "edit")).status_code == 200
    changed = content(title="Longjing tea, new harvest", draft="1")
    client.post(href(listing, "edit"), changed)
    body = client.get(href(listing)).content.decode()
    assert "<ins>" in body
    listing.refresh_from_db()
    assert listing.live_revision is not None
    assert listing.live_revision.title == "Longjing tea"


def test_version_in_review_is_withdrawn_before_it_is_edited(client: Client, merchant: Merchant) -> None:
    revision = make_revision(merchant, submitted=True)
    assert client.get(href(revision.listing, "edit")).headers["Location"] == href(revision.listing)
    client.post(href(revision.listing, "withdraw"))
    revision.refresh_from_db()
    assert revision.status == "withdrawn"
    assert client.get(href(revision.listing, "edit")).status_code == 200


def test_submitting_twice_says_so(client: Client, merchant: Merchant) -> None:
    revision = make_revision(merchant)
    for _ in range(2):
        assert client.post(href(revision.listing, "submit")).status_code == 302
    assert revision.listing.revisions.count() == 1


def test_pause_resume_stock_and_archive(client: Client, merchant: Merchant) -> None:
    listing = make_listing(merchant)
    client.post(href(listing, "pause"))
    assert client.post(href(listing, "pause")).status_code == 409
    client.post(href(listing, "resume"))
    client.post(href(listing, "stock"), {"stock": "7"})
    client.post(href(listing, "stock"), {"stock": "many"})
    listing.refresh_from_db()
    assert (listing.status, listing.stock) == ("live", 7)
    client.post(href(listing, "archive"))
    listing.refresh_from_db()
    assert listing.status == "archived"


def test_listing_with_open_orders_is_not_archived(client: Client, merchant: Merchant) -> None:
    listing = make_listing(merchant)
    order = make_order(merchant)
    OrderLine.objects.filter(order=order).update(listing=listing)
    client.post(href(listing, "archive"))
    listing.refresh_from_db()
    assert listing.status == "live"


def test_issues_are_shown_in_words(client: Client, merchant: Merchant) -> None:
    revision = make_revision(merchant, submitted=True)
    services.begin_screening(revision)
    issue = {"code": "image_missing", "severity": "error", "field": "image", "detail": "Please show the tin."}
    services.request_changes(revision, [issue], actor=SYSTEM, at=NOON)
    assert "Please show the tin." in client.get(href(revision.listing)).content.decode()


def test_strangers_find_nothing(client: Client, merchant: Merchant) -> None:
    others = make_listing(image=make_image())
    assert client.get(href(others)).status_code == 404
    assert client.get(href(others, "edit")).status_code == 404
    assert others.live_revision is not None
    image = reverse("portal:listing_image", args=[encode("rev", others.live_revision.pk)])
    assert client.get(image).status_code == 404
    for action in ACTIONS:
        assert client.post(href(others, action)).status_code == 404, action
        assert client.get(href(others, action)).status_code == 405, action
    assert others.sku not in client.get(reverse("portal:listings")).content.decode()


def test_reader_sees_but_does_not_change(client: Client, merchant: Merchant) -> None:
    listing = make_listing(merchant, image=make_image())
    reader = make_user()
    Membership.objects.create(user=reader, merchant=merchant, role=MemberRole.READ_ONLY)
    client.force_login(reader, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert href(listing, "pause") not in client.get(href(listing)).content.decode()
    assert client.post(href(listing, "pause")).status_code == 403
    assert client.get(reverse("portal:listing_create")).status_code == 403
    assert listing.live_revision is not None
    image = client.get(reverse("portal:listing_image", args=[encode("rev", listing.live_revision.pk)]))
    assert (image.status_code, image.headers["Content-Type"]) == (200, "image/png")
    assert image.headers["X-Content-Type-Options"] == "nosniff"


def test_list_filters_and_says_why_it_is_empty(client: Client, merchant: Merchant) -> None:
    url = reverse("portal:listings")
    assert "No listings yet" in client.get(url).content.decode()
    make_listing(merchant, sku="TEA-9")
    assert "TEA-9" in client.get(url, {"tab": "live"}).content.decode()
    assert "Nothing in this view" in client.get(url, {"tab": "paused"}).content.decode()
    assert "No listings match" in client.get(url, {"q": "zzz"}).content.decode()
    assert client.get(url, {"tab": "nonsense", "after": "lst_nonsense"}).status_code == 404


def test_list_takes_the_same_queries_for_one_and_for_many(
    client: Client, merchant: Merchant, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for _ in range(8):
        make_listing(merchant)
    client.get(reverse("portal:listings"))
    with django_assert_max_num_queries(10):
        client.get(reverse("portal:listings"))


def test_home_puts_what_is_urgent_first(client: Client, merchant: Merchant) -> None:
    draft = make_revision(merchant, title="A draft of tea")
    sent_back = make_revision(merchant, title="Sent back tea", submitted=True)
    services.begin_screening(sent_back)
    services.request_changes(sent_back, actor=SYSTEM, at=NOON, reason_codes=["banned_term"])
    body = client.get(reverse("portal:home")).content.decode()
    assert body.index(sent_back.title) < body.index(draft.title)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_speak_both_languages(client: Client, merchant: Merchant, language: str) -> None:
    listing = make_listing(merchant)
    urls = [
        reverse("portal:home"),
        reverse("portal:listings"),
        reverse("portal:listing_create"),
        href(listing),
    ]
    for url in urls:
        response = client.get(url, headers={"Accept-Language": language})
        assert response.status_code == 200
        assert ("商品" in response.content.decode()) == (language == "zh-hans"), url
