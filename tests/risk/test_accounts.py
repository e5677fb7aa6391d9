"""The account score: what moves it, what it leaves out, and when it alerts."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.actors import Actor
from core.ids import first_id_at, new_id
from core.models import OutboxEvent
from merchants.models import Merchant
from orders.health import WINDOW
from risk.accounts import (
    TOLERATED_SHARE,
    Evidence,
    account_score,
    acknowledge,
    band_of,
    list_all_active,
    list_due,
    refresh_scores,
)
from risk.models import AccountScore, Alert, Decision, Label
from tests.make import NOON, make_merchant

TONIGHT = NOON + timedelta(hours=8)


def label(merchant: Merchant, *, is_bad: bool, times: int = 1, at: datetime = NOON, **fields: Any) -> None:
    Label.objects.bulk_create(
        Label(
            subject_kind="order",
            subject_id=fields.get("subject_id") or new_id(),
            is_bad=is_bad,
            source=fields.get("source", "chargeback"),
            merchant_id=merchant.pk,
            occurred_at=at,
            known_at=at,
        )
        for _ in range(times)
    )


def decide(
    merchant: Merchant, *, score: float | None, times: int = 1, at: datetime = NOON, **fields: Any
) -> int:
    """Write decisions as they were made at `at`; return the last one's subject."""
    subject = 0
    for number in range(times):
        subject = new_id()
        Decision.objects.create(
            id=first_id_at(at) + number + Decision.objects.count(),
            subject_kind="order",
            subject_id=subject,
            merchant_id=merchant.pk,
            as_of=at,
            outcome=fields.get("outcome", "review"),
            score=score,
            features=b"",
            feature_hash="",
            snapshot={},
            code_version="test",
            created_at=at,
        )
    return subject


def score_of(merchant: Merchant, *, as_of: datetime = TONIGHT) -> float:
    refresh_scores([merchant.pk], as_of=as_of)
    score = Merchant.objects.get(pk=merchant.pk).account_score
    assert score is not None
    return score


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.001, 0.2))
def test_one_more_bad_order_never_lowers_the_score(known: int, bad: int, share: float) -> None:
    bad = min(bad, known)
    before = account_score(Evidence(known=known, bad=bad), share)
    after = account_score(Evidence(known=known + 1, bad=bad + 1), share)
    assert 0 <= before <= after <= 1


@given(st.integers(0, 500), st.integers(0, 20), st.floats(0.001, 0.2))
def test_one_more_good_order_never_raises_the_score(known: int, bad: int, share: float) -> None:
    bad = min(bad, known)
    before = account_score(Evidence(known=known, bad=bad), share)
    assert account_score(Evidence(known=known + 1, bad=bad), share) <= before


def test_without_history_the_score_is_the_marketplaces() -> None:
    """The prior's own tail: 1.5 % in 50 orders is beyond 3 % once in seven."""
    assert account_score(Evidence(), TOLERATED_SHARE / 2) == pytest.approx(0.148, abs=0.001)
    assert band_of(account_score(Evidence(), TOLERATED_SHARE / 2)) == "low"


@pytest.mark.parametrize(
    ("score", "band"), [(0.0, "low"), (0.1999, "low"), (0.2, "medium"), (0.6, "high"), (1.0, "high")]
)
def test_a_band_begins_at_its_threshold(score: float, band: str) -> None:
    assert band_of(score) == band


