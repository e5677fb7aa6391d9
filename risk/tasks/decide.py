"""Shells that follow a decision: explanations, shadow scores, account scores. Never imports training."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from risk import accounts, explain, shadow


@shared_task
def explain_decision(decision_id: int) -> None:
    explain.explain_by_id(decision_id)


@shared_task
def explain_pending() -> int:
    return explain.explain_pending(at=timezone.now())


@shared_task
def score_shadows() -> int:
    return shadow.score_recent(at=timezone.now())


@shared_task
def refresh_recent_accounts() -> int:
    """Score the merchants that had orders since their last score."""
    now = timezone.now()
    due = accounts.list_due(as_of=now, since=now - timedelta(minutes=2))
    return accounts.refresh_scores(due, as_of=now) if due else 0


@shared_task
def refresh_all_accounts() -> int:
    """Score every selling merchant: time alone changes a score as orders leave the window."""
    return accounts.refresh_scores(list(accounts.list_all_active()), as_of=timezone.now())
