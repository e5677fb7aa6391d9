"""Shells that follow a decision: explanations and shadow scores. Never imports training."""

from celery import shared_task
from django.utils import timezone

from risk import explain, shadow


@shared_task
def explain_decision(decision_id: int) -> None:
    explain.explain_by_id(decision_id)


@shared_task
def explain_pending() -> int:
    return explain.explain_pending(at=timezone.now())


@shared_task
def score_shadows() -> int:
    return shadow.score_recent(at=timezone.now())
