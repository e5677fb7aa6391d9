"""Shells for delivery's periodic work."""

from celery import shared_task
from django.utils import timezone

from . import mailing, notifications, sequencer


@shared_task
def sequence() -> int:
    return sequencer.sequence()


@shared_task
def notify() -> int:
    """Turn numbered events into notifications."""
    return notifications.consume(at=timezone.now())


@shared_task
def warn_leads() -> int:
    return notifications.warn_leads(at=timezone.now())


@shared_task
def send_mails() -> int:
    return mailing.send_at_once(at=timezone.now())


@shared_task
def send_digests() -> int:
    return mailing.send_digests(at=timezone.now())


@shared_task
def forget_notifications() -> int:
    return notifications.forget_old(at=timezone.now())
