"""Writes on models: trainings are asked for, a second person promotes what they made."""

from datetime import datetime

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal, outbox
from core.errors import Conflict, PermissionDenied
from core.outbox import TaskCall
from core.refs import Ref
from risk import live
from risk.models import Brake, ModelPromotion, ModelStatus, ModelVersion, TrainingRun


def request_training(subject: str, *, as_of: datetime, requested_by: User | None) -> TrainingRun:
    """Queue a training; a worker runs it and its model starts in shadow."""
    if requested_by is not None:
        require(requested_by, Permission.PROMOTE_MODELS)
    with journal.unit():
        run = TrainingRun.objects.create(subject=subject, as_of=as_of, requested_by=requested_by)
        outbox.record(
            "model.training_requested",
            subject=Ref("training", run.pk),
            merchant_id=None,
            send=[TaskCall("risk.tasks.train.run_training", (run.pk,))],
        )
    return run


def promote_model(model: ModelVersion, *, approver: User, at: datetime) -> ModelPromotion:
    """Make a shadow or an earlier champion the champion; who asked for its training cannot approve it."""
    require(approver, Permission.PROMOTE_MODELS)
    with journal.unit():
        row = ModelVersion.objects.select_for_update().select_related("training").get(pk=model.pk)
        requested_by_id = row.training.requested_by_id
        if requested_by_id == approver.pk:
            raise PermissionDenied("A second person has to promote this model.", code="second_person_needed")
        if row.status not in {ModelStatus.SHADOW, ModelStatus.RETIRED}:
            raise Conflict("Only a shadow or a retired model can be promoted.", code="not_promotable")
        champions = ModelVersion.objects.filter(subject=row.subject, status=ModelStatus.CHAMPION)
        ModelPromotion.objects.filter(model__in=champions, ended_at=None).update(ended_at=at)
        champions.update(status=ModelStatus.RETIRED)
        # The approval comes first: the database lets nothing become champion without one of its sha256.
        promotion = ModelPromotion.objects.create(
            model=row,
            sha256=row.sha256,
            requested_by_id=requested_by_id,
            approver=approver,
            promoted_at=at,
        )
        row.status = ModelStatus.CHAMPION
        row.save(update_fields=["status"])
        # A braked champion is no longer in use; one that comes back was looked at again.
        Brake.objects.filter(subject=row.subject, rule_code="", released_at=None).update(
            released_at=at, released_by=approver
        )
        audit.record(
            "model.promoted",
            actor=actor_of(approver),
            subject=Ref("model", row.pk),
            detail={"sha256": row.sha256},
        )
    model.status = ModelStatus.CHAMPION
    live.forget()
    return promotion
