"""Shells that follow a decision: its explanation. Never imports training."""

from celery import shared_task
from django.utils import timezone

from risk import explain


@shared_task
def explain_decision(decision_id: int) -> None:
    explain.explain_by_id(decision_id)


@shared_task
def explain_pending() -> int:
    return explain.explain_pending(at=timezone.now())
