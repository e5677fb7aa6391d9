"""Shells for the ground's periodic work."""

from celery import shared_task
from django.utils import timezone

from . import audit, idempotency


@shared_task
def seal_audit() -> int:
    return audit.seal(at=timezone.now())


@shared_task
def forget_answers() -> int:
    return idempotency.delete_expired(at=timezone.now())
