"""Shells for delivery's periodic work."""

from celery import shared_task

from . import sequencer


@shared_task
def sequence() -> int:
    return sequencer.sequence()
