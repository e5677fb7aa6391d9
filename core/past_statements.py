"""Statements of reasons for what was decided before there were any, as migrations give them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from .models import Effect
from .statements import About, columns

# Where the journal kept no reason: the merchant reads that it was the marketplace's policy.
_UNKNOWN = "policy_violation"


def state_reasons(
    apps: Any,
    rows: Any,
    kind: str,
    about: Callable[[Any], About],
    effect: str,
    column: str,
    *,
    action: str = "",
) -> None:
    """Write each row's statement, dated when its last move into the state was journalled.

    kind      of the rows in the journal
    action    of an overlay, which is no move from one state to another
    """
    statements, moves = apps.get_model("core", "Statement"), apps.get_model("core", "TransitionRecord")
    for row in rows.iterator():
        told = moves.objects.filter(subject_kind=kind, subject_id=row.pk)
        told = told.filter(action=action) if action else told.filter(to_state=row.status)
        move = told.order_by("-id").first()
        values = columns(
            about(row),
            Effect(effect),
            reason_codes=[move.reason_code if move and move.reason_code else _UNKNOWN],
            is_automated=move is not None and move.actor_kind == "system",
            at=move.created_at if move else _moment(row),
        )
        statement = statements.objects.create(**values)
        type(row).objects.filter(pk=row.pk).update(**{f"{column}_id": statement.pk})


def _moment(row: Any) -> datetime:
    return getattr(row, "decided_at", None) or row.created_at  # type: ignore[no-any-return]
