"""Listings over the API: offered, revised, stocked, paused."""

import base64
from typing import Any

import pytest

from catalog.content import RevisionFields
from catalog.models import Listing, ListingRevision
from catalog.services import start_revision
from core.actors import SYSTEM
from core.ids import encode
from risk.rules.engine import Effect
from tests.api.calls import fields, problem
from tests.api.conftest import Market
from tests.make import (
    NOON,
    make_category,
    make_image,
    make_listing,
    make_live_ruleset,
    make_model,
    make_revision,
    make_rule,
    state_reasons,
)

pytestmark = pytest.mark.django_db


def content(**changes: Any) -> dict[str, Any]:
    return {
        "category": "tea",
        "title": "Tea pot, 600 ml",
        "description": "Fired by hand, glazed inside.",
        "price": {"amount": "98.00", "currency": "CNY"},
        **changes,
    }


def body(market: Market, **changes: Any) -> dict[str, Any]:
    return {"merchant": encode("mer", market.merchant.pk), "sku": "TP-01", "stock": 12, **content(**changes)}


def path(listing: Listing, rest: str = "") -> str:
    return f"listings/{encode('lst', listing.pk)}{rest}"


@pytest.fixture(autouse=True)
def _category(db: None) -> None:
    make_category("tea")


@pytest.fixture
def approving(db: None) -> None:
    """Every revision is approved."""
    make_live_ruleset(
        make_rule("listing.price > 0", Effect.APPROVE, reason_code="verified_good"), subject="listing"
    )
    make_model("listing", probability=0.01)


def test_a_product_is_offered_and_live_at_once(market: Market, approving: None) -> None:
    image = base64.b64encode(make_image().read()).decode()
    answer = market.seller.post("listings", body(market, image=image))
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert (shown["status"], shown["stock"], shown["available_actions"]) == ("live", 12, ["pause"])
    assert shown["live_revision"] == shown["latest_revision"]
    assert shown["live_revision"]["price"] == {"amount": "98.00", "currency": "CNY"}
    assert shown["live_revision"]["has_image"]
    assert market.seller.get(answer["Location"]).json() == shown


