"""What a brake held is decided again: it waits for people because of a rule that no longer counts."""

import logging
from collections.abc import Iterator
from datetime import datetime

from cases.models import CasePurpose, CaseStatus, ReviewCase
from cases.services import cancel_case_of
from core import journal
from core.actors import SYSTEM
from core.refs import Ref
from orders.models import Order, OrderStatus
from risk.models import Brake, Outcome, Subject
from risk.services import note_redecided

from . import pipeline

logger = logging.getLogger(__name__)
_CHUNK = 200


def redecide_held(brake_id: int, *, at: datetime) -> int:
    """Decide again the orders held because of a braked rule or model; return how many left the queue.

    A case that somebody is working on stays theirs. Running it again finds
    nothing more to do: what is still held was held by something else as well.
    """
    brake = Brake.objects.filter(pk=brake_id, released_at=None, redecided_at=None).first()
    if brake is None:
        return 0
    freed = 0
    if brake.subject == Subject.ORDER:
        for case_id in _held_by(brake):
            try:
                freed += _redecide(case_id, at=at)
            except Exception:
                # One order that cannot be decided must not keep the others waiting.
                logger.exception("redecide_failed", extra={"case": case_id})
    note_redecided(brake, freed=freed, at=at)
    return freed


def _held_by(brake: Brake) -> Iterator[int]:
    """Yield the queued cases whose decision the braked rule hit, or the braked model scored."""
    cases = ReviewCase.objects.filter(
        subject_kind=Subject.ORDER,
        purpose=CasePurpose.WORK,
        status=CaseStatus.QUEUED,
        is_blind=False,
        decision__outcome=Outcome.REVIEW,
    )
    if not brake.rule_code:
        cases = cases.filter(decision__model_id=brake.model_id)
    last = 0
    while chunk := list(cases.filter(pk__gt=last).select_related("decision").order_by("pk")[:_CHUNK]):
        for case in chunk:
            assert case.decision is not None
            evaluation = case.decision.snapshot.get("evaluation") or {}
            is_muted = brake.rule_code in (evaluation.get("muted") or {})
            is_hit = (evaluation.get("results") or {}).get(brake.rule_code) is True and not is_muted
            if is_hit or not brake.rule_code:
                yield case.pk
        last = chunk[-1].pk


def _redecide(case_id: int, *, at: datetime) -> bool:
    """Decide the case's order again unless somebody is at it; True if it no longer waits."""
    with journal.unit():
        # The case before the order, as a verdict locks them; a reviewer who is claiming it is not waited for.
        free = ReviewCase.objects.select_for_update(skip_locked=True).filter(status=CaseStatus.QUEUED)
        case = free.filter(pk=case_id).first()
        if case is None:
            return False
        order = Order.objects.select_for_update().get(pk=case.subject_id)
        if order.status != OrderStatus.RECEIVED or not order.is_held:
            return False
        if pipeline.decide_held_order(order, at=at).outcome == Outcome.REVIEW:
            return False
        cancel_case_of(Ref(Subject.ORDER, order.pk), actor=SYSTEM, at=at, reason_code="rule_braked")
        return True
