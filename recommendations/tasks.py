"""Shell for the training queue: fitting loads SciPy."""

from celery import shared_task
from django.utils import timezone

from . import services


@shared_task
def refresh() -> None:
    services.refresh(as_of=timezone.now())
