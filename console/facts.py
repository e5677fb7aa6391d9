"""What recent decisions saw: the values that conditions can be tried on and that the field browser shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from risk.inputs import input_names_of
from risk.models import Decision


@dataclass(frozen=True)
class SeenFacts:
    """One decision with the values its rules saw. `values`: field name → value; missing is None or NaN."""

    decision_id: int
    subject_id: int
    merchant_id: int | None
    created_at: datetime
    outcome: str
    score: float | None
    values: Mapping[str, Any]


def recent_facts(subject: str, *, limit: int) -> list[SeenFacts]:
    """Return the latest decisions of a subject with their stored values, newest first; one query.

    Decisions whose inputs this version of the code no longer declares are left out.
    """
    rows = (
        Decision.objects.filter(subject_kind=subject)
        .order_by("-id")
        .values_list(
            "id", "subject_id", "merchant_id", "created_at", "outcome", "score",
            "features", "feature_hash", "snapshot__values",
        )[:limit]
    )  # fmt: skip
    return list(_readable(subject, rows))


def _readable(subject: str, rows: Iterable[Sequence[Any]]) -> Iterable[SeenFacts]:
    names: dict[str, tuple[str, ...] | None] = {}
    for id, subject_id, merchant_id, created_at, outcome, score, features, feature_hash, own in rows:
        if feature_hash not in names:
            names[feature_hash] = _names_of(subject, feature_hash)
        declared = names[feature_hash]
        if declared is not None:
            vector = np.frombuffer(features, dtype="<f8").tolist()
            values = {**dict(zip(declared, vector, strict=True)), **(own or {})}
            yield SeenFacts(id, subject_id, merchant_id, created_at, outcome, score, values)


def _names_of(subject: str, feature_hash: str) -> tuple[str, ...] | None:
    try:
        return input_names_of(subject, feature_hash)
    except ValueError:
        return None
