"""Shells for the decisions queue, and the sweeper behind it."""

import logging

from celery import shared_task
from django.utils import timezone

from . import pipeline, redeciding, rounds, sweeping

logger = logging.getLogger(__name__)


@shared_task
def decide_order(order_id: int) -> None:
    pipeline.decide_received_order(order_id, at=timezone.now())


@shared_task
def decide_application(application_id: int) -> None:
    pipeline.decide_submitted_application(application_id, at=timezone.now())


@shared_task
def decide_revision(revision_id: int) -> None:
    pipeline.decide_submitted_revision(revision_id, at=timezone.now())


@shared_task
def redecide_held(brake_id: int) -> int:
    return redeciding.redecide_held(brake_id, at=timezone.now())


@shared_task
def judge_account(merchant_id: int) -> None:
    pipeline.judge_account(merchant_id, at=timezone.now())


@shared_task
def judge_accounts(after_id: int = 0) -> int:
    return rounds.judge_next(after_id, at=timezone.now())


@shared_task
def sweep() -> int:
    return sweeping.sweep(at=timezone.now())
