"""Reads on backtests."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from core.errors import NotFound
from risk.models import Backtest

# How long a backtest speaks for what it tested: labels and traffic of a week do not turn a result over.
FRESH_FOR = timedelta(days=7)


def list_backtests(subject: str | None = None) -> QuerySet[Backtest]:
    """List backtests, newest first, without their results, which are large."""
    rows = Backtest.objects.select_related("ruleset", "baseline", "requested_by").defer("result")
    rows = rows.order_by("-id")
    return rows if subject is None else rows.filter(subject=subject)


def get_backtest(backtest_id: int) -> Backtest:
    try:
        return Backtest.objects.select_related("ruleset", "baseline", "requested_by").get(pk=backtest_id)
    except Backtest.DoesNotExist:
        raise NotFound("No such backtest.") from None


def find_fresh(content_hash: str, at: datetime) -> Backtest | None:
    """Return the newest finished backtest of exactly this content that is at most seven days old."""
    return (
        Backtest.objects.filter(
            content_hash=content_hash,
            kind=Backtest.Kind.RULESET,
            status=Backtest.Status.FINISHED,
            finished_at__gte=at - FRESH_FOR,
            finished_at__lte=at,
        )
        .order_by("-finished_at")
        .first()
    )
