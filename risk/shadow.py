"""Score live decisions with the shadow models, after the commit and beside the traffic."""

from datetime import datetime, timedelta

import numpy as np
from django.db.models import Exists, OuterRef

from core.ids import first_id_at

from .live import load_version
from .models import Decision, ModelStatus, ModelVersion, ShadowScore

WINDOW = timedelta(days=7)
BATCH = 2_000


def score_recent(*, at: datetime) -> int:
    """Give each recent decision the score of every shadow model that lacks it; return how many."""
    shadows = ModelVersion.objects.filter(status=ModelStatus.SHADOW)
    return sum(_score_with(version, at - WINDOW) for version in shadows)


def _score_with(version: ModelVersion, since: datetime) -> int:
    # Only traffic that came after the model was made: on older decisions it would be judged on what it saw.
    first = first_id_at(max(since, version.created_at))
    scored = ShadowScore.objects.filter(model=version, decision_id=OuterRef("pk"))
    decisions = list(
        Decision.objects.filter(
            ~Exists(scored),
            subject_kind=version.subject,
            feature_hash=version.feature_hash,
            id__gte=first,
        ).order_by("id")[:BATCH]
    )
    if not decisions:
        return 0
    matrix = np.stack([np.frombuffer(decision.features, dtype="<f8") for decision in decisions])
    scores = load_version(version).scores(matrix, version.feature_hash)
    ShadowScore.objects.bulk_create(
        [
            ShadowScore(decision_id=decision.pk, model=version, score=float(score))
            for decision, score in zip(decisions, scores, strict=True)
        ],
        ignore_conflicts=True,
    )
    return len(decisions)
