"""Backtests: asked for, watched, read, taken away as files, and their thresholds adopted."""

import csv
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from console.backtest_files import safe
from core.ids import encode
from risk.backtest.services import request_backtest, run_now
from risk.models import Backtest, LabelSource, RuleSet, RuleSetStatus
from risk.services import copy_to_draft, record_label, save_rule
from tests.console.conftest import SignIn
from tests.console.scenes import held_case, subject_of
from tests.make import make_live_ruleset, make_rule, make_user

pytestmark = pytest.mark.django_db

COSTS = {
    "loss_share": "100",
    "chargeback_fee": "150",
    "margin_share": "15",
    "goodwill": "20",
    "held_lost_share": "5",
    "review_catch_share": "90",
    "review_minutes": "6",
    "review_hour_cost": "60",
    "reviewer_hours_per_day": "",
}


@pytest.fixture
def author() -> User:
    return make_user(Role.RISK_ANALYST, name="Ana Ruiz")


@pytest.fixture
def analyst(sign_in: SignIn, author: User) -> Client:
    return sign_in(user=author)


@pytest.fixture
def draft(author: User) -> RuleSet:
    return copy_to_draft(make_live_ruleset(make_rule("order.amount > 1000", code="R-DEAR")), author=author)


@pytest.fixture
def finished(author: User) -> Backtest:
    """A real run: three held orders, one of them bad, under a draft that lets the cheapest through."""
    cases = [held_case(total=total) for total in ("1200.00", "1500.00", "3000.00")]
    for case, is_bad in zip(cases, (False, True, True), strict=True):
        record_label(
            subject_of(case),
            is_bad=is_bad,
            source=LabelSource.CHARGEBACK,
            occurred_at=timezone.now(),
            known_at=timezone.now(),
        )
    draft = copy_to_draft(RuleSet.objects.get(status=RuleSetStatus.LIVE), author=author)
    changed = make_rule("order.amount >= 1400", code="R-DEAR", name="=A dear order", reason_code="other")
    save_rule(draft, changed, author=author)
    now = timezone.now()
    backtest = run_now(draft, since=now - timedelta(days=7), until=now, requested_by=author, at=now)
    assert backtest.status == Backtest.Status.FINISHED, backtest.message
    return backtest


@pytest.fixture
def queued(draft: RuleSet, author: User) -> Backtest:
    now = timezone.now()
    return request_backtest(draft, since=now - timedelta(days=7), until=now, requested_by=author, at=now)


def finish(backtest: Backtest, result: dict[str, Any]) -> None:
    """Leave a backtest as its worker does; from then on nobody changes it."""
    rows = Backtest.objects.filter(pk=backtest.pk)
    rows.update(status=Backtest.Status.FINISHED, result=result, finished_at=timezone.now())


def url(name: str, backtest: Backtest, *more: str) -> str:
    return reverse(f"console:{name}", args=[encode("bkt", backtest.pk), *more])


def test_backtest_is_asked_for_with_costs_in_minor_units(analyst: Client, draft: RuleSet) -> None:
    asked = {"ruleset": encode("rst", draft.pk), "kind": "ruleset", "period": "30", **COSTS}
    answer = analyst.post(reverse("console:backtest-new"), asked)
    backtest = Backtest.objects.get(status=Backtest.Status.QUEUED)
    assert answer.headers["Location"] == url("backtest", backtest)
    assert backtest.costs["chargeback_fee_minor"] == 15_000
    assert backtest.costs["margin_share"] == 0.15
    assert backtest.costs["reviewer_hours_per_day"] is None
    assert backtest.until - backtest.since == timedelta(days=30)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "rule"}, "rule_code"),
        ({"kind": "rule", "rule_code": "R-NOPE"}, "rule_code"),
        ({"kind": "thresholds"}, "review_at"),
        ({"period": "custom"}, "since"),
        ({"period": "custom", "since": "2026-11-02T00:00", "until": "2026-11-01T00:00"}, "until"),
        ({"margin_share": "150"}, "margin_share"),
        ({"review_minutes": "0"}, "review_minutes"),
    ],
    ids=["no rule", "unknown rule", "no threshold", "no day", "backwards", "share", "no time"],
)
def test_refusal_stands_beside_its_field(
    change: dict[str, str], field: str, analyst: Client, draft: RuleSet
) -> None:
    asked = {"ruleset": encode("rst", draft.pk), "kind": "ruleset", "period": "30", **COSTS, **change}
    answer = analyst.post(reverse("console:backtest-new"), asked)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Backtest.objects.filter(status=Backtest.Status.QUEUED).exists()


