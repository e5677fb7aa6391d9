"""Shells for the training queue."""

from celery import shared_task
from django.utils import timezone

from risk import services, training
from risk.models import Subject, TrainingRun


@shared_task
def run_training(run_id: int) -> None:
    training.run(run_id, at=timezone.now())


@shared_task
def retrain() -> None:
    """Request the weekly training of every subject that learns; what it yields starts in shadow."""
    for subject in (Subject.ORDER, Subject.LISTING, Subject.APPLICATION):
        services.request_training(subject, as_of=timezone.now(), requested_by=None)


@shared_task
def resume() -> None:
    """Run what is queued and whose message was lost; end what a killed worker left behind."""
    training.fail_abandoned(at=timezone.now())
    for run_id in TrainingRun.objects.filter(status=TrainingRun.Status.QUEUED).values_list("pk", flat=True):
        training.run(run_id, at=timezone.now())
