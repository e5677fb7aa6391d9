"""Shells for what happens to cases by the clock."""

from celery import shared_task
from django.utils import timezone

from . import bulk, claims, services


@shared_task
def release_expired_leases() -> int:
    """Put abandoned cases back into their queues."""
    return claims.release_expired(at=timezone.now())


@shared_task
def return_held() -> int:
    """Put cases back whose time aside is over."""
    return claims.release_held(at=timezone.now())


@shared_task
def settle_verdicts() -> int:
    """Let verdicts take effect that nobody undid."""
    return services.settle_due(at=timezone.now())


@shared_task
def close_moot() -> int:
    """Close cases whose question has gone."""
    return services.close_moot_cases(at=timezone.now())


@shared_task
def run_bulk_verdict(bulk_id: int) -> None:
    bulk.run_bulk(bulk_id, at=timezone.now())


@shared_task
def resume_bulk_verdicts() -> int:
    """Go on with bulk verdicts that no worker came for, or that a killed one left behind."""
    return bulk.resume_bulks(at=timezone.now())