def test_thresholds_are_tried_in_the_units_of_the_policy(analyst: Client, draft: RuleSet) -> None:
    asked = {
        "ruleset": encode("rst", draft.pk), "kind": "thresholds", "period": "7", "review_at": "12.5",
        "points_review_at": "45", **COSTS,
    }  # fmt: skip
    analyst.post(reverse("console:backtest-new"), asked)
    assert Backtest.objects.get(kind="thresholds").thresholds == {"review_at": 0.125, "points_review_at": 45}


def test_progress_is_asked_for_while_it_moves_and_then_reloads(analyst: Client, queued: Backtest) -> None:
    Backtest.objects.filter(pk=queued.pk).update(status="running", done_rows=40, total_rows=100)
    moving = analyst.get(url("backtest-progress", queued))
    assert "every 2s" in moving.content.decode()
    assert "HX-Refresh" not in moving.headers
    finish(queued, {})
    over = analyst.get(url("backtest-progress", queued))
    assert "every 2s" not in over.content.decode()
    assert over.headers["HX-Refresh"] == "true"


def test_cancelled_backtest_says_so(analyst: Client, queued: Backtest) -> None:
    analyst.post(url("backtest-cancel", queued))
    assert "This backtest was cancelled" in analyst.get(url("backtest", queued)).content.decode()


def test_result_shows_candidate_against_live(analyst: Client, finished: Backtest) -> None:
    report = analyst.get(url("backtest", finished)).context["report"]
    by_label = {str(figure.label): figure for figure in report.figures}
    assert by_label["Sent to review"].candidate == 2
    assert by_label["Sent to review"].live == 3
    assert by_label["Good held for review"].candidate == 0
    assert by_label["Good held for review"].tone == "good"
    assert by_label["Bad caught"].candidate["value"] == 1.0


def test_moves_are_filtered_by_direction(analyst: Client, finished: Backtest) -> None:
    milder = analyst.get(url("backtest", finished), {"from": "review", "to": "approve"}).context["flips"]
    assert [(flip["live"], flip["candidate"], flip["truth"]) for flip in milder] == [
        ("review", "approve", "good")
    ]
    assert analyst.get(url("backtest", finished), {"from": "approve", "to": "decline"}).context["flips"] == []
    assert len(analyst.get(url("backtest", finished), {"from": "nonsense"}).context["flips"]) == 1


def test_files_hold_moves_and_rules(analyst: Client, finished: Backtest) -> None:
    def read(what: str) -> list[dict[str, str]]:
        answer = analyst.get(url("backtest-file", finished, what))
        assert answer.headers["Content-Type"].startswith("text/csv")
        return list(csv.DictReader(answer.getvalue().decode().splitlines()))

    (move,) = read("flips")
    assert (move["live"], move["candidate"], move["amount_minor"]) == ("review", "approve", "120000")
    rules = {row["code"]: row for row in read("rules")}
    assert (rules["R-DEAR"]["hits"], rules["R-DEAR"]["bad"], rules["R-DEAR"]["precision"]) == (
        "2",
        "2",
        "1.0",
    )
    assert rules["R-DEAR"]["name"] == "'=A dear order"
    assert analyst.get(url("backtest-file", finished, "secrets")).status_code == 404


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_formula_stays_a_text(text: str) -> None:
    assert safe(text) == f"'{text}"
    assert safe("A rule") == "A rule"


def test_edited_draft_outdates_its_backtest(analyst: Client, author: User, finished: Backtest) -> None:
    assert not analyst.get(url("backtest", finished)).context["is_outdated"]
    save_rule(finished.ruleset, make_rule("order.has_card", code="R-NEW"), author=author)
    assert analyst.get(url("backtest", finished)).context["is_outdated"]


def test_recommended_thresholds_start_a_draft_of_their_own(
    analyst: Client, author: User, finished: Backtest
) -> None:
    now, result = timezone.now(), dict(finished.result or {})
    costs = dict(result["costs"])
    costs["recommended"] = {**costs["current"], "review_at": 0.11, "decline_at": 0.77}
    other = request_backtest(
        finished.ruleset, since=now - timedelta(days=7), until=now, requested_by=author, at=now
    )
    finish(other, {**result, "costs": costs})
    analyst.post(url("policy-adopt", other))
    newest = RuleSet.objects.order_by("-number").first()
    assert newest is not None
    thresholds = newest.policy["thresholds"]
    assert (newest.status, thresholds["review_at"], thresholds["decline_at"]) == ("draft", 0.11, 0.77)
    finished.ruleset.refresh_from_db()
    assert finished.ruleset.policy["thresholds"]["review_at"] == 0.3


def test_approver_reads_the_backtest_on_the_approval_page(sign_in: SignIn, finished: Backtest) -> None:
    href = reverse("console:ruleset-approve", args=[encode("rst", finished.ruleset_id)])
    page = sign_in(Role.RISK_ANALYST).get(href)
    assert page.context["may_approve"]
    assert page.context["summary"].backtest == finished
    assert "Bad caught" in page.content.decode()
