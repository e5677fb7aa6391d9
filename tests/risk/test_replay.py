"""Replaying: the same comes out of a stored row whatever changed since, and a touched row is found."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.services import begin_screening
from core.actors import SYSTEM
from core.ids import moment_of
from intake.pipeline import submit_application
from merchants.models import MerchantApplication
from orders.placing import Signals
from risk.decide import decide_application, decide_order, decide_revision
from risk.facts import orders as order_facts
from risk.models import Decision, ModelVersion, Rule, RuleSet
from risk.replay import Archive, Difference, Unreplayable, count_decisions, find_differences, redecide, replay
from risk.rules.engine import Effect, Mode
from tests.make import NOON, make_application, make_live_ruleset, make_order, make_revision, make_rule
from tests.risk.guards import unguarded
from tests.risk.versions import alter, make_linear_model, make_model, make_tree_model

pytestmark = pytest.mark.django_db

RULES = (
    make_rule("device_orders_24h_count >= 2", Effect.POINTS, points=40, reason_code="velocity_device"),
    make_rule("order.amount > 1000", Effect.REVIEW, reason_code="amount_unusual", queue="high_value"),
    make_rule("order.amount > 4000 and order.has_card", Effect.DECLINE, reason_code="bad_history"),
    make_rule("order.has_card == false", mode=Mode.SHADOW),
    make_rule("buyer_account_age_hours < 24 and order.amount > 300", Effect.TAG, tag="new_buyer"),
)


def decide_everything() -> None:
    """Leave decisions of every subject and outcome, made by rules and models."""
    make_live_ruleset(*RULES, review_share=0.5)
    make_tree_model(("order_amount_minor", "device_orders_24h_count", "buyer_account_age_hours"))
    for minute in range(4):
        make_order(at=NOON - timedelta(minutes=minute + 1))
    for fields in (
        {"total": "0.05", "signals": Signals()},
        {"total": "2500.10"},
        {"total": "9000.00"},
        {"signals": Signals(buyer="b", card="c")},
        {"buyer_signed_up_at": NOON - timedelta(minutes=17), "total": "312.00"},
    ):
        decide_order(make_order(**fields), as_of=NOON)
    make_live_ruleset(make_rule("price_to_median > 0 or listing.is_new", Effect.REVIEW), subject="listing")
    make_linear_model({}, subject="listing")
    revision = make_revision(submitted=True)
    begin_screening(revision)
    decide_revision(revision, as_of=NOON)
    make_live_ruleset(make_rule("application.country == 'CN'", Effect.REVIEW), subject="application")
    make_linear_model({}, subject="application")
    application = make_application()
    submit_application(application, actor=SYSTEM, at=NOON, wait=False)
    decide_application(MerchantApplication.objects.get(pk=application.pk), as_of=NOON)


def stored_decision(**fields: Any) -> Decision:
    return Decision.objects.get(pk=decide_order(make_order(**fields), as_of=NOON).pk)


def differences_of(decision: Decision) -> tuple[Difference, ...]:
    return find_differences(decision, Archive())


def change_everything_since() -> None:
    """Replace rules and models by others that would decide otherwise, and bring more history."""
    for subject in ("order", "listing", "application"):
        ModelVersion.objects.filter(subject=subject).update(status="retired")
        make_model(subject, probability=0.97)
        make_live_ruleset(make_rule("1 == 1", Effect.DECLINE), subject=subject)
    for _ in range(5):
        make_order()


def test_nothing_differs_after_rules_models_and_history_have_changed() -> None:
    decide_everything()
    assert {decision.outcome for decision in Decision.objects.all()} == {"approve", "review", "decline"}
    change_everything_since()
    report = replay()
    assert (report.replayed, report.differing, dict(report.skipped)) == (7, 0, {})
    assert report.is_clean


def test_a_replay_is_of_what_was_seen_not_of_what_lists_say_now() -> None:
    make_live_ruleset(make_rule("order.has_device", Effect.DECLINE))
    make_model()
    decision = stored_decision()
    for answer, expected in ((True, "decline"), (False, "approve")):
        decision.snapshot["probes"] = {"order.has_device": answer}
        replayed = redecide(decision, Archive().ruleset_of(decision), Archive().model_of(decision))
        assert replayed.outcome.kind == expected


def test_a_muted_rule_is_recorded_and_stays_without_effect() -> None:
    rule = make_rule("order.amount > 1", Effect.DECLINE, queue="q", tag="t")
    make_live_ruleset(rule)
    make_model()
    decision = stored_decision()
    assert decision.outcome == "decline"
    decision.snapshot["evaluation"]["muted"] = {rule.code: "snoozed"}
    decision.outcome, decision.reason_codes, decision.queue_code, decision.tags = "approve", [], "", []
    assert differences_of(decision) == ()


@pytest.mark.parametrize("missing", ["probes", "review_share", "values"])
def test_a_key_that_an_older_row_lacks_is_empty(missing: str) -> None:
    make_live_ruleset(make_rule("device_orders_24h_count >= 0", Effect.REVIEW))
    decision = stored_decision()
    decision.snapshot.pop(missing, None)
    assert differences_of(decision) == ()


class TestWhatHadFailed:
    def test_a_score_that_failed_stays_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(*RULES)
        make_model()
        monkeypatch.setattr("risk.scoring.LiveModel.score", _fall_over)
        decision = stored_decision()
        monkeypatch.undo()
        assert decision.degraded == ["score"]
        assert differences_of(decision) == ()

    def test_a_source_that_failed_stays_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset()
        make_model()
        gather = order_facts.gather
        failing = lambda order, **kwargs: replace(gather(order, **kwargs), failed=("lists",))  # noqa: E731
        monkeypatch.setattr(order_facts, "gather", failing)
        decision = stored_decision()
        assert decision.degraded == ["lists"]
        assert differences_of(decision) == ()

    def test_a_fact_that_did_not_fit_stays_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(make_rule("order.amount > 1000"), make_rule("order.has_card"))
        make_model()
        gather = order_facts.gather

        def misfit(order: Any, **when: Any) -> Any:
            facts = gather(order, **when)
            return replace(facts, values={**facts.values, "order.amount": "a lot"})

        monkeypatch.setattr(order_facts, "gather", misfit)
        decision = stored_decision()
        assert decision.degraded == ["rules"]
        assert differences_of(decision) == ()

    def test_a_rule_that_raised_stays_without_a_result(self) -> None:
        rule = make_rule("order.amount > 1", Effect.DECLINE)
        make_live_ruleset(rule)
        make_model()
        decision = stored_decision()
        evaluation = decision.snapshot["evaluation"]
        evaluation["results"][rule.code] = None
        evaluation["failed_rules"][rule.code] = "RuntimeError"
        decision.outcome, decision.reason_codes, decision.degraded = "review", ["degraded"], ["rules"]
        assert differences_of(decision) == ()

    def test_without_a_ruleset_it_is_reviewed_again(self) -> None:
        make_model()
        decision = stored_decision()
        assert decision.degraded == ["ruleset"]
        assert differences_of(decision) == ()


class TestTampering:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("outcome", "decline"),
            ("score", 0.011),
            ("points", 41),
            ("reason_codes", []),
            ("queue_code", "elsewhere"),
            ("tags", ["trusted"]),
            ("is_sampled", True),
            ("degraded", ["rules"]),
            ("ruleset_hash", "0" * 64),
            ("model_hash", "0" * 64),
        ],
    )
    def test_a_touched_field_is_found_and_named(self, field: str, value: object) -> None:
        make_live_ruleset(*RULES)
        make_model()
        decision = stored_decision(total="2500.10")
        Decision.objects.update(**{field: value})
        report = replay()
        assert (report.differing, report.examples[0][0]) == (1, decision.pk)
        assert report.kinds[field] == 1

    def test_a_touched_rule_result_is_found_and_named(self) -> None:
        make_live_ruleset(*RULES)
        decision = stored_decision()
        decision.snapshot["evaluation"]["results"][RULES[1].code] = True
        assert differences_of(decision) == (Difference("rule", RULES[1].code, True, False),)

    def test_a_touched_input_is_found_by_what_it_would_have_done(self) -> None:
        make_live_ruleset(*RULES)
        make_model()
        decision = stored_decision(total="2500.10")
        decision.snapshot["values"]["order.amount"] = 12.5
        assert {difference.kind for difference in differences_of(decision)} >= {"outcome", "rule"}

    def test_a_rule_changed_behind_its_rulesets_back_is_found(self) -> None:
        ruleset = make_live_ruleset(*RULES)
        decision = stored_decision()
        with unguarded("risk_rule"):
            Rule.objects.filter(ruleset=ruleset, code=RULES[1].code).update(condition="order.amount > 5")
        assert {"ruleset_hash", "rule"} <= {difference.kind for difference in differences_of(decision)}

    def test_an_altered_model_file_is_no_match(self) -> None:
        make_live_ruleset(*RULES)
        model = make_linear_model({})
        decision = stored_decision()
        alter(model)
        with pytest.raises(Unreplayable) as refusal:
            differences_of(decision)
        assert refusal.value.code == "model"
        report = replay()
        assert (report.replayed, dict(report.skipped), report.is_clean) == (0, {"model": 1}, False)

    def test_a_ruleset_that_is_gone_is_no_match(self) -> None:
        decision = stored_decision()
        Decision.objects.update(ruleset_id=1)
        assert not RuleSet.objects.filter(pk=1).exists()
        report = replay(ids=[decision.pk])
        assert (dict(report.skipped), report.is_clean) == ({"ruleset": 1}, False)


def test_inputs_of_another_version_are_left_out_and_counted() -> None:
    make_live_ruleset()
    stored_decision()
    Decision.objects.update(feature_hash="0" * 64)
    report = replay()
    assert (report.replayed, dict(report.skipped), report.is_clean) == (0, {"inputs": 1}, True)


def test_another_version_of_the_code_is_told_and_no_difference() -> None:
    make_live_ruleset()
    stored_decision()
    Decision.objects.update(code_version="older")
    report = replay()
    assert (report.differing, dict(report.other_versions)) == (0, {"older": 1})


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (lambda first, last: {"subject": "listing"}, 0),
        (lambda first, last: {"subject": "order"}, 5),
        (lambda first, last: {"limit": 3}, 3),
        (lambda first, last: {"limit": 0}, 0),
        (lambda first, last: {"since": moment_of(first) + timedelta(days=1)}, 0),
        (lambda first, last: {"until": moment_of(first)}, 0),
        (lambda first, last: {"since": moment_of(first), "until": moment_of(last) + timedelta(days=1)}, 5),
    ],
    ids=["other subject", "subject", "limit", "none", "later", "earlier", "period"],
)
def test_a_period_a_subject_or_a_number_may_be_chosen(
    which: Callable[[int, int], dict[str, Any]], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risk.replay.CHUNK_ROWS", 2)
    make_live_ruleset()
    ids = [stored_decision().pk for _ in range(5)]
    chosen, seen = which(ids[0], ids[-1]), list[int]()
    assert replay(**chosen, progress=seen.append).replayed == expected
    assert seen == [done for done in (2, 4, 5) if done < expected] + ([expected] if expected else [])
    nothing: dict[str, Any] = {"since": None, "until": None, "subject": None, "limit": None}
    assert count_decisions(**{**nothing, **chosen}) == expected


class TestCommand:
    def test_it_says_how_many_were_replayed(self) -> None:
        make_live_ruleset()
        stored_decision()
        out = StringIO()
        call_command("replay", stdout=out)
        assert "1 decisions replayed, 0 differ." in out.getvalue()

    def test_it_fails_on_a_difference_and_names_it(self) -> None:
        make_live_ruleset(*RULES)
        decision = stored_decision()
        Decision.objects.update(points=7)
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("replay", "--subject", "order", stdout=out)
        assert f"decision {decision.pk}" in out.getvalue()
        assert "points: stored 7, now 0" in out.getvalue()

    def test_its_json_holds_the_whole_report(self) -> None:
        make_live_ruleset(*RULES)
        decision = stored_decision()
        Decision.objects.update(points=7)
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("replay", "--json", "--since", "2020-01-01", stdout=out)
        report = json.loads(out.getvalue())
        assert (report["replayed"], report["differing"], report["kinds"]) == (1, 1, {"points": 1})
        assert report["examples"] == [
            {
                "decision": decision.pk,
                "differences": [{"kind": "points", "name": "points", "stored": 7, "replayed": 0}],
            }
        ]


def _fall_over(*args: object, **kwargs: object) -> float:
    raise RuntimeError("the model fell over")
