"""The sweeper: decides what was received and whose task was lost on the way.

The row is the truth; a message to a worker is only the quick way. Whatever has
waited longer than a message should take is decided here, oldest first.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from catalog.models import ListingRevision, RevisionStatus
from merchants.models import ApplicationStatus, MerchantApplication
from orders.models import Order, OrderStatus
from risk.models import Decision

from . import pipeline

logger = logging.getLogger(__name__)

# A healthy worker takes a task within a second; after this one it is lost, or its worker is.
GRACE = timedelta(seconds=10)
BATCH = 500


def sweep(*, at: datetime, grace: timedelta = GRACE) -> int:
    """Decide what waits since before `at - grace`; return how many decisions were made."""
    before = at - grace
    orders = Order.objects.filter(status=OrderStatus.RECEIVED, decided_at=None, created_at__lt=before)
    applications = MerchantApplication.objects.filter(
        status=ApplicationStatus.SUBMITTED, submitted_at__lt=before
    )
    revisions = ListingRevision.objects.filter(status=RevisionStatus.SUBMITTED, submitted_at__lt=before)
    return (
        _decide_each(_oldest(orders), pipeline.decide_received_order, at)
        + _decide_each(_oldest(applications), pipeline.decide_submitted_application, at)
        + _decide_each(_oldest(revisions), pipeline.decide_submitted_revision, at)
    )


def _oldest(rows: QuerySet[Any]) -> list[int]:
    return list(rows.order_by("id").values_list("pk", flat=True)[:BATCH])


def _decide_each(ids: Iterable[int], decide: Callable[..., Decision | None], at: datetime) -> int:
    made = 0
    for id in ids:
        try:
            made += decide(id, at=at) is not None
        except Exception:
            # One subject that cannot be decided must not hold back the ones behind it.
            logger.exception("sweep_failed", extra={"id": id})
    return made
