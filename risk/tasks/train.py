"""Shells for the training queue."""

from celery import shared_task
from django.utils import timezone

from risk import comparing, runs, services, training
from risk.models import Subject, TrainingRun


@shared_task
def run_training(run_id: int) -> None:
    training.run(run_id, at=timezone.now())


@shared_task
def run_comparison(comparison_id: int) -> None:
    comparing.run(comparison_id, at=timezone.now())


@shared_task
def retrain() -> None:
    """Request the weekly training of every subject that learns, unless one is under way."""
    for subject in (Subject.ORDER, Subject.LISTING, Subject.APPLICATION):
        services.request_retraining(subject, cause=TrainingRun.Cause.WEEKLY, at=timezone.now())


@shared_task
def resume() -> int:
    """Send again what is queued and unheard, take up what killed workers left behind; return how many."""
    at = timezone.now()
    return runs.resume_abandoned(runs.TRAININGS, at=at) + runs.resume_abandoned(runs.COMPARISONS, at=at)
