"""Why a decision came out as it did: computed once from the stored row, then frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from core.ids import first_id_at
from risk.inputs import is_declared
from risk.models import Decision, Explanation, Outcome
from risk.replay import Archive
from risk.selectors import features_of

from .frozen import freeze
from .words import flip_words

__all__ = [
    "Contribution",
    "ExplanationView",
    "RuleShare",
    "explain_by_id",
    "explain_decision",
    "explain_pending",
    "explanation_of",
]

# Older decisions are explained when somebody opens them.
PENDING_WITHIN = timedelta(days=2)
BATCH = 500


@dataclass(frozen=True)
class Contribution:
    """What one input added to the score, in log-odds; positive speaks for bad. NaN value: it was missing."""

    name: str
    value: float
    log_odds: float


@dataclass(frozen=True)
class RuleShare:
    """One live rule that hit. `is_decisive`: the outcome rests on it, if not on it alone."""

    code: str
    name: str
    effect: str
    points: int
    reason_code: str
    is_decisive: bool


@dataclass(frozen=True)
class ExplanationView:
    """A frozen explanation as pages show it, in the reader's language. For staff: it names rules and inputs.

    probability    calibrated probability of bad, 0–1, None without a score
    band           low, elevated, high, or "" without a score
    thresholds     review_at, decline_at, points_review_at, points_decline_at; empty without a ruleset
    flip           the nearest change that would flip the outcome, as stored; None if none was found
    flip_words     the same as a sentence, or the sentence that says why there is none
    """

    contributions: tuple[Contribution, ...]
    rules: tuple[RuleShare, ...]
    points: int
    probability: float | None
    band: str
    thresholds: Mapping[str, float]
    flip: Mapping[str, Any] | None
    flip_words: str


def explanation_of(decision: Decision) -> ExplanationView | None:
    """Return the explanation, computing and freezing it if no worker has yet; None if it cannot be had.

    Rows frozen before there were parts show contributions only.
    """
    explanation = freeze(decision, Archive(with_live=True))
    if explanation is None:
        return None
    parts: Mapping[str, Any] = explanation.parts
    return ExplanationView(
        contributions=_contributions(decision, explanation),
        rules=tuple(RuleShare(**rule) for rule in parts.get("rules", ())),
        points=parts.get("points", decision.points),
        probability=decision.score,
        band=parts.get("band") or "",
        thresholds=parts.get("thresholds", {}),
        flip=parts.get("flip"),
        flip_words=flip_words(decision.subject_kind, parts),
    )


def explain_decision(decision: Decision) -> list[Contribution]:
    """Return what moved the score, heaviest first, computing and freezing it if no worker has yet.

    An empty list means that there was no score, or that its schema is no longer declared.
    """
    if decision.score is None:
        return []
    explanation = freeze(decision, Archive(with_live=True))
    return [] if explanation is None else list(_contributions(decision, explanation))


def explain_pending(*, at: datetime) -> int:
    """Explain recent decisions that hold or decline something and are not explained yet; return how many."""
    pending = (
        Decision.objects.filter(id__gte=first_id_at(at - PENDING_WITHIN), explanation=None)
        .exclude(outcome=Outcome.APPROVE)
        .order_by("id")[:BATCH]
    )
    archive = Archive(with_live=True)
    return sum(freeze(decision, archive) is not None for decision in pending)


def explain_by_id(decision_id: int) -> None:
    """Explain one decision, if it exists and is not explained yet."""
    decision = Decision.objects.filter(pk=decision_id, explanation=None).first()
    if decision is not None:
        freeze(decision, Archive(with_live=True))


def _contributions(decision: Decision, explanation: Explanation) -> tuple[Contribution, ...]:
    shares = np.frombuffer(explanation.contributions, dtype="<f8")
    if not len(shares) or not is_declared(decision.subject_kind, decision.feature_hash):
        return ()
    values = features_of(decision)
    found = [
        Contribution(name, float(value), float(share))
        for name, value, share in zip(values.names, values.vector, shares[:-1], strict=True)
        if share != 0
    ]
    return tuple(sorted(found, key=lambda contribution: -abs(contribution.log_odds)))
