"""Why a decision was scored as it was: computed once from the stored vector, then frozen."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from core.ids import first_id_at
from ml.errors import LearningError

from .inputs import is_declared
from .live import load_version
from .models import Decision, Explanation, ModelVersion, Outcome
from .scoring import LiveModel
from .selectors import features_of

logger = logging.getLogger(__name__)

# Older decisions are explained when somebody opens them.
PENDING_WITHIN = timedelta(days=2)
BATCH = 500


@dataclass(frozen=True)
class Contribution:
    """What one input added to the score, in log-odds; positive speaks for bad. NaN value: it was missing."""

    name: str
    value: float
    log_odds: float


def explain_decision(decision: Decision) -> list[Contribution]:
    """Return the contributions, heaviest first, computing and freezing them if no worker has yet.

    An empty list means that there was no score, or that its schema is no longer declared.
    """
    if decision.score is None or not is_declared(decision.subject_kind, decision.feature_hash):
        return []
    explanation = Explanation.objects.filter(pk=decision.pk).first() or _freeze(decision, {})
    if explanation is None:
        return []
    values = features_of(decision)
    shares = np.frombuffer(explanation.contributions, dtype="<f8")
    found = [
        Contribution(name, float(value), float(share))
        for name, value, share in zip(values.names, values.vector, shares[:-1], strict=True)
        if share != 0
    ]
    return sorted(found, key=lambda contribution: -abs(contribution.log_odds))


def explain_pending(*, at: datetime) -> int:
    """Explain recent decisions that hold or decline something and are not explained yet; return how many."""
    pending = (
        Decision.objects.filter(
            id__gte=first_id_at(at - PENDING_WITHIN), explanation=None, score__isnull=False
        )
        .exclude(outcome=Outcome.APPROVE)
        .order_by("id")[:BATCH]
    )
    models: dict[int, LiveModel] = {}
    return sum(_freeze(decision, models) is not None for decision in pending)


def explain_by_id(decision_id: int) -> None:
    """Explain one decision, if it exists, has a score and is not explained yet."""
    decision = Decision.objects.filter(pk=decision_id, score__isnull=False, explanation=None).first()
    if decision is not None:
        _freeze(decision, {})


def _freeze(decision: Decision, models: dict[int, LiveModel]) -> Explanation | None:
    model = _model_of(decision, models)
    if model is None or decision.feature_hash != model.artifact.schema_hash:
        return None
    vector = np.frombuffer(decision.features, dtype="<f8")
    shares = model.contributions(vector, decision.feature_hash)
    # Written once: whoever comes second reads the first one's row.
    explanation, _ = Explanation.objects.get_or_create(
        pk=decision.pk,
        defaults={
            "contributions": shares.astype("<f8").tobytes(),
            "feature_hash": decision.feature_hash,
        },
    )
    return explanation


def _model_of(decision: Decision, models: dict[int, LiveModel]) -> LiveModel | None:
    id = decision.model_id
    if id is None:
        return None
    if id not in models:
        version = ModelVersion.objects.filter(pk=id, feature_hash=decision.feature_hash).first()
        if version is None or not is_declared(version.subject, version.feature_hash):
            return None
        try:
            models[id] = load_version(version)
        except (LearningError, OSError):
            logger.exception("model_unreadable", extra={"model": id})
            return None
    return models[id]
