"""Listings and applications are backtested like orders, decided or not; lists answer as they stand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Role
from cases.services import ensure_default_queues
from core.actors import SYSTEM
from core.fingerprints import fingerprint
from core.refs import Ref
from intake import pipeline
from risk import live
from risk.backtest import other_rows, services
from risk.facts import applications, listings
from risk.list_files import NewEntry
from risk.models import AccountScore, Decision, EntityList, LabelSource
from risk.policy import Thresholds, choose_outcome
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import LiveRuleset, Policy, compile_rows
from risk.services import create_draft, record_label
from risk.services.lists import add_entries, create_list
from tests.make import (
    NOON,
    make_application,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_revision,
    make_rule,
    make_user,
)
from tests.risk.backtest.histories import UNTIL, make_history

pytestmark = pytest.mark.django_db
THRESHOLDS = Thresholds(review_at=0.3, decline_at=0.8, points_review_at=30, points_decline_at=100)


def run(subject: str, *rules: RuleDefinition, **fields: Any) -> Any:
    author = make_user(Role.RISK_ANALYST)
    draft = create_draft(subject, "Tried", rules=rules, policy=Policy(THRESHOLDS), author=author)
    fields = {"since": NOON, "until": UNTIL, "requested_by": None, "at": UNTIL, **fields}
    return services.run_now(draft, **fields)


def days(number: int) -> datetime:
    return NOON + timedelta(days=number, hours=1)


def make_revisions() -> list[Any]:
    merchants = [make_merchant(country=country) for country in ("CN", "DE")]
    made = []
    for number in range(12):
        revision = make_revision(
            merchants[number % 2], at=days(number), price_minor=9_900 if number % 3 else 990_000
        )
        pipeline.submit_revision(revision, actor=SYSTEM, at=days(number), wait=number % 4 != 0)
        revision.refresh_from_db()
        made.append(revision)
        if number % 5:
            say(Ref("listing", revision.pk), is_bad=number % 2 == 0, at=days(number))
    return made


def make_applications() -> list[Any]:
    made = []
    for number in range(8):
        application = make_application(country="CN", entity_type="company" if number % 2 else "sole_trader")
        pipeline.submit_application(application, actor=SYSTEM, at=days(number), wait=number % 3 != 0)
        application.refresh_from_db()
        made.append(application)
        say(Ref("application", application.pk), is_bad=number % 4 == 0, at=days(number))
    return made


def say(subject: Ref, *, is_bad: bool, at: datetime) -> None:
    record_label(subject, is_bad=is_bad, source=LabelSource.VERDICT, occurred_at=at, known_at=at)


LISTING_RULES = (
    make_rule("listing.price > 1000", Effect.POINTS, code="L-1", points=40),
    make_rule("price_to_median > 20 or title_length > 1000", Effect.DECLINE, code="L-2"),
    make_rule("merchant_submitted_24h_count >= 1", Effect.REVIEW, code="L-3"),
    make_rule("listing.merchant_country == 'DE' and listing.is_new", Effect.REVIEW, code="L-4"),
)
APPLICATION_RULES = (
    make_rule("application.entity_type == 'company' and hours_since_signup < 10", Effect.REVIEW, code="A-1"),
    make_rule("application.attempt >= 3", Effect.DECLINE, code="A-2"),
    make_rule("is_sole_trader == 1", Effect.POINTS, code="A-3", points=150),
)


@pytest.mark.parametrize(
    ("subject", "make", "gather", "rules"),
    [
        pytest.param("listing", make_revisions, listings.gather, LISTING_RULES, id="listings"),
        pytest.param(
            "application", make_applications, applications.gather, APPLICATION_RULES, id="applications"
        ),
    ],
)
def test_every_row_gets_the_outcome_of_its_own_decision(
    subject: str,
    make: Callable[[], list[Any]],
    gather: Callable[..., Any],
    rules: tuple[RuleDefinition, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ensure_default_queues()
    make_model(subject, probability=0.1)
    make_live_ruleset(subject=subject)
    rows = make()
    monkeypatch.setattr(other_rows, "PART_ROWS", 5)
    backtest = run(subject, *rules)
    assert backtest.status == "finished", backtest.message
    expected = [_outcome(compile_rows(backtest.ruleset), subject, row, gather) for row in rows]

    result = backtest.result
    decided = Decision.objects.filter(subject_kind=subject).count()
    assert 0 < decided < len(rows)
    assert result["data"]["rows"] == len(rows)
    assert result["data"]["stored_inputs"] == decided
    assert result["data"]["recomputed_inputs"] == len(rows) - decided
    found = {name: result["candidate"][name]["count"] for name in ("approved", "reviewed", "declined")}
    assert found == {
        "approved": expected.count("approve"),
        "reviewed": expected.count("review"),
        "declined": expected.count("decline"),
    }
    assert len(set(expected)) > 1
    assert result["data"]["parts"] > 1
    assert {"country", "category"} <= set(result["segments"])
    assert sum(one["rows"] for one in result["segments"]["country"]) == len(rows)


def _outcome(ruleset: LiveRuleset, subject: str, row: Any, gather: Callable[..., Any]) -> str:
    champion = live.find_champion(subject)
    assert champion is not None
    facts = gather(row, as_of=row.known_at)
    values = dict(facts.values)
    decision = Decision.objects.filter(subject_kind=subject, subject_id=row.pk).order_by("id").first()
    if decision is not None:
        # What was live afterwards is not what the decision saw.
        values |= decision.snapshot["values"]
    evaluation = ruleset.rules.evaluate(values)
    score = champion.score(facts.vector, facts.feature_hash)
    return choose_outcome(evaluation, score, ruleset.policy.thresholds).kind.value


def test_lists_answer_as_they_stand_now() -> None:
    make_model(probability=0.01)
    orders = make_history(30)
    author = make_user(Role.RISK_ANALYST)
    blocked = create_list("blocked_devices", "Blocked devices", kind="device", author=author)
    rule = make_rule("order.device in list('blocked_devices')", Effect.DECLINE, code="R-1")
    assert run("order", rule).result["candidate"]["declined"]["count"] == 0

    add_entries(blocked, [NewEntry("device-1")], author=author)
    declined = [order for order in orders if order.device_key == fingerprint("device", "device-1")]
    with_entry = run("order", rule).result
    assert with_entry["candidate"]["declined"]["count"] == len(declined) > 0
    assert with_entry["rules"][0]["missing"] == sum(order.device_key is None for order in orders)

    # A list that cannot be asked degrades a decision, and a degraded decision is never approved.
    EntityList.objects.update(archived_at=NOON)
    live.forget()
    without = run("order", rule).result
    assert without["candidate"]["reviewed"]["count"] == len(orders)


def test_a_merchant_account_counts_once_as_it_stood_at_the_end() -> None:
    merchants = [make_merchant(country=country) for country in ("CN", "DE", "FR")]
    for merchant, scores in zip(merchants, ((0.1, 0.9), (0.7,), ()), strict=True):
        for number, score in enumerate(scores):
            parts = {"known": 100, "bad": int(100 * score), "pending": 0, "expected": 0.0}
            AccountScore.objects.create(
                merchant=merchant, score=score, band="low", as_of=days(number), parts=parts
            )
    say(Ref("merchant", merchants[0].pk), is_bad=True, at=days(3))
    backtest = run("merchant", make_rule("bad_orders_60d_share >= 0.9", Effect.DECLINE, code="M-1"))
    result = backtest.result
    assert backtest.status == "finished", backtest.message
    # Two were scored in the period: the first by a rule, the second by the account score it carries.
    assert (result["data"]["rows"], result["data"]["bad"], result["data"]["computed_scores"]) == (2, 1, 2)
    assert result["candidate"]["declined"]["count"] == 1
    assert result["candidate"]["reviewed"]["count"] == 1
    assert [one["value"] for one in result["segments"]["country"]] == ["CN", "DE"]
