"""The recommendation page: a merchant's product and what its buyers also bought."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Listing
from core.ids import encode
from merchants.models import Merchant
from recommendations.models import ItemNeighbours, RecommendationRun
from tests.make import NOON, make_listing, make_merchant, make_revision, make_user

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
PRODUCT_QUERIES = 12


@pytest.fixture
def merchant(client: Client) -> Merchant:
    owner = make_user()
    client.force_login(owner, backend=BACKEND)
    return make_merchant(owner=owner)


def href(listing: Listing) -> str:
    return reverse("portal:product", args=[encode("lst", listing.pk)])


def recommend(listing: Listing | None, *others: Listing) -> None:
    run, _ = RecommendationRun.objects.get_or_create(
        kind="neighbourhood", is_live=True, defaults={"as_of": NOON, "interactions": 9, "items": 3}
    )
    ranked = [[other.pk, 1.0] for other in others]
    ItemNeighbours.objects.create(run=run, listing=listing, ranked=ranked)


def groups_of(client: Client, listing: Listing) -> dict[str, list[str]]:
    page = client.get(href(listing))
    return {
        title: [offer.listing.live_revision.title for offer in offers]
        for title, offers in page.context["groups"]
    }


def test_what_is_bought_together_stands_first(client: Client, merchant: Merchant) -> None:
    pot, cup = (make_listing(merchant, title=title) for title in ("Porcelain pot", "Glass cup"))
    foreign = make_listing(title="Kettle of iron")
    recommend(pot, cup)
    recommend(None, foreign, pot)
    assert groups_of(client, pot) == {
        "Frequently bought together": ["Glass cup"],
        "Popular on the marketplace": ["Kettle of iron"],
    }


def test_only_ones_own_products_are_links(client: Client, merchant: Merchant) -> None:
    pot, foreign = make_listing(merchant), make_listing()
    recommend(pot, foreign)
    body = client.get(href(pot)).content.decode()
    assert reverse("portal:listing", args=[encode("lst", foreign.pk)]) not in body
    assert "Another shop" in body


def test_without_a_run_the_page_says_when_there_will_be_something(client: Client, merchant: Merchant) -> None:
    assert "No recommendations yet" in client.get(href(make_listing(merchant))).content.decode()


def test_the_first_product_opens(client: Client, merchant: Merchant) -> None:
    listing = make_listing(merchant)
    assert client.get(reverse("portal:products"))["Location"] == href(listing)


def test_with_nothing_on_sale_the_page_says_so(client: Client, merchant: Merchant) -> None:
    make_revision(merchant)
    assert "Nothing on sale yet" in client.get(reverse("portal:products")).content.decode()


def test_a_draft_is_no_product(client: Client, merchant: Merchant) -> None:
    assert client.get(href(make_revision(merchant).listing)).status_code == 404


def test_another_merchants_product_is_not_found(client: Client, merchant: Merchant) -> None:
    assert client.get(href(make_listing())).status_code == 404


def test_the_search_narrows_the_list_and_keeps_the_product(client: Client, merchant: Merchant) -> None:
    pot = make_listing(merchant, title="Porcelain pot")
    make_listing(merchant, title="Glass cup")
    page = client.get(href(pot), {"q": "Glass"})
    assert [one.live_revision.title for _, one in page.context["products"]] == ["Glass cup"]
    assert page.context["listing"] == pot


@pytest.mark.parametrize("count", [1, 8])
def test_the_page_costs_the_same_for_any_number_of_products(
    client: Client, merchant: Merchant, django_assert_max_num_queries: Any, count: int
) -> None:
    listings = [make_listing(merchant) for _ in range(count + 1)]
    recommend(listings[0], *listings[1:])
    with django_assert_max_num_queries(PRODUCT_QUERIES):
        client.get(href(listings[0]))


def test_strangers_are_asked_to_sign_in(client: Client) -> None:
    assert client.get(href(make_listing()))["Location"].startswith(reverse("account_login"))
