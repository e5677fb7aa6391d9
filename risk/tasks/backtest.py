"""Shells for backtests, in the training queue: they need memory and nobody waits for them."""

from celery import shared_task
from django.utils import timezone

from risk import runs
from risk.backtest import running


@shared_task
def run_backtest(backtest_id: int) -> None:
    running.run(backtest_id, at=timezone.now())


@shared_task
def resume_abandoned() -> int:
    return runs.resume_abandoned(runs.BACKTESTS, at=timezone.now())