def test_a_listing_that_does_not_wait_is_left_to_a_worker(
    market: Market, sent_tasks: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = market.seller.post("listings?wait=false", body(market))
    assert (answer.status_code, answer.json()["status"]) == (202, "draft")
    assert answer.json()["latest_revision"]["status"] == "submitted"
    assert ("intake.tasks.decide_revision", [ListingRevision.objects.get().pk]) in sent_tasks


def test_a_draft_is_kept_without_judgement(market: Market) -> None:
    answer = market.seller.post("listings", body(market, submit=False))
    assert (answer.status_code, answer.json()["latest_revision"]["status"]) == (201, "draft")


def test_the_same_key_offers_once_and_the_same_sku_is_refused(market: Market) -> None:
    first = market.seller.post("listings", body(market, submit=False), key="k")
    assert market.seller.post("listings", body(market, submit=False), key="k").json() == first.json()
    assert fields(market.seller.post("listings", body(market, submit=False))) == {"/sku": "duplicate_sku"}
    assert Listing.objects.count() == 1


def test_a_new_revision_leaves_the_live_one_until_it_is_approved(market: Market) -> None:
    listing = make_listing(market.merchant)
    answer = market.seller.post(path(listing, "/revisions?wait=false"), content(title="Better tea pot"))
    assert answer.status_code == 202, answer.content
    shown = answer.json()
    assert (shown["status"], shown["live_revision"]["number"]) == ("live", 1)
    assert (shown["latest_revision"]["number"], shown["latest_revision"]["title"]) == (2, "Better tea pot")
    again = market.seller.post(path(listing, "/revisions"), content())
    assert problem(again) == (409, "revision_open")
    withdrawn = market.seller.post(path(listing, "/withdraw"))
    assert withdrawn.json()["latest_revision"]["status"] == "withdrawn"
    assert problem(market.seller.post(path(listing, "/withdraw"))) == (404, "not_found")


def test_new_content_replaces_an_open_draft(market: Market) -> None:
    listing = make_listing(market.merchant)
    draft = RevisionFields("tea", "Draft title", "Not quite done yet.", 9_900, "CNY")
    start_revision(listing, draft, actor=SYSTEM, at=NOON)
    shown = market.seller.post(path(listing, "/revisions?wait=false"), content()).json()
    assert (shown["latest_revision"]["number"], shown["latest_revision"]["title"]) == (2, "Tea pot, 600 ml")


def test_stock_is_set_by_whoever_read_the_listing(market: Market) -> None:
    listing = make_listing(market.merchant)
    assert problem(market.seller.patch(path(listing), {"stock": 3})) == (428, "precondition_required")
    old = market.seller.get(path(listing))["ETag"]
    fresh = market.seller.patch(path(listing), {"stock": 3}, If_Match=old)
    assert (fresh.status_code, fresh.json()["stock"]) == (200, 3)
    assert problem(market.seller.patch(path(listing), {"stock": 4}, If_Match=old)) == (412, "stale_version")
    assert market.seller.patch(path(listing), {"stock": 4}, If_Match="*").json()["stock"] == 4


def test_a_listing_is_paused_and_resumed(market: Market) -> None:
    listing = make_listing(market.merchant)
    assert market.seller.post(path(listing, "/pause")).json()["status"] == "paused"
    answer = market.seller.post(path(listing, "/pause"))
    assert problem(answer) == (409, "invalid_transition")
    assert "resume" in answer.json()["allowed"]
    assert market.seller.post(path(listing, "/resume")).json()["status"] == "live"


def test_issues_are_shown_in_words(market: Market) -> None:
    make_category("tea", median=9_800)
    shown = market.seller.post(
        "listings?wait=false", body(market, price={"amount": "9800.00", "currency": "CNY"})
    ).json()
    fields_of_issues = {issue["field"] for issue in shown["latest_revision"]["issues"]}
    assert fields_of_issues == {"price", "image"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"category": "moon"}, {"/category": "unknown_category"}),
        ({"title": ""}, {"/title": "blank"}),
        ({"title": "x" * 201}, {"/title": "max_length"}),
        ({"title": "Tea"}, {"/title": "required_field_missing"}),
        ({"description": ""}, {"/description": "required_field_missing"}),
        ({"price": "98"}, {"/price": "invalid"}),
        ({"price": {"amount": "98"}}, {"/price/currency": "required"}),
        ({"price": {"amount": "-98", "currency": "CNY"}}, {"/price/amount": "invalid_amount"}),
        ({"price": {"amount": "0", "currency": "CNY"}}, {"/price": "required_field_missing"}),
        ({"image": "!"}, {"/image": "invalid_base64"}),
        ({"image": "aGk="}, {"/image": "file_type"}),
        ({"stock": -1}, {"/stock": "min_value"}),
        ({"sku": "a/b"}, {"/sku": "invalid_sku"}),
        ({"brand": "x"}, {"/brand": "unknown_field"}),
    ],
    ids=str,
)
def test_a_bad_listing_is_refused_with_pointers(
    market: Market, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert fields(market.seller.post("listings", body(market) | changes)) == expected
    assert not Listing.objects.exists()


def test_only_an_active_merchant_offers(market: Market) -> None:
    market.merchant.status = "suspended"
    state_reasons(market.merchant)
    market.merchant.save()
    assert problem(market.seller.post("listings", body(market))) == (409, "merchant_not_active")
    assert not Listing.objects.exists()


def test_a_list_shows_and_filters_the_callers_listings(market: Market) -> None:
    live, draft = make_listing(market.merchant), make_revision(market.merchant).listing
    make_listing()

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in market.seller.get("listings", query).json()["data"]]

    assert ids() == [encode("lst", draft.pk), encode("lst", live.pk)]
    assert ids(**{"filter[status]": "live"}) == [encode("lst", live.pk)]
    wrong = market.seller.get("listings", {"filter[status]": "gone"})
    assert fields(wrong) == {"/filter[status]": "invalid_filter"}


@pytest.mark.parametrize("count", [1, 12])
def test_a_list_takes_four_queries_however_long(
    market: Market, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_listing(market.merchant)
    market.seller.get("listings")
    with django_assert_num_queries(4):  # the key, its merchants, the listings, their revisions
        assert len(market.seller.get("listings").json()["data"]) == count


@pytest.mark.parametrize("rest", ["", "/pause", "/resume", "/withdraw", "/revisions"])
def test_somebody_elses_listing_looks_like_none(market: Market, rest: str) -> None:
    listing = make_listing(market.merchant)
    sent = content() if rest == "/revisions" else None
    for url in (path(listing, rest), f"listings/lst_1hczaj5p90000{rest}"):
        answer = market.stranger.post(url, sent) if rest else market.stranger.get(url)
        assert problem(answer) == (404, "not_found")
    assert problem(market.stranger.patch(path(listing), {"stock": 1}, If_Match="*")) == (404, "not_found")
    assert problem(market.stranger.post("listings", body(market))) == (404, "not_found")
    listing.refresh_from_db()
    assert (listing.status, listing.stock) == ("live", 5)
