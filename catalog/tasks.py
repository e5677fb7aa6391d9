"""Shells for the catalog's periodic work."""

from celery import shared_task

from . import prices


@shared_task
def refresh_medians() -> int:
    return prices.refresh_medians()
