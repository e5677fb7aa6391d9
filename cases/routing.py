"""Which queue a case goes to."""

from dataclasses import dataclass

from risk.models import Subject

from .models import Queue


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


def find_queue(subject: str, code: str = "") -> Queue | None:
    """Return the queue that a rule named, else the subject's default queue.

    A code that names no queue of this subject is ignored: a case in the
    general queue is seen, a case in none is lost.
    """
    queues = {queue.code: queue for queue in Queue.objects.filter(subject=subject)}
    default = next((queue for queue in queues.values() if queue.is_default), None)
    return queues.get(code) or default


def find_senior_queue(subject: str) -> Queue | None:
    """Return where escalated cases of a subject go, None if there is no such queue."""
    return Queue.objects.filter(subject=subject, needs_senior=True).first()
