"""Shells that look after what is live: schedules, snoozes and the automatic brake."""

from celery import shared_task
from django.utils import timezone

from risk import monitoring, services


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
