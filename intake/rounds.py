"""The nightly round: every merchant account that traded is judged, whether or not its score moved."""

import logging
from datetime import datetime

from django.db.models import Exists, OuterRef

from core import journal, outbox
from core.outbox import TaskCall
from core.refs import Ref
from merchants.models import Merchant
from orders.health import WINDOW
from orders.models import Order
from risk.accounts import NOT_SELLING

from . import pipeline

logger = logging.getLogger(__name__)

BATCH = 50  # a second or two of one worker
JUDGE_NEXT = "intake.tasks.judge_accounts"


def judge_next(after_id: int, *, at: datetime) -> int:
    """Judge the next merchants by id and send for those behind them; return how many these were.

    In batches, so that orders which come in meanwhile are decided in between.
    """
    traded = Order.objects.filter(merchant=OuterRef("pk"), occurred_at__gte=at - WINDOW)
    due = Merchant.objects.exclude(status__in=NOT_SELLING).filter(
        Exists(traded), pk__gt=after_id, account_score__isnull=False
    )
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:BATCH])
    for id in ids:
        try:
            pipeline.judge_account(id, at=at)
        except Exception:
            # One account that cannot be judged must not end the round.
            logger.exception("judge_failed", extra={"merchant": id})
    if len(ids) == BATCH:
        with journal.unit():
            outbox.record(
                "merchant.round_continued",
                subject=Ref("merchant", ids[-1]),
                merchant_id=None,
                send=[TaskCall(JUDGE_NEXT, (ids[-1],))],
            )
    return len(ids)