@pytest.mark.django_db
class TestRefresh:
    def test_the_score_is_kept_on_the_merchant_and_in_its_history(self) -> None:
        merchant = make_merchant()
        label(merchant, is_bad=False, times=30)
        first = score_of(merchant)
        second = score_of(merchant, as_of=TONIGHT + timedelta(days=1))
        assert first == second
        history = AccountScore.objects.filter(merchant=merchant).order_by("as_of")
        assert [row.as_of for row in history] == [TONIGHT, TONIGHT + timedelta(days=1)]
        assert history[0].parts["known"] == 30
        assert Merchant.objects.get(pk=merchant.pk).account_score_at == TONIGHT + timedelta(days=1)

    def test_bad_orders_raise_it(self) -> None:
        good, bad = make_merchant(), make_merchant()
        label(make_merchant(), is_bad=False, times=600)
        for merchant in (good, bad):
            label(merchant, is_bad=False, times=60)
        label(bad, is_bad=True, times=9)
        assert score_of(bad) > 0.6
        assert score_of(good) < 0.1

    def test_two_labels_of_one_order_count_once(self) -> None:
        merchant = make_merchant()
        order = new_id()
        label(merchant, is_bad=True, subject_id=order, source="chargeback")
        label(merchant, is_bad=True, subject_id=order, source="verdict")
        score_of(merchant)
        parts = AccountScore.objects.get(merchant=merchant).parts
        assert (parts["known"], parts["bad"]) == (1, 1)

    def test_labels_outside_the_window_or_not_known_yet_do_not_count(self) -> None:
        merchant = make_merchant()
        label(merchant, is_bad=True, times=9, at=TONIGHT - WINDOW - timedelta(seconds=1))
        label(merchant, is_bad=True, times=9, at=TONIGHT)
        score_of(merchant)
        assert AccountScore.objects.get(merchant=merchant).parts["known"] == 0

    def test_an_order_whose_truth_is_not_known_counts_with_its_score(self) -> None:
        merchant = make_merchant()
        decide(merchant, score=0.25, times=4)
        score_of(merchant)
        parts = AccountScore.objects.get(merchant=merchant).parts
        assert (parts["pending"], parts["expected"]) == (4, 1.0)

    @pytest.mark.parametrize(
        "fields", [{"outcome": "decline", "score": 0.9}, {"score": None}], ids=["declined", "no score"]
    )
    def test_what_was_declined_or_not_scored_says_nothing(self, fields: dict[str, Any]) -> None:
        merchant = make_merchant()
        decide(merchant, times=5, **fields)
        score_of(merchant)
        assert AccountScore.objects.get(merchant=merchant).parts["pending"] == 0

    def test_a_known_truth_replaces_the_expectation(self) -> None:
        merchant = make_merchant()
        order = decide(merchant, score=0.9)
        label(merchant, is_bad=False, subject_id=order)
        score_of(merchant)
        parts = AccountScore.objects.get(merchant=merchant).parts
        assert (parts["known"], parts["bad"], parts["pending"]) == (1, 0, 0)

    def test_the_score_does_not_depend_on_how_many_are_refreshed_together(self) -> None:
        merchants = [make_merchant() for _ in range(3)]
        label(merchants[0], is_bad=True, times=3)
        alone = score_of(merchants[0])
        refresh_scores([merchant.pk for merchant in merchants], as_of=TONIGHT)
        assert Merchant.objects.get(pk=merchants[0].pk).account_score == alone

    def test_more_merchants_cost_two_writes_each_and_no_more_reads(
        self, django_assert_max_num_queries: Any
    ) -> None:
        ids = [make_merchant().pk for _ in range(10)]
        with django_assert_max_num_queries(8 + 2 * len(ids)):
            assert refresh_scores(ids, as_of=TONIGHT) == 10


@pytest.mark.django_db
class TestAlerts:
    def test_crossing_a_threshold_alerts_once(self) -> None:
        merchant = make_merchant()
        label(merchant, is_bad=True, times=8)
        for night in range(3):
            score_of(merchant, as_of=TONIGHT + timedelta(days=night))
        alert = Alert.objects.get(merchant=merchant)
        assert (alert.code, alert.from_band, alert.to_band) == ("account_risk_high", "low", "high")
        assert OutboxEvent.objects.filter(type="merchant.account_alert").count() == 1

    def test_falling_back_does_not_alert(self) -> None:
        merchant = make_merchant()
        Merchant.objects.filter(pk=merchant.pk).update(account_score=0.9)
        label(merchant, is_bad=False, times=30)
        assert band_of(score_of(merchant)) == "low"
        assert not Alert.objects.exists()

    def test_each_step_up_alerts(self) -> None:
        merchant = make_merchant()
        label(make_merchant(), is_bad=False, times=200)
        Merchant.objects.filter(pk=merchant.pk).update(account_score=0.3)
        label(merchant, is_bad=True, times=12)
        score_of(merchant)
        assert [(alert.from_band, alert.to_band) for alert in Alert.objects.all()] == [("medium", "high")]

    def test_acknowledging_keeps_who_was_first(self) -> None:
        merchant = make_merchant()
        label(merchant, is_bad=True, times=8)
        score_of(merchant)
        alert = Alert.objects.get()
        acknowledge(alert, actor=Actor("user", "1"), at=NOON)
        acknowledge(alert, actor=Actor("user", "2"), at=TONIGHT)
        alert.refresh_from_db()
        assert (alert.acknowledged_by, alert.acknowledged_at) == ("user:1", NOON)


@pytest.mark.django_db
class TestWhoIsDue:
    def test_a_merchant_with_news_since_its_score_is_due(self) -> None:
        since = NOON - timedelta(hours=1)
        never, stale, fresh, quiet = (make_merchant() for _ in range(4))
        for merchant in (never, stale, fresh):
            decide(merchant, score=0.1)
        Merchant.objects.filter(pk=stale.pk).update(account_score_at=since - timedelta(hours=1))
        Merchant.objects.filter(pk=fresh.pk).update(account_score_at=NOON)
        due = list_due(as_of=TONIGHT, since=since)
        assert set(due) == {never.pk, stale.pk}
        assert quiet.pk not in due

    def test_the_nightly_refresh_takes_everybody_who_sells(self) -> None:
        kept = {
            make_merchant(status=status).pk for status in ("active", "restricted", "suspended", "closing")
        }
        for status in ("onboarding", "terminated"):
            make_merchant(status=status)
        assert set(list_all_active()) == kept
