"""Monitoring: brakes pulled and released, holds against limits, time, snoozes, and a decision's replay."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from cases.models import ReviewCase
from core.ids import encode
from risk.models import Brake, Decision, ParityRun, RuleSnooze
from tests.console.conftest import SignIn
from tests.console.scenes import blind, held_case
from tests.make import make_live_ruleset, make_rule, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> User:
    return make_user(Role.RISK_ANALYST, name="Ana Ruiz")


@pytest.fixture
def analyst(sign_in: SignIn, author: User) -> Client:
    return sign_in(user=author)


def test_standing_brake_says_why_and_is_released(analyst: Client) -> None:
    make_live_ruleset(make_rule("order.amount > 1", code="R-ALL", name="Nearly everything"))
    brake = Brake.objects.create(
        subject="order",
        rule_code="R-ALL",
        cause=Brake.Cause.HOLD_RATE,
        detail={"hits": 91, "rows": 1_100, "limit": 33, "expected_rate": 0.011, "basis": "backtest"},
        pulled_at=timezone.now() - timedelta(hours=1),
    )
    page = analyst.get(reverse("console:monitoring"))
    (row,) = page.context["standing"]
    assert row.title == "R-ALL · Nearly everything"
    assert row.details == [
        ("Held", "91"),
        ("Limit", "33"),
        ("Of decisions", "1,100"),
        ("Expected", "1.1 %"),
        ("Expectation", "by its backtest"),
    ]
    assert page.context["nav_counts"]["monitoring"] == 1
    analyst.post(reverse("console:brake-release", args=[encode("brk", brake.pk)]))
    brake.refresh_from_db()
    assert brake.released_at is not None
    assert [row.brake for row in analyst.get(reverse("console:monitoring")).context["released"]] == [brake]


def test_brake_is_not_released_at_once(analyst: Client) -> None:
    make_live_ruleset(make_rule("order.amount > 1", code="R-ALL"))
    analyst.post(reverse("console:brake-pull"), {"subject": "order", "rule_code": "R-ALL"})
    brake = Brake.objects.get(rule_code="R-ALL", cause=Brake.Cause.MANUAL)
    answer = analyst.post(reverse("console:brake-release", args=[encode("brk", brake.pk)]), follow=True)
    assert "at least 10 minutes" in answer.content.decode()
    assert Brake.objects.get(pk=brake.pk).released_at is None


def test_unknown_rule_is_not_braked(analyst: Client) -> None:
    answer = analyst.post(
        reverse("console:brake-pull"), {"subject": "order", "rule_code": "R-X"}, follow=True
    )
    assert "No live rule has this code." in answer.content.decode()
    assert analyst.post(reverse("console:brake-release", args=["brk_0000000000000"])).status_code == 404


def test_holds_are_counted_against_the_limit(analyst: Client) -> None:
    held_case()
    held_case()
    holds = {row.rule.code: row for row in analyst.get(reverse("console:monitoring")).context["holds"]}
    assert holds["R-DEAR"].last_hour == 2
    assert holds["R-DEAR"].limit == 250
    assert (holds["R-DEAR"].share.part, holds["R-DEAR"].share.whole) == (2, 2)
    assert not holds["R-DEAR"].is_braked


def test_braked_rule_is_not_offered_to_be_stopped_again(analyst: Client) -> None:
    make_live_ruleset(make_rule("order.amount > 1", code="R-ALL"))
    analyst.post(reverse("console:brake-pull"), {"subject": "order", "rule_code": "R-ALL"})
    page = analyst.get(reverse("console:monitoring"))
    assert [row.is_braked for row in page.context["holds"]] == [True]
    assert reverse("console:brake-pull") not in page.content.decode()


def test_days_show_time_and_failures(analyst: Client) -> None:
    case = held_case()
    Decision.objects.filter(pk=case.decision_id).update(
        latency_us={"facts": 1_500, "score": 500}, degraded=["score"], outcome="review"
    )
    (day,) = analyst.get(reverse("console:monitoring-decisions")).context["days"]
    assert (day.decisions, day.median_ms, day.p99_ms) == (1, 2.0, 2.0)
    assert day.degraded.part == 1


def test_parity_shows_the_latest_night_and_counts_overlaps_apart(analyst: Client) -> None:
    assert "Not measured yet" in analyst.get(reverse("console:parity")).content.decode()
    now = timezone.now()
    for night, mismatches in ((2, 0), (1, 3)):
        ParityRun.objects.create(
            since=now - timedelta(days=night + 1),
            until=now - timedelta(days=night),
            started_at=now,
            finished_at=now,
            events=1_000,
            features=76,
            mismatches=mismatches,
            overlapping=7,
            detail={
                "features": {"buyer_orders_24h_count": 3} if mismatches else {},
                "overlapping_features": {"device_cards_24h_distinct": 7},
                "examples": [],
            },
        )
    ParityRun.objects.create(since=now, until=now, started_at=now)  # still at work
    page = analyst.get(reverse("console:parity"))
    latest = page.context["latest"]
    assert (latest.run.mismatches, latest.values, latest.tone) == (3, 76_000, "bad")
    assert [(row.name, row.mismatches, row.overlapping) for row in latest.worst] == [
        ("buyer_orders_24h_count", 3, 0),
        ("device_cards_24h_distinct", 0, 7),
    ]
    assert len(page.context["nights"]) == 2


# ── Snoozes ──────────────────────────────────────────────────────────────────────────────────────
def new_snooze(case: ReviewCase, rule: str = "R-DEAR") -> str:
    assert case.decision_id is not None
    return f"{reverse('console:snooze-new')}?decision={encode('dec', case.decision_id)}&rule={rule}"


def test_rule_is_snoozed_for_a_party_of_a_decision_and_ended(analyst: Client) -> None:
    case = held_case()
    form = analyst.get(new_snooze(case)).context["form"]
    assert {value for value, _ in form.fields["entity"].choices} >= {"merchant", "buyer", "device"}
    posted = {"rule_code": "R-DEAR", "entity": "merchant", "days": "7", "reason": "A wholesaler"}
    analyst.post(new_snooze(case), posted)
    snooze = RuleSnooze.objects.get()
    assert case.decision is not None
    assert (snooze.rule_code, snooze.key) == ("R-DEAR", case.decision.merchant_id)
    again = analyst.post(new_snooze(case), posted)
    assert again.status_code == 422
    analyst.post(reverse("console:snooze-end", args=[encode("snz", snooze.pk)]))
    snooze.refresh_from_db()
    assert snooze.ended_at is not None
    assert analyst.get(reverse("console:snoozes")).context["rows"] == []
    assert len(analyst.get(reverse("console:snoozes"), {"tab": "over"}).context["rows"]) == 1


def test_snooze_needs_a_decision_that_is_there(analyst: Client) -> None:
    assert analyst.get(reverse("console:snooze-new")).status_code == 404


# ── A decision's page ────────────────────────────────────────────────────────────────────────────
def test_rule_without_effect_is_shown_with_its_reason(analyst: Client) -> None:
    case = held_case()
    decision = Decision.objects.get(pk=case.decision_id)
    decision.snapshot["evaluation"]["muted"] = {"R-DEAR": "snoozed"}
    decision.save(update_fields=["snapshot"])
    page = analyst.get(reverse("console:decision", args=[encode("dec", decision.pk)]))
    assert [finding.rule.code for finding, _ in page.context["signals"].muted] == ["R-DEAR"]
    assert "snoozed for one of the parties" in page.content.decode()


def test_decision_comes_out_the_same_from_its_row(analyst: Client) -> None:
    case = held_case()
    href = reverse("console:decision-replay", args=[encode("dec", case.decision_id)])
    assert "It comes out the same" in analyst.get(href).content.decode()
    Decision.objects.filter(pk=case.decision_id).update(outcome="decline")
    assert "It comes out otherwise" in analyst.get(href).content.decode()


def test_replay_tells_nothing_of_a_blind_case(analyst: Client) -> None:
    case = blind(held_case())
    href = reverse("console:decision-replay", args=[encode("dec", case.decision_id)])
    assert "Hidden until it is reviewed" in analyst.get(href).content.decode()
