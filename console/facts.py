"""What recent decisions saw: the values that conditions can be tried on and that the field browser shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from risk.models import Decision
from risk.replay import Unreplayable, seen_by


@dataclass(frozen=True)
class SeenFacts:
    """One decision with the values its rules saw. `values`: field name → value; missing is None or NaN."""

    decision_id: int
    subject_id: int
    merchant_id: int | None
    created_at: datetime
    outcome: str
    score: float | None
    values: Mapping[str, object]


def recent_facts(subject: str, *, limit: int) -> list[SeenFacts]:
    """Return the latest decisions of a subject with what they saw, newest first; one query.

    Decisions whose inputs this version of the code no longer declares are left out.
    """
    rows = (
        Decision.objects.filter(subject_kind=subject)
        .order_by("-id")
        .defer("reason_codes", "tags", "latency_us")[:limit]
    )
    return [facts for row in rows if (facts := _facts_of(row)) is not None]


def _facts_of(row: Decision) -> SeenFacts | None:
    try:
        values = seen_by(row).values
    except Unreplayable:
        return None
    return SeenFacts(row.pk, row.subject_id, row.merchant_id, row.created_at, row.outcome, row.score, values)
