"""Which queue a case goes to."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from risk.models import Decision, Subject
from risk.rules.errors import ExpressionError
from risk.rules.expression import parse
from risk.rules.scalar import Judge, compile_conditions
from risk.schemas import schema_of

from .models import CaseStatus, Queue, ReviewCase

logger = logging.getLogger(__name__)

_CODE = "queue"


@dataclass(frozen=True)
class QueuePlan:
    """A queue that every installation starts with; staff change it in the admin afterwards."""

    code: str
    subject: str
    name_en: str
    name_zh: str
    resolve_hours: int
    is_senior: bool = False


# Hours from the default clocks: a held order keeps a buyer waiting and has to be accepted within 24 h,
# listings are promised within 24 h, applications within two business days.
DEFAULT_QUEUES = (
    QueuePlan("orders", Subject.ORDER, "Orders", "订单", 12),
    QueuePlan("listings", Subject.LISTING, "Listings", "商品", 24),
    QueuePlan("applications", Subject.APPLICATION, "Applications", "入驻申请", 48),
    QueuePlan("merchant_alerts", Subject.MERCHANT, "Merchant alerts", "商家预警", 72),
    QueuePlan("orders_senior", Subject.ORDER, "Orders, senior", "订单（高级）", 12, is_senior=True),
    QueuePlan("listings_senior", Subject.LISTING, "Listings, senior", "商品（高级）", 24, is_senior=True),
    QueuePlan(
        "applications_senior",
        Subject.APPLICATION,
        "Applications, senior",
        "入驻申请（高级）",
        48,
        is_senior=True,
    ),
)


def find_queue(subject: str, code: str = "", decision: Decision | None = None) -> Queue | None:
    """Return the queue that a rule named, else the first that matches and has room, else the default one.

    A code that names no queue of this subject is ignored: a case in the
    general queue is seen, a case in none is lost. Two queries, and one more for
    each matching queue with a capacity.

    decision    None for a case without facts: no condition is true of it
    """
    queues = list(Queue.objects.filter(subject=subject).select_related("calendar"))
    if named := next((queue for queue in queues if code and queue.code == code), None):
        return named
    choosy = [queue for queue in queues if queue.condition]
    values = _facts_of(decision) if choosy and decision is not None else {}
    for queue in choosy:
        if values and _matches(queue.condition, subject, values) and _has_room(queue):
            return queue
    return next((queue for queue in queues if queue.is_default), None)


def _facts_of(decision: Decision) -> Mapping[str, Any]:
    """Return what the decision saw; nothing if another version of the code made it."""
    from risk.replay import Unreplayable, seen_by

    try:
        return seen_by(decision).values
    except Unreplayable:
        return {}


def _matches(condition: str, subject: str, values: Mapping[str, Any]) -> bool:
    """Tell whether it is true; false and missing both leave the case to the next queue."""
    judge = _compiled(condition, subject)
    return judge is not None and judge(values, {}, {})[_CODE] is True


@lru_cache(maxsize=256)
def _compiled(condition: str, subject: str) -> Judge | None:
    try:
        return compile_conditions({_CODE: parse(condition, schema_of(subject))})
    except ExpressionError:
        # Fine when it was saved, and a field has gone since: the queue takes nothing, the default does.
        logger.warning("queue_condition_unreadable", extra={"condition": condition, "subject": subject})
        return None


def _has_room(queue: Queue) -> bool:
    if queue.capacity is None:
        return True
    taken = ReviewCase.objects.filter(queue=queue, status__in=[CaseStatus.QUEUED, CaseStatus.CLAIMED])
    return taken[: queue.capacity].count() < queue.capacity


def find_senior_queue(subject: str) -> Queue | None:
    """Return where escalated cases of a subject go, None if there is no such queue."""
    return Queue.objects.filter(subject=subject, needs_senior=True).first()
