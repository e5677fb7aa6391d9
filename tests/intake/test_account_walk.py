"""The walk of a merchant account: judged when its score crosses a band, and nightly; people do the rest."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from cases.models import CaseStatus, ReviewCase
from cases.services import cancel_case_of, open_case
from core.actors import SYSTEM
from core.models import OutboxEvent
from core.refs import Ref
from intake import pipeline, rounds, tasks
from intake.pipeline import QUIET, judge_account
from merchants.models import Merchant, MerchantStatus
from risk import selectors
from risk.accounts import RESTRICTION_PROPOSED, refresh_scores
from risk.decide import decide_account
from risk.explain import explain_by_id, explain_pending
from risk.facts import merchants as facts
from risk.models import AccountScore, Alert, Decision, Explanation
from risk.policy import Thresholds
from risk.replay import Archive, find_differences
from risk.rules.engine import Effect
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_order, make_rule
from tests.risk.test_accounts import label

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def scored(score: float = 0.1, *, at: datetime = NOON - DAY, **fields: Any) -> Merchant:
    merchant = make_merchant(account_score=score, account_score_at=at, **fields)
    AccountScore.objects.create(merchant=merchant, score=score, band="low", as_of=at)
    return merchant


def judge(merchant: Merchant, *, at: datetime = NOON) -> Decision:
    decision = judge_account(merchant.pk, at=at)
    assert decision is not None
    return decision


def test_an_account_in_order_is_approved_and_nobody_is_asked() -> None:
    make_live_ruleset(subject="merchant")
    decision = judge(scored(0.1))
    assert (decision.outcome, decision.score, decision.degraded) == ("approve", 0.1, [])
    assert not ReviewCase.objects.exists()


def test_the_account_score_is_the_score_and_a_high_one_asks_a_person() -> None:
    make_live_ruleset(subject="merchant", thresholds=Thresholds(
        review_at=0.6, decline_at=0.95, points_review_at=40, points_decline_at=200, may_decline_on_score=False
    ))  # fmt: skip
    merchant = scored(0.99, name="Tea & Co")
    assert judge(merchant).outcome == "review"
    case = ReviewCase.objects.get()
    assert case.decision is not None
    assert (case.subject_kind, case.subject_id, case.merchant_id) == ("merchant", merchant.pk, merchant.pk)
    assert (case.title, case.queue.code, case.decision.reason_codes) == (
        "Tea & Co",
        "merchant_alerts",
        ["score_high"],
    )
    assert not Alert.objects.exists()


def test_a_decline_proposes_a_restriction_and_changes_nothing() -> None:
    make_live_ruleset(make_rule("account_score > 0", Effect.DECLINE), subject="merchant")
    merchant = scored(0.7)
    assert judge(merchant).outcome == "decline"
    assert ReviewCase.objects.filter(decision__outcome="decline").exists()
    alert = Alert.objects.get()
    assert (alert.code, alert.to_band, alert.score) == (RESTRICTION_PROPOSED, "high", 0.7)
    assert Merchant.objects.get(pk=merchant.pk).status == MerchantStatus.ACTIVE
    assert OutboxEvent.objects.get(type="merchant.restriction_proposed").merchant_id is None


def test_a_decision_on_an_account_can_be_replayed() -> None:
    ruleset = make_live_ruleset(make_rule("merchant.name == 'Tea'", tag="seen"), subject="merchant")
    merchant = scored(0.4, name="Tea")
    stored = Decision.objects.get(pk=judge(merchant).pk)
    np.testing.assert_array_equal(
        selectors.features_of(stored).vector, facts.gather(merchant, as_of=NOON).vector
    )
    assert (stored.feature_hash, stored.ruleset_id) == (facts.FEATURE_HASH, ruleset.pk)
    assert stored.snapshot["values"]["merchant.name"] == "Tea"
    assert selectors.features_of(stored)["account_score"] == stored.score
    assert find_differences(stored, Archive()) == ()


def test_a_model_of_accounts_outranks_the_account_score() -> None:
    make_live_ruleset(subject="merchant")
    make_model("merchant", probability=0.02)
    assert judge(scored(0.9)).score == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("status", "score"),
    [("onboarding", 0.9), ("terminated", 0.9), ("active", None)],
    ids=["does not sell yet", "parted with", "never scored"],
)
def test_what_does_not_sell_or_was_never_scored_is_not_judged(status: str, score: float | None) -> None:
    make_live_ruleset(subject="merchant")
    assert judge_account(make_merchant(status=status, account_score=score).pk, at=NOON) is None
    assert judge_account(123, at=NOON) is None
    assert not Decision.objects.exists()


class TestNobodyIsAskedTwice:
    @pytest.fixture(autouse=True)
    def _rules(self) -> None:
        make_live_ruleset(
            make_rule("account_score > 0.2", reason_code="score_elevated"),
            make_rule("trust_tier == 7", reason_code="policy_violation"),
            make_rule("trust_tier == 9", Effect.DECLINE, reason_code="bad_history"),
            subject="merchant",
        )

    def test_an_open_case_is_left_alone_while_the_reasons_stay(self) -> None:
        merchant = scored(0.25)
        judge(merchant)
        judge(merchant, at=NOON + DAY)
        case = ReviewCase.objects.get()
        assert case.evidence_version == 1
        assert Decision.objects.count() == 2

    @pytest.mark.parametrize(("tier", "outcome"), [(7, "review"), (9, "decline")], ids=["new", "worse"])
    def test_a_new_reason_brings_the_open_case_up_to_date(self, tier: int, outcome: str) -> None:
        merchant = scored(0.25)
        judge(merchant)
        Merchant.objects.filter(pk=merchant.pk).update(trust_tier=tier)
        latest = judge(merchant, at=NOON + DAY)
        case = ReviewCase.objects.get()
        assert (latest.outcome, case.decision_id, case.evidence_version) == (outcome, latest.pk, 2)

    def test_after_an_answer_the_same_reasons_rest_for_a_while(self) -> None:
        merchant = scored(0.25)
        judge(merchant)
        cancel_case_of(Ref("merchant", merchant.pk), actor=SYSTEM, at=NOON)
        judge(merchant, at=NOON + QUIET)
        assert ReviewCase.objects.count() == 1
        judge(merchant, at=NOON + QUIET + timedelta(seconds=1))
        assert ReviewCase.objects.filter(status=CaseStatus.QUEUED).count() == 1

    def test_a_new_reason_asks_again_at_once(self) -> None:
        merchant = scored(0.25)
        judge(merchant)
        cancel_case_of(Ref("merchant", merchant.pk), actor=SYSTEM, at=NOON)
        Merchant.objects.filter(pk=merchant.pk).update(trust_tier=9)
        judge(merchant, at=NOON + DAY)
        assert ReviewCase.objects.count() == 2
        assert Alert.objects.count() == 1

    def test_a_case_that_people_opened_themselves_takes_the_decision_up(self) -> None:
        merchant = scored(0.25)
        open_case(
            None,
            subject=Ref("merchant", merchant.pk),
            title="Opened by hand",
            value_minor=0,
            at=NOON,
            merchant_id=merchant.pk,
        )
        decision = judge(merchant)
        judge(merchant, at=NOON + DAY)
        case = ReviewCase.objects.get()
        assert (case.decision_id, case.evidence_version) == (decision.pk, 2)


def test_a_crossed_band_sends_the_account_to_be_judged(
    sent_tasks: list[tuple[str, list[object]]], django_capture_on_commit_callbacks: Any
) -> None:
    merchant = make_merchant()
    label(merchant, is_bad=True, times=9, at=NOON - DAY)
    with django_capture_on_commit_callbacks(execute=True):
        refresh_scores([merchant.pk], as_of=NOON)
        refresh_scores([merchant.pk], as_of=NOON + timedelta(minutes=1))
    assert sent_tasks == [("intake.tasks.judge_account", [merchant.pk])]


def test_the_task_judges_as_of_now() -> None:
    make_live_ruleset(subject="merchant")
    merchant = scored(0.3)
    tasks.judge_account(merchant.pk)
    assert Decision.objects.get().subject_id == merchant.pk


class TestTheNightlyRound:
    def test_accounts_that_traded_are_judged_and_no_other(self) -> None:
        make_live_ruleset(subject="merchant")
        trading, long_ago, _quiet = scored(), scored(), scored()
        make_order(trading, at=NOON - DAY)
        make_order(long_ago, at=NOON - 61 * DAY)
        assert rounds.judge_next(0, at=NOON) == 1
        assert [decision.subject_id for decision in Decision.objects.all()] == [trading.pk]

    def test_a_round_goes_on_behind_the_last_one(
        self,
        monkeypatch: pytest.MonkeyPatch,
        sent_tasks: list[tuple[str, list[object]]],
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        monkeypatch.setattr(rounds, "BATCH", 2)
        now = timezone.now()
        make_live_ruleset(subject="merchant")
        accounts = [scored() for _ in range(3)]
        for merchant in accounts:
            make_order(merchant, at=now - DAY)
        with django_capture_on_commit_callbacks(execute=True):
            assert tasks.judge_accounts() == 2
        assert sent_tasks == [("intake.tasks.judge_accounts", [accounts[1].pk])]
        with django_capture_on_commit_callbacks(execute=True):
            assert tasks.judge_accounts(accounts[1].pk) == 1
        assert len(sent_tasks) == 1
        assert Decision.objects.count() == 3

    def test_one_account_that_cannot_be_judged_does_not_end_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(subject="merchant")
        first, second = scored(), scored()
        for merchant in (first, second):
            make_order(merchant, at=NOON - DAY)
        monkeypatch.setattr(
            pipeline,
            "decide_account",
            lambda row, **at: 1 / 0 if row.pk == first.pk else decide_account(row, **at),
        )
        rounds.judge_next(0, at=NOON)
        assert Decision.objects.get().subject_id == second.pk


def test_a_question_about_an_account_is_explained_like_any_other(
    sent_tasks: list[tuple[str, list[object]]], django_capture_on_commit_callbacks: Any
) -> None:
    make_live_ruleset(make_rule("account_score > 0"), subject="merchant")
    with django_capture_on_commit_callbacks(execute=True):
        decision = judge(scored(0.5))
    assert sent_tasks == [(pipeline.EXPLAIN, [decision.pk])]
    explain_by_id(decision.pk)
    assert Explanation.objects.filter(pk=decision.pk).exists()
    assert explain_pending(at=NOON) == 0


def test_a_merchant_does_not_read_the_judgement_of_its_account() -> None:
    make_live_ruleset(subject="merchant")
    merchant = scored(0.5)
    judge(merchant)
    assert not selectors.list_decisions(merchant_ids=frozenset({merchant.pk})).exists()
    assert selectors.list_decisions(subject="merchant").count() == 1
