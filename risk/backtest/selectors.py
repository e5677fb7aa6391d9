"""Reads on backtests."""

from datetime import datetime

from django.db.models import QuerySet

from core.errors import NotFound
from risk.models import Backtest
from risk.selectors import find_fresh_backtest


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
    """Return the newest finished backtest of exactly this content that an approval may rest on."""
    return find_fresh_backtest(content_hash, at=at)
