"""Days of stored decisions that one input explains, and the labels that follow them."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from core.ids import new_id, new_ids
from risk.inputs import current_inputs
from risk.models import Decision, Label, ModelVersion

NAMES, HASH = current_inputs("order")
COLUMN = NAMES.index("order_amount_minor")
WEIGHTS = {"order_amount_minor": 0.4}


def decide(
    model: ModelVersion | None, at: datetime, rows: int, *, scale: float = 1_000.0, hours: float = 20
) -> list[int]:
    """Store decisions spread over some hours, whose only value is the amount; return their subjects."""
    random = np.random.default_rng(int(at.timestamp()) % 2**31)
    moments = (np.linspace(0, hours * 3_600_000, rows) + at.timestamp() * 1_000).astype(np.int64)
    matrix = np.full((rows, len(NAMES)), np.nan)
    matrix[:, COLUMN] = random.exponential(scale, rows)
    scores = 1 / (1 + np.exp(2 - 0.4 * np.log1p(matrix[:, COLUMN])))
    made = [
        Decision(
            id=id,
            subject_kind="order",
            subject_id=new_id(),
            as_of=at,
            outcome="approve",
            score=float(score) if model else None,
            model_id=model.pk if model else None,
            features=vector.astype("<f8").tobytes(),
            feature_hash=HASH,
            snapshot={},
            code_version="test",
            created_at=at,
        )
        for id, vector, score in zip(new_ids(moments).tolist(), matrix, scores, strict=True)
    ]
    Decision.objects.bulk_create(made)
    return [decision.subject_id for decision in made]


def label(subject_ids: list[int], is_bad: Iterable[object], *, known_at: datetime) -> None:
    Label.objects.bulk_create(
        Label(
            subject_kind="order",
            subject_id=id,
            is_bad=bool(bad),
            source="chargeback",
            occurred_at=known_at,
            known_at=known_at,
        )
        for id, bad in zip(subject_ids, is_bad, strict=True)
    )
