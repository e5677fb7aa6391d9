"""One search for all that a reviewer looks for: as the palette's answers and as a page without a script."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from console.finding import SHOWN, find
from core.actors import SYSTEM
from core.ids import encode
from intake.pipeline import submit_revision
from merchants.models import MemberRole, Membership
from tests.console.conftest import SignIn
from tests.console.scenes import held_case, public
from tests.make import make_live_ruleset, make_merchant, make_revision, make_user

pytestmark = pytest.mark.django_db

HTML = {"Accept": "text/html,application/xhtml+xml"}


def kinds_of(user: User, text: str) -> list[tuple[str, str]]:
    return [(one.kind, one.label) for one in find(user, text)]


def test_merchants_orders_and_listings_are_found_and_lead_to_a_page(page: Client, reviewer: User) -> None:
    shop = make_merchant(name="Green Leaf Tea")
    case = held_case(shop, external_id="2026-7")
    make_live_ruleset(subject="listing")
    revision = make_revision(shop, sku="TEA-250", title="Oolong from Anxi")
    submit_revision(revision, actor=SYSTEM, at=timezone.now())
    assert kinds_of(reviewer, "green leaf") == [("Merchant", "Green Leaf Tea")]
    assert kinds_of(reviewer, encode("mer", shop.pk)) == [("Merchant", "Green Leaf Tea")]
    # The order is looked at in its case.
    assert kinds_of(reviewer, "2026-7") == [("Case", "2026-7")]
    assert kinds_of(reviewer, encode("ord", case.subject_id)) == [("Case", "2026-7")]
    for text in ("anxi", "tea-2", encode("rev", revision.pk), encode("lst", revision.listing_id)):
        assert "Oolong from Anxi" in [label for _kind, label in kinds_of(reviewer, text)], text
    for text in ("green leaf", "2026-7", "anxi", "queues"):
        for one in find(reviewer, text):
            assert page.get(one.href).status_code == 200, one


def test_a_merchants_decisions_are_those_on_all_that_is_theirs(page: Client, reviewer: User) -> None:
    shop = make_merchant(name="Green Leaf Tea")
    held_case(shop)
    held_case()
    [merchant] = find(reviewer, "green leaf")
    rows = page.get(merchant.href).context["page"].rows
    assert [row.merchant_id for row in rows] == [shop.pk]


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.RISK_ANALYST, Role.OPERATIONS])
def test_every_page_that_is_found_opens(role: Role, sign_in: SignIn) -> None:
    user = make_user(role)
    client = sign_in(user=user)
    found = {
        one.href for letters in ("es", "er", "in", "it", "or", "re", "ul") for one in find(user, letters)
    }
    assert found
    assert {client.get(href).status_code for href in found} == {200}


def test_who_may_not_look_at_merchants_and_cases_finds_none() -> None:
    held_case(make_merchant(name="Green Leaf Tea"), external_id="2026-7")
    assert kinds_of(make_user(), "2026-7") == kinds_of(make_user(), "green leaf") == []


def test_a_reviewers_own_shop_is_not_found(reviewer: User) -> None:
    shop = make_merchant(name="Green Leaf Tea")
    Membership.objects.create(user=reviewer, merchant=shop, role=MemberRole.OWNER)
    held_case(shop, external_id="2026-7")
    assert kinds_of(reviewer, "green leaf") == kinds_of(reviewer, "2026-7") == []


@pytest.mark.parametrize("text", ["", " ", "x", "cas_", "ord_zzz", "dec_0", "%", "'; --", "\x00\x00", "长"])
def test_a_text_that_means_nothing_finds_nothing(text: str, reviewer: User, page: Client) -> None:
    assert find(reviewer, text) == []
    assert page.get(f"{reverse('console:search')}?q={quote(text)}", headers=HTML).status_code == 200


def test_without_a_script_search_is_a_page_and_says_what_it_found(page: Client) -> None:
    case = held_case(external_id="FIND-ME")
    answer = page.get(reverse("console:search"), {"q": "find-me"}, headers=HTML)
    content = answer.content.decode()
    assert answer.headers["Content-Type"].startswith("text/html")
    assert f'href="{reverse("console:case", args=[public(case)])}">FIND-ME</a>' in content
    assert "Nothing found" in page.get(reverse("console:search"), {"q": "zz"}, headers=HTML).content.decode()
    home = page.get(reverse("console:home")).content.decode()
    assert f'<a class="bo-search" href="{reverse("console:search")}"' in home


@pytest.mark.parametrize("many", [1, 9])
def test_a_search_costs_the_same_whatever_it_finds(many: int, django_assert_max_num_queries: Any) -> None:
    for number in range(many):
        held_case(external_id=f"SAME-{number}")
    user = make_user(Role.REVIEWER)
    with django_assert_max_num_queries(13):
        assert len(find(user, "same")) == min(many, SHOWN)
