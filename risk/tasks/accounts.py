"""Shells for the scores of merchant accounts."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from risk import accounts

# Twice the interval between runs, so that a skipped one is made up for.
_LOOK_BACK = timedelta(minutes=2)


@shared_task
def refresh_recent() -> int:
    """Score the merchants that had orders since their last score."""
    now = timezone.now()
    due = accounts.list_due(as_of=now, since=now - _LOOK_BACK)
    return accounts.refresh_scores(due, as_of=now) if due else 0


@shared_task
def refresh_all() -> int:
    """Score every selling merchant: time alone changes a score as orders leave the window."""
    return accounts.refresh_scores(list(accounts.list_all_active()), as_of=timezone.now())
