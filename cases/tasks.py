"""Shells for what happens to cases by the clock."""

from celery import shared_task
from django.utils import timezone

from . import bulk, claims, measuring, notes, services


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
def delete_removed_files() -> int:
    """Delete the files of notes that were taken back."""
    return notes.delete_removed_files()


@shared_task
def measure_desk() -> int:
    """Measure the desk's last two weeks for its forecast; return how many verdicts there were."""
    verdicts: int = measuring.measure_desk(at=timezone.now()).content["verdicts"]
    return verdicts


@shared_task
def run_bulk_verdict(bulk_id: int) -> None:
    bulk.run_bulk(bulk_id, at=timezone.now())


@shared_task
def resume_bulk_verdicts() -> int:
    """Go on with bulk verdicts that no worker came for, or that a killed one left behind."""
    return bulk.resume_bulks(at=timezone.now())
