"""Shells that look after what is live: schedules, snoozes, the brake, shadows and the watch over models."""

from celery import shared_task
from django.utils import timezone

from risk import monitoring, services, shadow, watch


@shared_task
def start_scheduled() -> int:
    """Put scheduled rulesets live whose moment has come."""
    return services.start_scheduled(at=timezone.now())


@shared_task
def close_expired_snoozes() -> int:
    return services.close_expired_snoozes(at=timezone.now())


@shared_task
def brake_rules() -> int:
    return len(monitoring.brake_rules(at=timezone.now()))


@shared_task
def brake_models() -> int:
    return len(monitoring.brake_models(at=timezone.now()))


@shared_task
def score_shadows() -> int:
    return shadow.score_recent(at=timezone.now())


@shared_task
def measure_models() -> int:
    """Tell how every champion and shadow did up to today."""
    return watch.measure_models(at=timezone.now())
