"""Shells that keep the rollups of busy keys, and the nightly comparison of both computations."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from risk import parity, rollups

# Three times the interval between runs, so that a skipped one is made up for.
_LOOK_BACK = timedelta(minutes=1)
# By then the last of the day's transactions has ended, and its rows are as they will stay.
_SETTLED = timedelta(minutes=10)


@shared_task
def advance() -> int:
    """Give keys that have become busy a rollup, and move every watermark."""
    now = timezone.now()
    rollups.enlist(at=now, since=now - _LOOK_BACK)
    return rollups.advance(at=now)


@shared_task
def tidy() -> None:
    """Look through all history for busy keys, which imports may have brought, and drop what nobody reads."""
    now = timezone.now()
    rollups.prune(at=now)
    rollups.enlist(at=now)
    rollups.advance(at=now)


@shared_task
def measure_parity() -> None:
    """Compare the last day's stored inputs with their recomputation."""
    until = timezone.now() - _SETTLED
    parity.measure(since=until - timedelta(days=1), until=until, at=timezone.now())
