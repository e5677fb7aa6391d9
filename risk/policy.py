"""From findings to an outcome: what rules, score and failures together decide."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from math import isnan
from typing import TypeAlias

from risk.rules.engine import Effect, Evaluation


class OutcomeKind(StrEnum):
    """What the system decides, mildest first."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"

    @property
    def severity(self) -> int:
        return list(OutcomeKind).index(self)


class PolicyReason(StrEnum):
    """Reason codes that the policy itself gives, beside those of the rules."""

    DEGRADED = "degraded"
    NO_SCORE = "no_score"
    SCORE_HIGH = "score_high"
    SCORE_ELEVATED = "score_elevated"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided, with the reason codes that speak for it, most severe first."""

    kind: OutcomeKind
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where score and points begin to mean review and decline; at the threshold counts as over it.

    review_at, decline_at                 on the score: calibrated probability of bad, 0–1
    points_review_at, points_decline_at   on the sum of points
    may_decline_on_score                  False where only a rule's forced decline rejects, as with
                                          applications: score and points then review at most
    """

    review_at: float
    decline_at: float
    points_review_at: int
    points_decline_at: int
    may_decline_on_score: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.review_at < self.decline_at <= 1:
            raise ValueError("Thresholds on the score need 0 ≤ review_at < decline_at ≤ 1.")
        if not 0 < self.points_review_at < self.points_decline_at:
            raise ValueError("Thresholds on points need 0 < points_review_at < points_decline_at.")


# A kind that something about the subject speaks for, and the reason code.
_Signal: TypeAlias = tuple[OutcomeKind, str]


def choose_outcome(
    evaluation: Evaluation, score: float | None, thresholds: Thresholds, *, degraded: bool = False
) -> Outcome:
    """Return the outcome with its reasons.

    Every signal speaks for a kind and the most severe kind wins, so that another risk signal
    never makes the outcome milder. A forced approval silences points and score, nothing else.
    In a degraded decision points and score review at most: the failure may have raised them.

    evaluation   its own failures degrade too
    score        calibrated probability of bad, 0–1; without one (None, NaN) nothing is approved
    degraded     whether something outside the rules failed: a source, a list, the model
    """
    degraded = degraded or evaluation.is_degraded
    score = None if score is None or isnan(score) else score
    signals = [(OutcomeKind.DECLINE, reason) for reason in evaluation.reasons_for(Effect.DECLINE)]
    signals += [(OutcomeKind.REVIEW, reason) for reason in evaluation.reasons_for(Effect.REVIEW)]
    if degraded:
        signals.append((OutcomeKind.REVIEW, PolicyReason.DEGRADED))
    if score is None:
        signals.append((OutcomeKind.REVIEW, PolicyReason.NO_SCORE))
    if Effect.APPROVE not in evaluation.forced:
        signals += _banded_signals(evaluation, score, thresholds, degraded=degraded)
    if not signals:
        return Outcome(OutcomeKind.APPROVE, evaluation.reasons_for(Effect.APPROVE))
    signals.sort(key=lambda signal: signal[0].severity, reverse=True)
    return Outcome(signals[0][0], tuple(dict.fromkeys(reason for _, reason in signals)))


def is_sampled(subject: str, outcome: Outcome, share: float) -> bool:
    """Tell whether an approval is drawn for review, by a hash of its subject: a replay draws the same.

    subject    e.g. "order:17"
    share      part of approvals to draw, 0–1
    """
    if outcome.kind is not OutcomeKind.APPROVE or share <= 0:
        return False
    digest = blake2b(subject.encode(), digest_size=4, person=b"random-review").digest()
    return int.from_bytes(digest, "big") < share * 2**32


def _banded_signals(
    evaluation: Evaluation, score: float | None, thresholds: Thresholds, *, degraded: bool
) -> list[_Signal]:
    may_decline = thresholds.may_decline_on_score and not degraded
    severest = OutcomeKind.DECLINE if may_decline else OutcomeKind.REVIEW
    signals: list[_Signal] = []
    if evaluation.points >= thresholds.points_review_at:
        kind = severest if evaluation.points >= thresholds.points_decline_at else OutcomeKind.REVIEW
        signals += [(kind, reason) for reason in evaluation.reasons_for(Effect.POINTS)]
    if score is not None and score >= thresholds.decline_at:
        signals.append((severest, PolicyReason.SCORE_HIGH))
    elif score is not None and score >= thresholds.review_at:
        signals.append((OutcomeKind.REVIEW, PolicyReason.SCORE_ELEVATED))
    return signals
