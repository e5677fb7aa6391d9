"""Writes on brakes: take a rule or the champion out of effect, and let a person put it back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal, outbox
from core.actors import SYSTEM
from core.errors import Conflict, FieldError, ValidationFailed
from core.outbox import TaskCall
from core.refs import Ref
from risk import live
from risk.models import Brake, ModelStatus, ModelVersion, Rule, RuleSet, RuleSetStatus

# What a brake held is being decided again meanwhile; releasing it in the same minutes would judge it thrice.
SHORTEST = timedelta(minutes=10)


def pull_brake(
    subject: str,
    *,
    rule_code: str = "",
    cause: str = Brake.Cause.MANUAL,
    detail: Mapping[str, Any] | None = None,
    by: User | None,
    at: datetime,
) -> Brake:
    """Take a live rule, or without a code the champion, out of effect; what it held is decided again.

    It is recorded like a shadow rule until a person releases it, whichever
    version carries it. Conflict if it is braked already, ValidationFailed if
    nothing live has that name.

    by    None = the system; a person needs the permission to edit rules
    """
    if by is not None:
        require(by, Permission.EDIT_RULES if rule_code else Permission.PROMOTE_MODELS)
    with journal.unit():
        target = _lock_rule(subject, rule_code) if rule_code else _lock_champion(subject)
        if Brake.objects.filter(subject=subject, rule_code=rule_code, released_at=None).exists():
            raise Conflict("It is braked already.", code="already_braked")
        brake = Brake.objects.create(
            subject=subject,
            rule_code=rule_code,
            cause=cause,
            detail=dict(detail or {}),
            pulled_at=at,
            pulled_by=by,
            **target,
        )
        kind = "rule" if rule_code else "model"
        named = {"subject": subject, "rule": rule_code} if rule_code else {"subject": subject, **target}
        audit.record(
            f"{kind}.braked",
            actor=actor_of(by) if by else SYSTEM,
            subject=Ref("brake", brake.pk),
            detail={**named, "cause": str(cause), **brake.detail},
        )
        outbox.record(
            f"{kind}.braked",
            subject=Ref("brake", brake.pk),
            merchant_id=None,
            payload={**named, "cause": str(cause)},
            send=[TaskCall("intake.tasks.redecide_held", (brake.pk,))],
        )
    live.look_again()
    return brake


def release_brake(brake: Brake, *, by: User, at: datetime) -> None:
    """Put a braked rule or model back into effect.

    Raises Conflict within SHORTEST of the pull, and if it is released already.
    What the brake was pulled on never counts again: the automatic brake looks
    at decisions made after the release only.
    """
    require(by, Permission.EDIT_RULES if brake.rule_code else Permission.PROMOTE_MODELS)
    with journal.unit():
        row = Brake.objects.select_for_update().get(pk=brake.pk)
        if row.released_at is not None:
            raise Conflict("This brake is released already.", code="already_released")
        if at < row.pulled_at + SHORTEST:
            minutes = int(SHORTEST.total_seconds() // 60)
            raise Conflict(f"A brake holds for at least {minutes} minutes.", code="too_soon")
        row.released_at, row.released_by = at, by
        row.save(update_fields=["released_at", "released_by"])
        kind = "rule" if row.rule_code else "model"
        audit.record(f"{kind}.brake_released", actor=actor_of(by), subject=Ref("brake", row.pk))
        outbox.record(
            f"{kind}.brake_released",
            subject=Ref("brake", row.pk),
            merchant_id=None,
            payload={"subject": row.subject, "rule": row.rule_code},
        )
    brake.released_at, brake.released_by = at, by
    live.look_again()


def note_redecided(brake: Brake, *, freed: int, at: datetime) -> None:
    """Keep that what the brake held has been decided again, and how many of it no longer wait."""
    with journal.unit():
        if Brake.objects.filter(pk=brake.pk, redecided_at=None).update(redecided_at=at):
            audit.record(
                "brake.redecided", actor=SYSTEM, subject=Ref("brake", brake.pk), detail={"freed": freed}
            )
    brake.redecided_at = at


def _lock_rule(subject: str, rule_code: str) -> dict[str, int]:
    """Lock the live version, so that two pulls of a subject make one brake."""
    row = RuleSet.objects.select_for_update().filter(subject=subject, status=RuleSetStatus.LIVE).first()
    if row is None or not Rule.objects.filter(ruleset=row, code=rule_code).exists():
        raise ValidationFailed([FieldError("/rule_code", "unknown_rule", "No live rule has this code.")])
    return {"ruleset_id": row.pk}


def _lock_champion(subject: str) -> dict[str, int]:
    champions = ModelVersion.objects.select_for_update().filter(subject=subject, status=ModelStatus.CHAMPION)
    row = champions.first()
    if row is None:
        raise ValidationFailed([FieldError("/subject", "no_champion", "No model scores this subject.")])
    return {"model_id": row.pk}
