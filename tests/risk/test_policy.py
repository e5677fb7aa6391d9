"""The policy as a table of precedence, and its two promises as properties."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.policy import Outcome, OutcomeKind, Thresholds, choose_outcome
from risk.rules.engine import Effect, Evaluation, RuleDefinition, compile_ruleset
from risk.rules.schema import Field, FieldType, Schema

APPROVE, REVIEW, DECLINE = OutcomeKind
THRESHOLDS = Thresholds(review_at=0.3, decline_at=0.8, points_review_at=50, points_decline_at=100)
APPLICATIONS = replace(THRESHOLDS, may_decline_on_score=False)

# A busy machine may stop any example for longer than the default deadline.
PATIENT = settings(deadline=None)

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9


def make_rule(effect: Effect, reason_code: str | None = None, **fields: Any) -> RuleDefinition:
    fields.setdefault("points", 10 if effect is Effect.POINTS else 0)
    return RuleDefinition(
        code=fields.pop("code", f"R-{effect}"),
        name="A rule",
        condition="true",
        effect=effect,
        reason_code=reason_code or f"{effect}_rule",
        tag="tag",
        queue="queue",
        **fields,
    )


def make_evaluation(*hits: RuleDefinition, failed: bool = False) -> Evaluation:
    return Evaluation(
        ruleset_hash="0" * 64,
        results={rule.code: True for rule in hits},
        hits=hits,
        failed_rules={"R-X": "TypeError"} if failed else {},
        misfit_facts={},
    )


def points(amount: int, reason_code: str = "points_rule") -> RuleDefinition:
    return make_rule(Effect.POINTS, reason_code, points=amount, code=f"R-{reason_code}")


FORCED_APPROVE, FORCED_REVIEW, FORCED_DECLINE = (
    make_rule(effect) for effect in (Effect.APPROVE, Effect.REVIEW, Effect.DECLINE)
)


@pytest.mark.parametrize(
    ("hits", "score", "degraded", "kind", "reasons"),
    [
        pytest.param([], LOW, False, APPROVE, [], id="nothing speaks against it"),
        pytest.param([], MIDDLE, False, REVIEW, ["score_elevated"], id="elevated score"),
        pytest.param([], HIGH, False, DECLINE, ["score_high"], id="high score"),
        pytest.param([], 0.3, False, REVIEW, ["score_elevated"], id="score at the review threshold"),
        pytest.param([], 0.8, False, DECLINE, ["score_high"], id="score at the decline threshold"),
        pytest.param([], None, False, REVIEW, ["no_score"], id="no score"),
        pytest.param([], math.nan, False, REVIEW, ["no_score"], id="a score of NaN is no score"),
        pytest.param([points(49)], LOW, False, APPROVE, [], id="few points"),
        pytest.param([points(50)], LOW, False, REVIEW, ["points_rule"], id="points at the review threshold"),
        pytest.param(
            [points(100)], LOW, False, DECLINE, ["points_rule"], id="points at the decline threshold"
        ),
        pytest.param(
            [points(40, "light"), points(60, "heavy")],
            LOW,
            False,
            DECLINE,
            ["heavy", "light"],
            id="points add up",
        ),
        pytest.param(
            [points(60)], HIGH, False, DECLINE, ["score_high", "points_rule"], id="most severe reason first"
        ),
        pytest.param([FORCED_APPROVE], HIGH, False, APPROVE, ["approve_rule"], id="approve outranks score"),
        pytest.param(
            [FORCED_APPROVE, points(100)], LOW, False, APPROVE, ["approve_rule"], id="approve outranks points"
        ),
        pytest.param([FORCED_APPROVE], None, False, REVIEW, ["no_score"], id="no score outranks approve"),
        pytest.param([FORCED_APPROVE], LOW, True, REVIEW, ["degraded"], id="degraded outranks approve"),
        pytest.param(
            [FORCED_APPROVE, FORCED_REVIEW],
            HIGH,
            False,
            REVIEW,
            ["review_rule"],
            id="review outranks approve",
        ),
        pytest.param([FORCED_REVIEW], LOW, False, REVIEW, ["review_rule"], id="review outranks a low score"),
        pytest.param(
            [FORCED_REVIEW],
            HIGH,
            False,
            DECLINE,
            ["score_high", "review_rule"],
            id="review does not soften a high score",
        ),
        pytest.param(
            [FORCED_APPROVE, FORCED_REVIEW, FORCED_DECLINE],
            LOW,
            False,
            DECLINE,
            ["decline_rule", "review_rule"],
            id="decline outranks everything",
        ),
        pytest.param(
            [FORCED_DECLINE],
            None,
            True,
            DECLINE,
            ["decline_rule", "degraded", "no_score"],
            id="even degraded",
        ),
        pytest.param([], HIGH, True, REVIEW, ["degraded", "score_high"], id="degraded is held for a person"),
        pytest.param(
            [points(100)], None, False, DECLINE, ["points_rule", "no_score"], id="points need no score"
        ),
    ],
)
def test_precedence(
    hits: list[RuleDefinition], score: float | None, degraded: bool, kind: OutcomeKind, reasons: list[str]
) -> None:
    outcome = choose_outcome(make_evaluation(*hits), score, THRESHOLDS, degraded=degraded)
    assert outcome == Outcome(kind, tuple(reasons))


def test_a_failed_rule_degrades_the_decision() -> None:
    outcome = choose_outcome(make_evaluation(FORCED_APPROVE, failed=True), LOW, THRESHOLDS)
    assert outcome == Outcome(REVIEW, ("degraded",))


@pytest.mark.parametrize(("hits", "reason"), [([], "score_high"), ([points(500)], "points_rule")])
def test_an_application_is_never_rejected_on_score_or_points(hits: list[RuleDefinition], reason: str) -> None:
    outcome = choose_outcome(make_evaluation(*hits), HIGH, APPLICATIONS)
    assert outcome.kind is REVIEW
    assert reason in outcome.reasons


def test_an_application_is_rejected_by_a_rule_that_forces_it() -> None:
    assert choose_outcome(make_evaluation(FORCED_DECLINE), LOW, APPLICATIONS).kind is DECLINE


rules = st.builds(
    make_rule, st.sampled_from([effect for effect in Effect if effect is not Effect.POINTS])
) | st.builds(points, st.integers(1, 120), st.sampled_from(["light", "heavy"]))
hits = st.lists(rules, max_size=5)
risk_signals = rules.filter(lambda rule: rule.effect is not Effect.APPROVE)
scores = st.none() | st.floats(0, 1)
policies = st.sampled_from([THRESHOLDS, APPLICATIONS])


@PATIENT
@given(hits, risk_signals, scores, policies, st.booleans())
def test_another_risk_signal_never_lowers_severity(
    before: list[RuleDefinition],
    signal: RuleDefinition,
    score: float | None,
    policy: Thresholds,
    degraded: bool,
) -> None:
    mild = choose_outcome(make_evaluation(*before), score, policy, degraded=degraded)
    severe = choose_outcome(make_evaluation(*before, signal), score, policy, degraded=degraded)
    assert severe.kind.severity >= mild.kind.severity


@PATIENT
@given(hits, st.floats(0, 1), st.floats(0, 1), policies, st.booleans())
def test_a_higher_score_never_lowers_severity(
    found: list[RuleDefinition], one: float, other: float, policy: Thresholds, degraded: bool
) -> None:
    low, high = sorted((one, other))
    mild = choose_outcome(make_evaluation(*found), low, policy, degraded=degraded)
    severe = choose_outcome(make_evaluation(*found), high, policy, degraded=degraded)
    assert severe.kind.severity >= mild.kind.severity


@PATIENT
@given(hits, scores, policies)
def test_a_degraded_decision_is_never_approved(
    found: list[RuleDefinition], score: float | None, policy: Thresholds
) -> None:
    assert choose_outcome(make_evaluation(*found), score, policy, degraded=True).kind is not APPROVE
    assert choose_outcome(make_evaluation(*found, failed=True), score, policy).kind is not APPROVE


@PATIENT
@given(hits, policies, st.booleans())
def test_a_missing_score_is_never_approved(
    found: list[RuleDefinition], policy: Thresholds, degraded: bool
) -> None:
    outcome = choose_outcome(make_evaluation(*found), None, policy, degraded=degraded)
    assert outcome.kind is not APPROVE
    assert "no_score" in outcome.reasons


@PATIENT
@given(hits, scores, policies, st.booleans())
def test_whatever_is_not_approved_has_a_reason(
    found: list[RuleDefinition], score: float | None, policy: Thresholds, degraded: bool
) -> None:
    outcome = choose_outcome(make_evaluation(*found), score, policy, degraded=degraded)
    assert outcome.kind is APPROVE or outcome.reasons


def test_the_outcome_can_be_chosen_again_from_a_stored_snapshot() -> None:
    schema = Schema("order", (Field("order.amount", FieldType.NUMBER),))
    rule = replace(make_rule(Effect.REVIEW), condition="order.amount > 5")
    ruleset = compile_ruleset([rule], schema)
    stored = json.dumps(ruleset.evaluate({"order.amount": 10}).snapshot())
    outcome = choose_outcome(ruleset.restore(json.loads(stored)), LOW, THRESHOLDS)
    assert outcome == Outcome(REVIEW, ("review_rule",))


@pytest.mark.parametrize(
    "fields",
    [
        {"review_at": 0.8},
        {"review_at": -0.1},
        {"decline_at": 1.1},
        {"decline_at": math.nan},
        {"points_review_at": 100},
        {"points_review_at": 0},
    ],
    ids=str,
)
def test_thresholds_stand_in_order(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Thresholds on"):
        replace(THRESHOLDS, **fields)
