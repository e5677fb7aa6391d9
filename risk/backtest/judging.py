"""Judge many rows at once, as one decision would be judged: rules to findings, findings to outcomes.

`choose_outcomes` is the policy of `risk.policy.choose_outcome` on columns; the tests hold one
against the other. Rules count as they would had this ruleset been live when each row was known:
dates and rollouts apply, snoozes and brakes do not, and lists answer as they stand now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from risk.policy import Thresholds
from risk.rules.columnar import ColumnJudge, compile_columns
from risk.rules.engine import CompiledRuleset, Effect, Mode, RuleDefinition
from risk.rules.expression import Expression
from risk.rules.tree import Node

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

APPROVE, REVIEW, DECLINE = range(3)  # severities, as `OutcomeKind.severity` counts them
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# What keeps a row on one side of a rollout, computed only for the rows that ask.
StableKeys: TypeAlias = Callable[[int], str]


@dataclass(frozen=True, eq=False)
class Findings:
    """What the rules that have effect found, every array (n,)."""

    declines: Flags
    reviews: Flags
    approves: Flags
    points: Ints


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Severities per row, every array (n,).

    final       the outcome
    base        what rules and failures alone give
    severest    what the score may raise it to: 0 where it has no say
    """

    final: Bytes
    base: Bytes
    severest: Bytes


@dataclass(frozen=True, eq=False)
class RuleFinding:
    """One rule over the rows.

    hits       rows on which its condition is true, ascending, muted ones included; the same array for
               every rule that has this condition
    missing    number of rows on which an input was missing
    muted      those of `hits` that had no effect for their date or share
    """

    rule: RuleDefinition
    hits: Ints
    missing: int
    muted: Ints

    @property
    def effective(self) -> Ints:
        """Hits that had a say; none of a shadow rule."""
        if self.rule.mode is not Mode.LIVE:
            return self.hits[:0]
        return np.setdiff1d(self.hits, self.muted, assume_unique=True) if len(self.muted) else self.hits


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """A ruleset's answer to some rows."""

    findings: tuple[RuleFinding, ...]
    outcomes: Outcomes


class JointJudge:
    """Several rulesets over the same frame; a condition that they share is computed once."""

    def __init__(self, rulesets: Sequence[CompiledRuleset]) -> None:
        names: dict[Node, str] = {}
        expressions: dict[str, Expression] = {}
        self._columns: list[dict[str, str]] = []
        for ruleset in rulesets:
            own: dict[str, str] = {}
            for code, expression in ruleset.columns.expressions.items():
                name = names.setdefault(expression.root, f"c{len(names)}")
                expressions.setdefault(name, expression)
                own[code] = name
            self._columns.append(own)
        self.rulesets = tuple(rulesets)
        self.probes = tuple(dict.fromkeys(probe for ruleset in rulesets for probe in ruleset.probes))
        self._judge: ColumnJudge = compile_columns(expressions)

    def judge(
        self,
        frame: pl.DataFrame,
        *,
        at: Ints,
        stable_key: StableKeys,
    ) -> list[tuple[RuleFinding, ...]]:
        """Return each ruleset's findings, its live rules and those in shadow in ruleset order.

        frame    one column per field and probe, as `ColumnJudge.judge` takes it
        at       (n,) when each row was known, microseconds since the epoch: what schedules go by
        """
        if not frame.height or not self._judge.expressions:
            nothing = np.empty(0, dtype=np.int64)
            found = {name: (nothing, 0) for own in self._columns for name in own.values()}
        else:
            judged = self._judge.judge(frame)
            hits = judged.select(pl.all().arg_true().implode())  # in one call, and so on every core
            found = {
                column.name: (rows.item().cast(pl.Int64).to_numpy(), column.null_count())
                for column, rows in zip(judged, hits, strict=True)
            }
        return [
            tuple(
                _finding(rule, *found[columns[rule.code]], at, stable_key)
                for rule in ruleset.rules
                if rule.code in columns
            )
            for ruleset, columns in zip(self.rulesets, self._columns, strict=True)
        ]


def judge_rows(
    findings: Sequence[RuleFinding], scores: Floats, thresholds: Thresholds, degraded: Flags
) -> JudgedRows:
    """Return what these findings come to under a policy; see `choose_outcomes`."""
    gathered = gather(findings, len(scores))
    return JudgedRows(tuple(findings), choose_outcomes(gathered, scores, thresholds, degraded=degraded))


def gather(findings: Sequence[RuleFinding], n: int) -> Findings:
    """Join what the rules found, n rows."""
    forced: Mapping[Effect, Flags] = {
        effect: np.zeros(n, dtype=np.bool_) for effect in (Effect.DECLINE, Effect.REVIEW, Effect.APPROVE)
    }
    points = np.zeros(n, dtype=np.int64)
    for finding in findings:
        effect = finding.rule.effect
        if effect in forced:
            forced[effect][finding.effective] = True
        elif effect is Effect.POINTS:
            points[finding.effective] += finding.rule.points
    return Findings(forced[Effect.DECLINE], forced[Effect.REVIEW], forced[Effect.APPROVE], points)


def choose_outcomes(
    findings: Findings, scores: Floats, thresholds: Thresholds, *, degraded: Flags
) -> Outcomes:
    """Return (n,) severities by the rules of `risk.policy.choose_outcome`.

    scores      calibrated probability of bad, 0–1; NaN is no score
    degraded    whether something outside the rules failed
    """
    has_score = ~np.isnan(scores)
    may_decline = np.full(len(scores), thresholds.may_decline_on_score) & ~degraded
    severest = np.where(may_decline, DECLINE, REVIEW).astype(np.uint8)

    base = np.zeros(len(scores), dtype=np.uint8)
    base[findings.reviews | degraded | ~has_score] = REVIEW
    over_review = ~findings.approves & (findings.points >= thresholds.points_review_at)
    over_decline = over_review & (findings.points >= thresholds.points_decline_at)
    base[over_review] = REVIEW
    base[over_decline] = np.maximum(base, severest)[over_decline]
    base[findings.declines] = DECLINE

    severest = np.where(findings.approves | ~has_score, APPROVE, severest).astype(np.uint8)
    # NaN is below every threshold.
    band = (scores >= thresholds.review_at).astype(np.uint8) + (scores >= thresholds.decline_at)
    return Outcomes(np.maximum(base, np.minimum(severest, band)).astype(np.uint8), base, severest)


def _finding(rule: RuleDefinition, hits: Ints, missing: int, at: Ints, stable_key: StableKeys) -> RuleFinding:
    muted = hits[:0]
    if rule.mode is Mode.LIVE and rule.is_scheduled:
        muted = hits[_is_muted(rule, hits, at, stable_key)]
    return RuleFinding(rule, hits, missing, muted)


def _is_muted(rule: RuleDefinition, rows: Ints, at: Ints, stable_key: StableKeys) -> Flags:
    """Ask the rule itself, for the rows that it hits alone: only there it makes a difference."""
    if rule.rollout_percent == 100:
        moments = at[rows]
        early = moments < _microseconds(rule.starts_at) if rule.starts_at else np.zeros(len(rows), np.bool_)
        late = moments >= _microseconds(rule.ends_at) if rule.ends_at else np.zeros(len(rows), np.bool_)
        return early | late
    asked = (
        rule.muted_reason(at=_EPOCH + timedelta(microseconds=int(at[row])), stable_key=stable_key(int(row)))
        for row in rows
    )
    return np.fromiter((reason is not None for reason in asked), dtype=np.bool_, count=len(rows))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
