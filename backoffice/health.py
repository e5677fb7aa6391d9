"""What must answer before this process may take traffic: the database, the broker, the queues."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from celery import current_app
from django.db import connection
from django.utils import timezone

from core.models import OutboxEvent
from orders.selectors import find_oldest_undecided

logger = logging.getLogger(__name__)

# The sweeper runs every few seconds; work left this long means that no worker is at it.
MAX_LAG = timedelta(minutes=2)


@dataclass(frozen=True)
class Check:
    """One dependency's state. `detail` is for operators: no addresses, no secrets."""

    name: str
    is_ok: bool
    detail: str


def check() -> list[Check]:
    """Return every check; one that raises is not ok and does not stop the others."""
    return [_run(name, probe) for name, probe in _PROBES.items()]


def _run(name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(name, is_ok=True, detail=probe())
    except _Lagging as lag:
        return Check(name, is_ok=False, detail=str(lag))
    except Exception:
        logger.exception("health_check_failed", extra={"check": name})
        return Check(name, is_ok=False, detail="unavailable")


class _Lagging(Exception):
    """Work waits longer than MAX_LAG."""


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.vendor


def _broker() -> str:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)
        return str(broker.transport.driver_name)


def _decisions() -> str:
    order = find_oldest_undecided()
    return _lag("order", order.known_at if order else None)


def _outbox() -> str:
    event = OutboxEvent.objects.filter(sequence=None).order_by("id").first()
    return _lag("event", event.created_at if event else None)


def _lag(noun: str, since: object) -> str:
    if since is None:
        return "no backlog"
    age = timezone.now() - since  # type: ignore[operator]
    text = f"oldest {noun} waits {age.total_seconds():.0f} s"
    if age > MAX_LAG:
        raise _Lagging(text)
    return text


_PROBES: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "decisions": _decisions,
    "outbox": _outbox,
}
