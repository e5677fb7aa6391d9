"""The health page: rates beside their targets, the score's history, and alerts in a merchant's words."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.actors import SYSTEM
from core.ids import encode
from merchants.models import Merchant
from orders.handling import accept_order, refuse_order
from orders.models import Order
from orders.services import approve_order
from risk.accounts import propose_restriction
from risk.models import AccountScore, Alert
from tests.make import make_merchant, make_order, make_user
from tests.orders.handled import MEMBER, ship

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HEALTH_QUERIES = 10


@pytest.fixture
def merchant(client: Client) -> Merchant:
    owner = make_user()
    client.force_login(owner, backend=BACKEND)
    return make_merchant(owner=owner)


def placed(merchant: Merchant, *, days_ago: float) -> Order:
    at = timezone.now() - timedelta(days=days_ago)
    order = make_order(merchant, at=at)
    approve_order(order, actor=SYSTEM, at=at)
    return order


def test_a_new_merchant_has_neither_rates_nor_a_score(client: Client, merchant: Merchant) -> None:
    page = client.get(reverse("portal:health"))
    assert [row.rate for row in page.context["metrics"]] == [None, None, None]
    body = page.content.decode()
    assert "No orders yet" in body
    assert "No score yet" in body


def test_a_rate_over_its_target_says_how_to_cure_it_and_names_the_orders(
    client: Client, merchant: Merchant
) -> None:
    kept, refused = placed(merchant, days_ago=1), placed(merchant, days_ago=1)
    accept_order(kept, actor=MEMBER, at=timezone.now())
    ship(kept)
    refuse_order(refused, actor=MEMBER, at=timezone.now(), reason="Sold out.")
    page = client.get(reverse("portal:health"))
    row = page.context["metrics"][0]
    assert (row.percent, row.count, row.handled, row.is_met) == (50.0, 1, 2, False)
    assert row.orders == ((refused.external_id, encode("ord", refused.pk)),)
    assert "Keep stock up to date" in page.content.decode()


def test_an_old_order_no_longer_counts(client: Client, merchant: Merchant) -> None:
    refuse_order(placed(merchant, days_ago=61), actor=MEMBER, at=timezone.now(), reason="Sold out.")
    assert client.get(reverse("portal:health")).context["metrics"][0].rate is None


def test_the_chart_has_one_point_a_day(client: Client, merchant: Merchant) -> None:
    noon = timezone.now().replace(hour=12)
    for days, score in ((3, 0.1), (2, 0.2), (2, 0.3), (200, 0.9)):
        AccountScore.objects.create(
            merchant=merchant, score=score, band="low", as_of=noon - timedelta(days=days)
        )
    chart = client.get(reverse("portal:health")).context["chart"]
    assert chart["series"][0]["values"] == [10, 30]


@pytest.mark.parametrize(("score", "title"), [(0.05, "Low risk"), (0.3, "Raised risk"), (0.7, "High risk")])
def test_the_score_has_a_band_and_a_sentence(
    client: Client, merchant: Merchant, score: float, title: str
) -> None:
    Merchant.objects.filter(pk=merchant.pk).update(account_score=score, account_score_at=timezone.now())
    assert client.get(reverse("portal:health")).context["band"]["title"] == title


def test_alerts_are_told_in_words(client: Client, merchant: Merchant) -> None:
    Alert.objects.create(
        merchant=merchant,
        code="account_risk_high",
        from_band="low",
        to_band="high",
        score=0.7,
        created_at=timezone.now(),
    )
    body = client.get(reverse("portal:health")).content.decode()
    assert "rose to the high band" in body
    assert "account_risk_high" not in body


def test_what_is_proposed_about_the_account_is_not_told(client: Client, merchant: Merchant) -> None:
    propose_restriction(merchant, 0.7, at=timezone.now())
    assert client.get(reverse("portal:health")).context["alerts"] == []


def test_another_merchants_health_stays_its_own(client: Client, merchant: Merchant) -> None:
    other = make_merchant()
    refuse_order(placed(other, days_ago=1), actor=MEMBER, at=timezone.now(), reason="Sold out.")
    page = client.get(reverse("portal:health"))
    assert page.context["measured"].orders == 0


def test_the_page_costs_the_same_for_any_number_of_orders(
    client: Client, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        order = placed(merchant, days_ago=number + 1)
        refuse_order(order, actor=MEMBER, at=timezone.now(), reason="Sold out.")
    with django_assert_max_num_queries(HEALTH_QUERIES):
        client.get(reverse("portal:health"))


def test_strangers_are_asked_to_sign_in(client: Client) -> None:
    assert client.get(reverse("portal:health"))["Location"].startswith(reverse("account_login"))


def test_looking_is_all_one_can_do(client: Client, merchant: Merchant) -> None:
    assert client.post(reverse("portal:health")).status_code == 405
