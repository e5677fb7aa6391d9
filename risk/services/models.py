"""Writes on model versions: into shadow, compared, promoted by a second person, rolled back, retired.

The same rules stand in the database, as constraints and triggers: whoever
writes past these functions is refused there.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal, outbox
from core.actors import SYSTEM
from core.errors import Conflict, PermissionDenied
from core.outbox import TaskCall
from core.refs import Ref
from risk import live, runs
from risk.models import (
    FRESH_FOR,
    Brake,
    ModelComparison,
    ModelPromotion,
    ModelStatus,
    ModelVersion,
    TrainingRun,
)
from risk.selectors import find_champion_version, find_passing_comparison, find_promotion_to_return_to

# The newest, and the one before it, which has scored for a week when the newest has just begun. Every further
# one takes its part of the time for scoring from these two.
KEPT_SHADOWS = 2
_SCHEDULED = (TrainingRun.Cause.WEEKLY, TrainingRun.Cause.DRIFT)


def request_comparison(model: ModelVersion, *, requested_by: User | None, at: datetime) -> ModelComparison:
    """Queue a comparison with the present champion on what is labelled by now; a worker runs it.

    One that still waits for its worker is returned as it is. Conflict for the
    champion itself: it would be compared with itself.
    """
    if requested_by is not None:
        require(requested_by, Permission.PROMOTE_MODELS)
    with journal.unit():
        row = ModelVersion.objects.select_for_update().get(pk=model.pk)
        if row.status == ModelStatus.CHAMPION:
            raise Conflict("The champion is what others are compared with.", code="is_champion")
        waiting = row.comparisons.filter(status=ModelComparison.Status.QUEUED).first()
        if waiting is not None:
            return waiting
        champion = find_champion_version(row.subject)
        comparison = ModelComparison.objects.create(
            model=row,
            sha256=row.sha256,
            champion=champion,
            champion_sha256="" if champion is None else champion.sha256,
            as_of=at,
            requested_by=requested_by,
            heartbeat_at=at,
        )
        audit.record(
            "model.comparison_requested",
            actor=SYSTEM if requested_by is None else actor_of(requested_by),
            subject=Ref("model", row.pk),
            detail={"sha256": row.sha256, "champion_sha256": comparison.champion_sha256},
        )
        outbox.record(
            "model.comparison_requested",
            subject=Ref("model", row.pk),
            merchant_id=None,
            send=[TaskCall(runs.COMPARISONS.task, (comparison.pk,))],
        )
    return comparison


def shadow_model(model: ModelVersion, *, by: User, at: datetime) -> None:
    """Let a candidate score live traffic without effect; Conflict if it is no candidate."""
    require(by, Permission.PROMOTE_MODELS)
    with journal.unit():
        row = ModelVersion.objects.select_for_update().get(pk=model.pk)
        if row.status != ModelStatus.CANDIDATE:
            raise Conflict("Only a candidate can be put in shadow.", code="not_a_candidate")
        _move(row, ModelStatus.SHADOW, at=at)
        audit.record(
            "model.shadowed", actor=actor_of(by), subject=Ref("model", row.pk), detail={"sha256": row.sha256}
        )
    model.status, model.moved_at = row.status, row.moved_at


def retire_model(model: ModelVersion, *, by: User, at: datetime) -> None:
    """Put a candidate or a shadow away; Conflict for a champion, which only another one replaces."""
    require(by, Permission.PROMOTE_MODELS)
    with journal.unit():
        row = ModelVersion.objects.select_for_update().get(pk=model.pk)
        if row.status not in {ModelStatus.CANDIDATE, ModelStatus.SHADOW}:
            raise Conflict("Only a candidate or a shadow can be retired.", code="not_retirable")
        _move(row, ModelStatus.RETIRED, at=at)
        audit.record(
            "model.retired", actor=actor_of(by), subject=Ref("model", row.pk), detail={"sha256": row.sha256}
        )
    model.status, model.moved_at = row.status, row.moved_at


def retire_old_shadows(subject: str, *, at: datetime) -> int:
    """Put away the shadows of scheduled trainings beyond the newest KEPT_SHADOWS; return how many.

    What a person trained, put in shadow, or asked to compare in the last FRESH_FOR stays until a person
    puts it away.
    """
    with journal.unit():
        shadows = ModelVersion.objects.select_for_update().filter(subject=subject, status=ModelStatus.SHADOW)
        newest_first = sorted(shadows, key=lambda row: (row.moved_at or row.created_at, row.pk), reverse=True)
        asked_for = ModelComparison.objects.filter(
            model=OuterRef("pk"), requested_by__isnull=False, created_at__gte=at - FRESH_FOR
        )
        old = ModelVersion.objects.filter(
            ~Exists(asked_for),
            pk__in=[row.pk for row in newest_first[KEPT_SHADOWS:]],
            training__cause__in=_SCHEDULED,
            moved_at=None,  # nobody but its training put it there
        )
        retired = list(old)
        for row in retired:
            _move(row, ModelStatus.RETIRED, at=at)
            audit.record(
                "model.retired",
                actor=SYSTEM,
                subject=Ref("model", row.pk),
                detail={"sha256": row.sha256, "reason": "newer_shadows"},
            )
    return len(retired)


def promote_model(model: ModelVersion, *, approver: User, at: datetime) -> ModelPromotion:
    """Make a shadow or an earlier champion the champion, on a comparison with the present one that passed.

    Raises PermissionDenied for who asked for its training, Conflict if it is
    neither, or has no passing comparison of the last FRESH_FOR of exactly this
    file with exactly the present champion.
    """
    require(approver, Permission.PROMOTE_MODELS)
    with journal.unit():
        row = _lock(model)
        _require_second_person(row, approver)
        was_champion = row.status == ModelStatus.RETIRED and row.promotions.exists()
        if row.status != ModelStatus.SHADOW and not was_champion:
            raise Conflict("Only a shadow or an earlier champion can be promoted.", code="not_promotable")
        comparison = find_passing_comparison(row, at=at)
        if comparison is None:
            raise Conflict(_NO_COMPARISON, code="no_passing_comparison")
        promotion = _promote(
            row,
            approver,
            comparison=comparison,
            compared_at=comparison.finished_at,
            returns_to=None,
            at=at,
        )
    model.status, model.moved_at = row.status, row.moved_at
    live.forget()
    return promotion


def roll_back_model(subject: str, *, approver: User, at: datetime) -> ModelPromotion:
    """Make the model champion again that was it before the present one first was.

    Its earlier promotion still counts, however old: it is exactly what judged
    before. The second person is asked for again. Raises Conflict if there was
    no other champion before.
    """
    require(approver, Permission.PROMOTE_MODELS)
    with journal.unit():
        earlier = find_promotion_to_return_to(subject)
        if earlier is None:
            raise Conflict("No earlier model was champion.", code="nothing_to_roll_back_to")
        row = _lock(earlier.model)
        _require_second_person(row, approver)
        if row.status == ModelStatus.CHAMPION or row.sha256 != earlier.sha256:
            raise Conflict("The earlier champion has changed since.", code="nothing_to_roll_back_to")
        promotion = _promote(
            row,
            approver,
            comparison=earlier.comparison,
            compared_at=earlier.compared_at,
            returns_to=earlier,
            at=at,
        )
    live.forget()
    return promotion


_NO_COMPARISON = "This model has no passing comparison of the last 7 days with the present champion."


def _promote(
    row: ModelVersion,
    approver: User,
    *,
    comparison: ModelComparison | None,
    compared_at: datetime | None,
    returns_to: ModelPromotion | None,
    at: datetime,
) -> ModelPromotion:
    champion = find_champion_version(row.subject)
    ModelPromotion.objects.filter(subject=row.subject, ended_at=None).update(ended_at=at)
    # The approval comes while the former one is still champion: the database compares it with what was
    # compared, and lets nothing become champion without an approval of its sha256.
    promotion = ModelPromotion.objects.create(
        subject=row.subject,
        model=row,
        sha256=row.sha256,
        champion_sha256="" if champion is None else champion.sha256,
        comparison=comparison,
        compared_at=compared_at,
        returns_to=returns_to,
        requested_by_id=row.training.requested_by_id,
        approver=approver,
        promoted_at=at,
    )
    if champion is not None:
        _move(champion, ModelStatus.RETIRED, at=at)
    _move(row, ModelStatus.CHAMPION, at=at)
    # A braked champion is no longer in use; one that comes back was looked at again.
    Brake.objects.filter(subject=row.subject, rule_code="", released_at=None).update(
        released_at=at, released_by=approver
    )
    audit.record(
        "model.promoted" if returns_to is None else "model.rolled_back",
        actor=actor_of(approver),
        subject=Ref("model", row.pk),
        detail={
            "sha256": row.sha256,
            "champion_sha256": promotion.champion_sha256,
            "comparison": comparison.pk if comparison else None,
            "returns_to": returns_to.pk if returns_to else None,
        },
    )
    return promotion


def _lock(model: ModelVersion) -> ModelVersion:
    """Lock the subject's models before reading: the champion compared with is the one replaced."""
    rows = ModelVersion.objects.select_for_update(of=("self",)).select_related("training")
    locked = {row.pk: row for row in rows.filter(subject=model.subject).order_by("pk")}
    return locked[model.pk]


def _require_second_person(row: ModelVersion, approver: User) -> None:
    if row.training.requested_by_id == approver.pk:
        raise PermissionDenied("A second person has to promote this model.", code="second_person_needed")


def _move(row: ModelVersion, status: ModelStatus, *, at: datetime) -> None:
    row.status, row.moved_at = status, at
    row.save(update_fields=["status", "moved_at"])
