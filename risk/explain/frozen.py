"""Computes an explanation from the stored row and freezes it: whoever comes second changes nothing."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.conf import settings

from core.money import exponent
from ml.arrays import Floats
from risk.inputs import input_names_of, is_declared
from risk.models import Decision, Explanation
from risk.policy import Thresholds
from risk.replay import Archive, Replayed, Unreplayable, judge, seen_by
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import LiveRuleset
from risk.schemas import schema_of
from risk.scoring import LiveModel

from .flip import Flip, find_flip

logger = logging.getLogger(__name__)
FORMAT = 1
# Inputs that moved the score least move it by less than a point.
_HEAVIEST = 10
# The order in which reasons are given; tags and routes judge nothing.
_JUDGING = (Effect.DECLINE, Effect.REVIEW, Effect.POINTS, Effect.APPROVE)


def freeze(decision: Decision, archive: Archive) -> Explanation | None:
    """Return the decision's explanation, written now if there is none; None if it cannot be explained.

    `parts` holds, as JSON:

    outcome        what was decided
    rules          live rules that hit, heaviest first: code, name, effect, points, reason_code, and
                   `is_decisive`: whether its reason is among the decision's
    points         their sum
    probability    calibrated probability of bad, 0–1, null without a score
    band           low, elevated or high: on which side of the thresholds it lies; null without either
    thresholds     of the policy
    flip           {"outcome", "changes": [{"field", "from", "to", "bound"}], "distance"} or null
    no_flip        why there is none: risk.explain.flip.NoFlip, or "unreadable"
    """
    found = Explanation.objects.filter(pk=decision.pk).first()
    if found is not None:
        return found
    if not is_declared(decision.subject_kind, decision.feature_hash):
        return None
    try:
        ruleset, model = archive.ruleset_of(decision), archive.model_of(decision)
    except Unreplayable as reason:
        logger.exception("explanation_impossible", extra={"decision": decision.pk, "code": reason.code})
        return None
    shares = _shares(decision, model)
    explanation, _ = Explanation.objects.get_or_create(
        pk=decision.pk,
        defaults={
            "contributions": shares.astype("<f8").tobytes(),
            "feature_hash": decision.feature_hash,
            "parts": _parts(decision, ruleset, model, shares),
        },
    )
    return explanation


def _shares(decision: Decision, model: LiveModel | None) -> Floats:
    if model is None or decision.score is None or model.artifact.schema_hash != decision.feature_hash:
        return np.zeros(0)
    return model.contributions(np.frombuffer(decision.features, dtype="<f8"), decision.feature_hash)


def _parts(
    decision: Decision, ruleset: LiveRuleset | None, model: LiveModel | None, shares: Floats
) -> dict[str, Any]:
    seen = seen_by(decision)
    replayed = judge(seen, ruleset, model)
    thresholds = ruleset.policy.thresholds if ruleset else None
    flip: dict[str, Any] = {"flip": None, "no_flip": "degraded"}  # without a ruleset
    if ruleset is not None:
        names = input_names_of(decision.subject_kind, decision.feature_hash)
        found = find_flip(
            seen,
            names,
            ruleset,
            model,
            schema_of(decision.subject_kind),
            heaviest=_heaviest(names, shares, replayed),
            minor_units=10 ** exponent(settings.BASE_CURRENCY),
        )
        is_flip = isinstance(found, Flip)
        flip = {"flip": _flip(found) if is_flip else None, "no_flip": None if is_flip else str(found)}
    return {
        "format": FORMAT,
        "outcome": decision.outcome,
        "rules": _rules(decision, replayed),
        "points": decision.points,
        "probability": decision.score,
        "band": _band(decision.score, thresholds),
        "thresholds": _limits(thresholds),
        **flip,
    }


def _heaviest(names: Sequence[str], shares: Floats, replayed: Replayed) -> list[str]:
    """Return the inputs that moved the score most towards the outcome, which a flip would move back."""
    if not len(shares):
        return []
    towards = -1.0 if replayed.outcome.kind == "approve" else 1.0
    order = np.argsort(-towards * shares[:-1], kind="stable")[:_HEAVIEST]
    return [names[column] for column in order if shares[column] != 0]


def _rules(decision: Decision, replayed: Replayed) -> list[dict[str, Any]]:
    hits = replayed.evaluation.hits if replayed.evaluation else ()
    judging = [rule for rule in hits if rule.effect in _JUDGING]
    judging.sort(key=lambda rule: (_JUDGING.index(rule.effect), -rule.points))
    return [
        {
            "code": rule.code,
            "name": rule.name,
            "effect": rule.effect.value,
            "points": rule.points,
            "reason_code": rule.reason_code,
            "is_decisive": _is_decisive(rule, decision),
        }
        for rule in judging
    ]


def _is_decisive(rule: RuleDefinition, decision: Decision) -> bool:
    """The policy names the reasons of all that spoke for the outcome; approval silences points."""
    forced = {Effect.DECLINE: "decline", Effect.REVIEW: "review", Effect.APPROVE: "approve"}
    return rule.reason_code in decision.reason_codes and forced.get(rule.effect, decision.outcome) == (
        decision.outcome
    )


def _band(score: float | None, thresholds: Thresholds | None) -> str | None:
    if score is None or thresholds is None:
        return None
    if score >= thresholds.decline_at:
        return "high"
    return "elevated" if score >= thresholds.review_at else "low"


def _limits(thresholds: Thresholds | None) -> Mapping[str, float]:
    if thresholds is None:
        return {}
    return {
        "review_at": thresholds.review_at,
        "decline_at": thresholds.decline_at,
        "points_review_at": thresholds.points_review_at,
        "points_decline_at": thresholds.points_decline_at,
    }


def _flip(found: Any) -> dict[str, Any]:
    return {
        "outcome": found.outcome.value,
        "changes": [
            {
                "field": change.field,
                "from": change.now,
                "to": list(change.to) if isinstance(change.to, tuple) else change.to,
                "bound": change.bound.value,
            }
            for change in found.changes
        ],
        "distance": round(found.distance, 4),
    }
