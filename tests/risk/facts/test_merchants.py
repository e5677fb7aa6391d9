"""Facts of merchant accounts: what each number counts, as of when, and one equals many."""

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from catalog.services import reject_revision
from core.actors import SYSTEM
from core.ids import new_id
from merchants import services
from merchants.models import Merchant
from orders.models import Order
from risk.facts import merchants
from risk.models import AccountScore, Label
from risk.schemas.merchants import SCHEMA
from tests.make import NOON, make_application, make_listing, make_merchant, make_order, make_revision

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def values(merchant: Merchant, *, as_of: datetime = NOON) -> dict[str, Any]:
    return dict(merchants.gather(merchant, as_of=as_of).values)


def score(merchant: Merchant, score: float, *, at: datetime = NOON, **parts: float) -> None:
    AccountScore.objects.create(merchant=merchant, score=score, band="low", as_of=at, parts=parts)


def charged_back(merchant: Merchant, *, at: datetime, subject_id: int | None = None) -> int:
    subject_id = subject_id or new_id()
    Label.objects.create(
        subject_kind="order",
        subject_id=subject_id,
        is_bad=True,
        source="chargeback",
        merchant_id=merchant.pk,
        occurred_at=at,
        known_at=at,
    )
    return subject_id


def test_every_declared_field_has_a_value_and_nothing_else_does() -> None:
    facts = merchants.gather(make_merchant(), as_of=NOON)
    assert set(facts.values) == {field.name for field in SCHEMA.fields}
    assert facts.vector.shape == (len(merchants.INPUT_NAMES),)
    assert (facts.subject.kind, facts.merchant_id) == ("merchant", facts.subject.id)


def test_an_account_without_history_is_missing_what_it_has_none_of() -> None:
    seen = values(make_merchant(name="Tea & Co", country="DE", joined_at=NOON - 3 * DAY, trust_tier=2))
    missing = ("account_score", "known_orders_60d_count", "orders_growth_7d", "late_60d_share")
    assert all(math.isnan(seen[name]) for name in missing)
    assert math.isnan(seen["linked_component_size"])
    assert (seen["orders_7d_count"], seen["chargebacks_60d_count"], seen["live_listings_count"]) == (0, 0, 0)
    assert (seen["account_age_days"], seen["trust_tier"]) == (3, 2)
    assert (seen["merchant.name"], seen["merchant.country"]) == ("Tea & Co", "DE")


def test_the_score_is_the_newest_as_of_the_moment_and_its_change_is_that_of_a_week() -> None:
    merchant = make_merchant()
    score(merchant, 0.1, at=NOON - 8 * DAY)
    score(merchant, 0.3, at=NOON - 6 * DAY)
    score(merchant, 0.5, at=NOON, known=40, bad=10, pending=3, expected=0.25)
    score(merchant, 0.9, at=NOON + DAY)
    seen = values(merchant)
    assert (seen["account_score"], seen["account_score_change_7d"]) == (0.5, 0.4)
    assert (seen["known_orders_60d_count"], seen["bad_orders_60d_share"]) == (40, 0.25)
    assert (seen["pending_orders_60d_count"], seen["expected_bad_60d_sum"]) == (3, 0.25)


def test_growth_compares_days_and_sees_nothing_that_came_later() -> None:
    merchant = make_merchant()
    for days in (1, 2, 6, 6.5):
        make_order(merchant, total="30.00", at=NOON - days * DAY)
    for days in (8, 20, 36):
        make_order(merchant, total="10.00", at=NOON - days * DAY)
    make_order(merchant, at=NOON - 38 * DAY)
    make_order(merchant, at=NOON)
    late = make_order(merchant, at=NOON - DAY)
    Order.objects.filter(pk=late.pk).update(known_at=NOON)
    seen = values(merchant)
    assert seen["orders_7d_count"] == 4
    assert seen["orders_growth_7d"] == pytest.approx((4 / 7) / (3 / 30))
    assert seen["amount_growth_7d"] == pytest.approx((120 / 7) / (30 / 30))


def test_chargebacks_count_orders_once_and_within_the_window() -> None:
    merchant = make_merchant()
    for _ in range(4):
        make_order(merchant, at=NOON - DAY)
    order = charged_back(merchant, at=NOON - DAY)
    charged_back(merchant, at=NOON - 61 * DAY)
    charged_back(merchant, at=NOON)
    charged_back(make_merchant(), at=NOON - DAY)
    Label.objects.create(
        subject_kind="order", subject_id=order, is_bad=True, source="verdict", merchant_id=merchant.pk,
        occurred_at=NOON - DAY, known_at=NOON - DAY,
    )  # fmt: skip
    seen = values(merchant)
    assert (seen["chargebacks_60d_count"], seen["chargebacks_60d_share"]) == (1, 0.25)


def test_listings_live_and_rejected() -> None:
    merchant = make_merchant()
    make_listing(merchant)
    for at in (NOON - DAY, NOON - 61 * DAY, NOON):
        revision = make_revision(merchant, at=at, submitted=True)
        revision.status = "screening"
        revision.save(update_fields=["status"])
        reject_revision(revision, actor=SYSTEM, at=at, reason_codes=["banned_term"])
    seen = values(merchant)
    assert (seen["live_listings_count"], seen["rejected_listings_60d_count"]) == (1, 1)


def test_links_are_those_of_the_newest_application() -> None:
    bad, own = (
        make_application(bank_account="6222021234567890"),
        make_application(bank_account="6222021234567890", registration_number="91350100M000100Y43"),
    )
    services.submit_application(bad, actor=SYSTEM, at=NOON - 3 * DAY)
    services.begin_screening(bad)
    services.reject_application(bad, actor=SYSTEM, at=NOON - 2 * DAY, reason_codes=["document_reused"])
    services.submit_application(own, actor=SYSTEM, at=NOON - DAY)
    seen = values(own.merchant)
    assert (seen["linked_component_size"], seen["linked_bad_within_two_count"]) == (2, 1)
    assert math.isnan(values(own.merchant, as_of=NOON - 2 * DAY)["linked_component_size"])


def test_many_at_once_equal_one_by_one(django_assert_max_num_queries: Any) -> None:
    accounts, moments = [make_merchant() for _ in range(7)], []
    for number, merchant in enumerate(accounts):
        moments.append(NOON - (number % 2) * DAY)
        score(merchant, number / 10, at=NOON - number * DAY, known=number, bad=number // 2)
        for days in range(number):
            make_order(merchant, at=NOON - days * 3 * DAY)
        charged_back(merchant, at=NOON - number * 2 * DAY)
        application = make_application(merchant, bank_account="6222021234567890")
        services.submit_application(application, actor=SYSTEM, at=NOON - 5 * DAY)
    singly = [merchants.gather(one, as_of=at).vector for one, at in zip(accounts, moments, strict=True)]
    with django_assert_max_num_queries(26):
        together = merchants.read_inputs(accounts, moments)
    np.testing.assert_array_equal(together, np.array(singly))
    with django_assert_max_num_queries(13):
        merchants.gather(accounts[0], as_of=NOON)


def test_nothing_to_read_is_an_empty_matrix() -> None:
    assert merchants.read_inputs([], []).shape == (0, len(merchants.INPUT_NAMES))
