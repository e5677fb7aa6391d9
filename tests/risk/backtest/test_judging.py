"""Judging columns gives what judging row by row gives."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.backtest.judging import JointJudge, choose_outcomes, gather, judge_rows
from risk.policy import Thresholds, choose_outcome
from risk.rules.engine import Effect, Mode, RuleDefinition, compile_ruleset, muted_by_schedule
from risk.rules.schema import Field, FieldType, Schema
from tests.make import NOON, make_rule

PATIENT = settings(deadline=None)
SCHEMA = Schema(
    "order",
    (
        Field("order.amount", FieldType.NUMBER),
        Field("order.country", FieldType.TEXT),
        Field("order.has_card", FieldType.BOOL),
    ),
)
CONDITIONS = (
    "order.amount > 100",
    "order.amount > 100 and not order.has_card",
    "order.country == 'CN' or order.amount < 5",
    "order.country != 'CN'",
    "order.has_card",
    "order.amount is missing",
)

FACTS = st.fixed_dictionaries(
    {
        "order.amount": st.sampled_from([None, 1.0, 100.0, 250.0, math.nan]),
        "order.country": st.sampled_from([None, "CN", "DE"]),
        "order.has_card": st.sampled_from([None, True, False]),
    }
)
MOMENTS = st.sampled_from([NOON, NOON + timedelta(microseconds=1), NOON + timedelta(days=3)])
ROWS = st.lists(
    st.tuples(FACTS, st.sampled_from([math.nan, 0.0, 0.3, 0.5, 0.8, 1.0]), st.booleans(), MOMENTS),
    max_size=12,
)


@st.composite
def rulesets(draw: st.DrawFn) -> list[RuleDefinition]:
    rules = []
    for number in range(draw(st.integers(0, 6))):
        effect = draw(st.sampled_from(Effect))
        rules.append(
            RuleDefinition(
                code=f"R-{number}",
                name="Rule",
                condition=draw(st.sampled_from(CONDITIONS)),
                effect=effect,
                points=draw(st.sampled_from([10, 30, 60])) if effect is Effect.POINTS else 0,
                reason_code="other",
                tag="tag",
                queue="queue",
                mode=draw(st.sampled_from([Mode.LIVE, Mode.LIVE, Mode.SHADOW, Mode.OFF])),
                starts_at=draw(st.sampled_from([None, NOON, NOON + timedelta(days=1)])),
                ends_at=draw(st.sampled_from([None, NOON + timedelta(days=2)])),
                rollout_percent=draw(st.sampled_from([100, 100, 50, 0])),
            )
        )
    return rules


THRESHOLDS = st.builds(
    Thresholds,
    review_at=st.sampled_from([0.0, 0.3]),
    decline_at=st.sampled_from([0.5, 0.8, 1.0]),
    points_review_at=st.sampled_from([10, 30]),
    points_decline_at=st.sampled_from([60, 100]),
    may_decline_on_score=st.booleans(),
)


@PATIENT
@given(rulesets(), ROWS, THRESHOLDS)
def test_columns_give_every_row_the_outcome_of_its_own_decision(
    rules: list[RuleDefinition],
    rows: list[tuple[dict[str, object], float, bool, datetime]],
    thresholds: Thresholds,
) -> None:
    ruleset = compile_ruleset(rules, SCHEMA)
    expected = []
    for number, (facts, score, degraded, at) in enumerate(rows):
        muted = muted_by_schedule(ruleset.scheduled, at=at, stable_key=str(number))
        evaluation = ruleset.evaluate(facts, muted=muted)
        expected.append(choose_outcome(evaluation, score, thresholds, degraded=degraded).kind.severity)

    types = {"order.amount": pl.Float64, "order.country": pl.String, "order.has_card": pl.Boolean}
    frame = pl.DataFrame([facts for facts, *_ in rows], schema=types, orient="row")
    microseconds = [(at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for *_, at in rows]
    (findings,) = JointJudge([ruleset]).judge(
        frame, at=np.array(microseconds, dtype=np.int64), stable_key=str
    )
    scores = np.array([score for _, score, _, _ in rows], dtype=np.float64)
    failed = np.array([flag for _, _, flag, _ in rows], dtype=np.bool_)
    judged = judge_rows(findings, scores, thresholds, failed)
    assert judged.outcomes.final.tolist() == expected


@PATIENT
@given(rulesets(), ROWS, THRESHOLDS, st.floats(0, 1), st.booleans())
def test_base_and_severest_foretell_every_score(
    rules: list[RuleDefinition],
    rows: list[tuple[dict[str, object], float, bool, datetime]],
    thresholds: Thresholds,
    other_score: float,
    degraded: bool,
) -> None:
    """With them, thresholds can be tried without judging again."""
    plain = [replace(rule, starts_at=None, ends_at=None, rollout_percent=100) for rule in rules]
    ruleset = compile_ruleset(plain, SCHEMA)
    for facts, *_ in rows:
        evaluation = ruleset.evaluate(facts)
        frame = pl.DataFrame([facts], schema_overrides={"order.amount": pl.Float64}, strict=False)
        (findings,) = JointJudge([ruleset]).judge(frame, at=np.zeros(1, dtype=np.int64), stable_key=str)
        found = choose_outcomes(
            gather(findings, 1), np.array([0.4]), thresholds, degraded=np.array([degraded])
        )
        band = int(other_score >= thresholds.review_at) + int(other_score >= thresholds.decline_at)
        foretold = max(int(found.base[0]), min(int(found.severest[0]), band))
        decided = choose_outcome(evaluation, other_score, thresholds, degraded=degraded)
        assert foretold == decided.kind.severity


def test_a_condition_that_rulesets_share_is_computed_once() -> None:
    shared = make_rule("order.amount > 100", code="R-1")
    first = compile_ruleset([shared], SCHEMA)
    second = compile_ruleset([replace(shared, effect=Effect.DECLINE), make_rule("order.has_card")], SCHEMA)
    judge = JointJudge([first, second])
    assert len(judge._judge.expressions) == 2
    frame = pl.DataFrame({"order.amount": [1.0, 200.0, None], "order.has_card": [True, None, False]})
    mine, theirs = judge.judge(frame, at=np.zeros(3, dtype=np.int64), stable_key=str)
    assert [finding.hits.tolist() for finding in mine] == [[1]]
    assert [finding.hits.tolist() for finding in theirs] == [[1], [0]]
    assert [finding.missing for finding in theirs] == [1, 1]


@pytest.mark.parametrize("height", [0, 3])
def test_a_ruleset_without_rules_finds_nothing(height: int) -> None:
    empty = compile_ruleset([], SCHEMA)
    frame = pl.DataFrame({"order.amount": [1.0] * height}, schema={"order.amount": pl.Float64})
    (findings,) = JointJudge([empty]).judge(frame, at=np.zeros(height, dtype=np.int64), stable_key=str)
    assert findings == ()
