"""Writes on review cases: open, refresh, cancel. Claims and verdicts are in their own modules."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from core import audit, journal, outbox
from core.actors import SYSTEM, Actor
from core.refs import Ref
from orders.models import Order, OrderStatus
from risk.models import Decision, Subject

from .announcing import announce
from .claims import claim_case, claim_next, extend_claim, release_claim, release_expired, release_held
from .clocks import resume_clocks, start_clocks
from .models import OPEN, CasePurpose, CaseStatus, Queue, ReviewCase
from .priority import sort_key
from .quality.dropping import drop_open
from .routing import DEFAULT_QUEUES, find_queue
from .selectors import find_open_case
from .settling import drop_waiting, refuse_verdict, settle_due, sign_verdict, undo_verdict, void_waiting
from .states import CASE
from .verdicts import NewVerdict, record_verdict

__all__ = [
    "NewVerdict",
    "cancel_case",
    "cancel_case_of",
    "claim_case",
    "claim_next",
    "close_moot_cases",
    "ensure_default_queues",
    "extend_claim",
    "open_case",
    "record_verdict",
    "refuse_verdict",
    "release_claim",
    "release_expired",
    "release_held",
    "settle_due",
    "sign_verdict",
    "undo_verdict",
]

_TITLE_LENGTH = 200


def open_case(
    decision: Decision | None,
    *,
    subject: Ref,
    title: str,
    value_minor: int,
    at: datetime,
    merchant_id: int | None = None,
    is_blind: bool = False,
    is_first: bool = False,
    actor: Actor = SYSTEM,
) -> ReviewCase:
    """Ask a person about a subject, in the queue the decision names or the subject's default one.

    A subject has one open case: if there is one already, it is brought up to
    date with the new decision and, if it was waiting for the merchant, returns
    to the top of its queue.

    decision      None for a case that people open themselves; then give `merchant_id`
    value_minor   what is at stake, base currency
    is_blind      drawn for the random review sample: holds nothing, only yields a label
    is_first      the subject has only just arrived, so there is no open case to look for
    """
    with journal.unit():
        case = None if is_first else find_open_case(subject, for_update=True)
        if case is not None:
            return _bring_up_to_date(case, decision, actor, at)
        if not is_first:
            drop_open(subject, at=at)
        queue = _queue_for(subject.kind, decision)
        clocks = start_clocks(queue, at)
        case = ReviewCase(
            queue=queue,
            subject_kind=subject.kind,
            subject_id=subject.id,
            merchant_id=decision.merchant_id if decision else merchant_id,
            decision=decision,
            title=title[:_TITLE_LENGTH],
            value_minor=value_minor,
            is_blind=is_blind,
            sort_key=sort_key(clocks.due_at, value_minor, head_start_hours=queue.head_start_hours),
            due_at=clocks.due_at,
            first_touch_due_at=clocks.first_touch_due_at,
            created_at=at,
        )
        journal.add(case)
        CASE.enter(case, actor=actor, state=case.status, action="open")
        outbox.record(
            "review_case.created",
            subject=Ref("case", case.pk),
            merchant_id=None,  # reviewers' business: never in a merchant's feed
            payload={"subject": str(subject), "queue": queue.code},
        )
    return case


def cancel_case(case: ReviewCase, *, actor: Actor, at: datetime, reason_code: str = "") -> None:
    """Close an open case without a verdict, because its subject was withdrawn or decided otherwise."""
    with journal.unit():
        drop_waiting(case, reason_code=reason_code or "case_cancelled")
        CASE.move(
            case,
            "cancel",
            actor=actor,
            reason_code=reason_code,
            claimed_by=None,
            claim_expires_at=None,
            resolved_at=at,
        )


def cancel_case_of(subject: Ref, *, actor: Actor, at: datetime, reason_code: str = "") -> ReviewCase | None:
    """Close a subject's open case, if it has one, because the question no longer stands."""
    with journal.unit():
        case = find_open_case(subject, for_update=True)
        if case is not None:
            cancel_case(case, actor=actor, at=at, reason_code=reason_code)
    return case


def close_moot_cases(*, at: datetime) -> int:
    """Close the open cases of orders that were cancelled elsewhere, e.g. by staff; return how many."""
    cancelled = Order.objects.filter(pk=OuterRef("subject_id"), status=OrderStatus.CANCELLED)
    moot = ReviewCase.objects.filter(Exists(cancelled), subject_kind=Subject.ORDER, status__in=OPEN)
    moot = moot.filter(purpose=CasePurpose.WORK)
    subjects = [Ref(Subject.ORDER, order_id) for order_id in moot.values_list("subject_id", flat=True)]
    closed = [cancel_case_of(subject, actor=SYSTEM, at=at) for subject in subjects]
    return sum(case is not None for case in closed)


def ensure_default_queues() -> None:
    """Create the default queues that are missing; those that exist stay as staff have set them."""
    existing = set(Queue.objects.values_list("code", flat=True))
    subjects_with_default = set(Queue.objects.filter(is_default=True).values_list("subject", flat=True))
    with journal.unit():
        for position, plan in enumerate(DEFAULT_QUEUES):
            if plan.code in existing:
                continue
            queue = Queue.objects.create(
                code=plan.code,
                subject=plan.subject,
                name_en=plan.name_en,
                name_zh=plan.name_zh,
                resolve_hours=plan.resolve_hours,
                needs_senior=plan.is_senior,
                is_default=not plan.is_senior and plan.subject not in subjects_with_default,
                position=position,
            )
            audit.record("queue.created", actor=SYSTEM, subject=Ref("queue", queue.pk))


def _queue_for(subject: str, decision: Decision | None) -> Queue:
    code = decision.queue_code if decision else ""
    queue = find_queue(subject, code, decision)
    if queue is None:
        ensure_default_queues()
        queue = find_queue(subject, code, decision)
    assert queue is not None, f"every subject has a default queue, {subject} has none"
    return queue


def _bring_up_to_date(case: ReviewCase, decision: Decision | None, actor: Actor, at: datetime) -> ReviewCase:
    version = case.evidence_version + 1
    decision = decision or case.decision
    if case.status in {CaseStatus.DECIDED, CaseStatus.AWAITING_SECOND}:
        void_waiting(case, reason_code="evidence_changed", decision=decision, evidence_version=version)
        return case
    if case.status in {CaseStatus.AWAITING_SUBJECT, CaseStatus.ON_HOLD}:
        is_answer = case.status == CaseStatus.AWAITING_SUBJECT
        changes = resume_clocks(case, at=at)
        CASE.move(
            case,
            "return",
            actor=actor,
            decision=decision,
            evidence_version=version,
            held_until=None,
            **changes,
        )
        if is_answer:
            announce(case, "answered", {})
        return case
    case.decision, case.evidence_version = decision, version
    case.save(update_fields=["decision", "evidence_version"])
    return case
