"""Writes on trainings: asked for by a person, a calendar or drift, and cancelled."""

from datetime import datetime

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal, outbox
from core.actors import SYSTEM
from core.errors import FieldError, ValidationFailed
from core.locks import try_lock
from core.outbox import TaskCall
from core.refs import Ref
from risk import runs
from risk.models import TrainingRun

LONGEST_TUNING_SECONDS = 6 * 3600  # a night; the training worker does nothing else meanwhile


def request_training(
    subject: str,
    *,
    as_of: datetime,
    requested_by: User | None,
    cause: str = TrainingRun.Cause.PERSON,
    tuning_seconds: int = 0,
    maturity_days: int = 0,
) -> TrainingRun:
    """Queue a training on what was known at `as_of`; a worker runs it.

    requested_by      None = the system; a person needs the permission to promote models
    tuning_seconds    how long to look for better hyper-parameters, 0 = not at all
    maturity_days     younger subjects do not count as good, whatever their labels say
    """
    return create_run(
        subject,
        as_of=as_of,
        requested_by=requested_by,
        cause=cause,
        tuning_seconds=tuning_seconds,
        maturity_days=maturity_days,
        send=True,
    )


def request_retraining(subject: str, *, cause: str, at: datetime) -> TrainingRun | None:
    """Queue a training by the system, unless one of the subject waits or runs; None if nothing was queued.

    cause    a `TrainingRun.Cause`: weekly, or drift
    """
    with journal.unit():
        # Without the lock two checks at once would queue two.
        if not try_lock(f"retraining:{subject}"):
            return None
        if TrainingRun.objects.filter(subject=subject, status__in=runs.OPEN).exists():
            return None
        return create_run(subject, as_of=at, requested_by=None, cause=cause, send=True)


def cancel_training(run: TrainingRun, *, by: User, at: datetime) -> None:
    """End a training that has not ended: at once if nobody runs it, else at its next sign of life."""
    require(by, Permission.PROMOTE_MODELS)
    runs.cancel(runs.TRAININGS, run, by=by, at=at)


def create_run(
    subject: str,
    *,
    as_of: datetime,
    requested_by: User | None,
    cause: str,
    send: bool,
    tuning_seconds: int = 0,
    maturity_days: int = 0,
) -> TrainingRun:
    """Write a queued run; `send` False leaves it to the caller to run it."""
    if requested_by is not None:
        require(requested_by, Permission.PROMOTE_MODELS)
    if not 0 <= tuning_seconds <= LONGEST_TUNING_SECONDS:
        detail = "Tuning takes between 0 seconds and 6 hours."
        raise ValidationFailed([FieldError("/tuning_seconds", "out_of_range", detail)])
    with journal.unit():
        run = TrainingRun.objects.create(
            subject=subject,
            as_of=as_of,
            requested_by=requested_by,
            cause=cause,
            tuning_seconds=tuning_seconds,
            maturity_days=maturity_days,
        )
        audit.record(
            "training.requested",
            actor=SYSTEM if requested_by is None else actor_of(requested_by),
            subject=Ref("training", run.pk),
            detail={"subject": subject, "cause": str(cause), "as_of": as_of.isoformat()},
        )
        if send:
            outbox.record(
                "model.training_requested",
                subject=Ref("training", run.pk),
                merchant_id=None,
                send=[TaskCall(runs.TRAININGS.task, (run.pk,))],
            )
    return run
