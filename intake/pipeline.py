"""The whole story: what arrives is written, judged, acted on, and shown to a person where needed.

Read this module first. Everything it calls lies below it.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

import catalog.services
import merchants.services
import orders.services
from cases.selectors import list_cases_of
from cases.services import cancel_case_of, open_case
from catalog.models import ListingRevision, RevisionStatus
from core import journal, outbox
from core.actors import SYSTEM, Actor
from core.limits import TookTooLong
from core.outbox import TaskCall
from core.refs import Ref
from merchants.models import ApplicationStatus, Merchant, MerchantApplication
from orders.models import Order, OrderStatus
from orders.placing import NewOrder
from risk import accounts
from risk.decide import decide_account, decide_application, decide_order, decide_revision
from risk.models import Decision, Outcome

logger = logging.getLogger(__name__)

# A rule with this tag asks the merchant to fix something instead of asking a reviewer to look.
ASK_MERCHANT = "ask_merchant"

# After a verdict on a merchant account the same reasons are not asked about again for as long.
QUIET = timedelta(days=14)

DECIDE_ORDER = TaskCall("intake.tasks.decide_order")
EXPLAIN = "risk.tasks.decide.explain_decision"
DECIDE_APPLICATION = "intake.tasks.decide_application"
DECIDE_REVISION = "intake.tasks.decide_revision"


@dataclass(frozen=True)
class Submission:
    """A placed order and its decision; None = it was received and a worker will decide it."""

    order: Order
    decision: Decision | None


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────
def submit_order(
    merchant: Merchant, new: NewOrder, *, actor: Actor, at: datetime, wait: bool = True
) -> Submission:
    """Place an order and, if the caller waits, decide it in the same commit.

    If judging fails the order is still committed as received, and a worker
    decides it later. Raises ValidationFailed; the unit that this is part of
    raises Conflict at its end for a number that the merchant already has.
    """
    with journal.unit():
        order = orders.services.place_order(
            merchant, new, actor=actor, at=at, send=() if wait else (DECIDE_ORDER,)
        )
        decision = _try(lambda: _judge_order(order, at=at), order.pk, savepoint=False) if wait else None
    return Submission(order, decision)


def decide_received_order(order_id: int, *, at: datetime) -> Decision | None:
    """Decide an order that was received; None if it is already decided, so a repeat changes nothing."""
    with journal.unit():
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status != OrderStatus.RECEIVED or order.decided_at is not None:
            return None
        return _judge_order(order, at=at)


def decide_held_order(order: Order, *, at: datetime) -> Decision:
    """Decide an order again that is held and locked, as of its arrival but by what is live now."""
    return _judge_order(order, at=at)


def _judge_order(order: Order, *, at: datetime) -> Decision:
    """Decide with the whole history; if reading it takes too long, without, so that a person looks."""
    try:
        with journal.unit(savepoint=True):
            return _decide_order(order, at=at)
    except TookTooLong:
        logger.warning("history_too_slow", extra={"subject_id": order.pk})
    with journal.unit(savepoint=True):
        return _decide_order(order, at=at, sees_history=False)


def _decide_order(order: Order, *, at: datetime, sees_history: bool = True) -> Decision:
    # Decided as of its arrival, however late the worker: what came in between must not change the answer.
    decision = decide_order(order, as_of=order.known_at, sees_history=sees_history)
    _announce(decision)
    codes = decision.reason_codes
    if decision.outcome == Outcome.APPROVE:
        orders.services.approve_order(order, actor=SYSTEM, at=at, reason_codes=codes)
    elif decision.outcome == Outcome.DECLINE:
        orders.services.decline_order(order, actor=SYSTEM, at=at, reason_codes=codes)
    else:
        orders.services.hold_order(order, actor=SYSTEM, at=at, reason_codes=codes)
    if decision.outcome == Outcome.REVIEW or decision.is_sampled:
        open_case(
            decision,
            subject=Ref("order", order.pk),
            title=order.external_id,
            value_minor=order.base_total_minor,
            at=at,
            is_blind=decision.is_sampled,
            is_first=journal.waits(order),
        )
    return decision


# ── Merchant applications ────────────────────────────────────────────────────────────────────────
def submit_application(
    application: MerchantApplication, *, actor: Actor, at: datetime, wait: bool = True
) -> None:
    """Take an application in; decide it now or later. ValidationFailed names what is missing."""
    with journal.unit():
        send = () if wait else (TaskCall(DECIDE_APPLICATION, (application.pk,)),)
        merchants.services.submit_application(application, actor=actor, at=at, send=send)
        if wait:
            _try(lambda: _decide_application(application, at=at), application.pk)


def decide_submitted_application(application_id: int, *, at: datetime) -> Decision | None:
    """Decide an application that waits; None if it no longer does."""
    with journal.unit():
        application = MerchantApplication.objects.select_for_update().get(pk=application_id)
        if application.status != ApplicationStatus.SUBMITTED:
            return None
        return _decide_application(application, at=at)


def _decide_application(application: MerchantApplication, *, at: datetime) -> Decision:
    merchants.services.begin_screening(application, actor=SYSTEM)
    decision = decide_application(application, as_of=application.known_at)
    _announce(decision)
    codes = decision.reason_codes
    if decision.outcome == Outcome.APPROVE and not decision.is_sampled:
        merchants.services.approve_application(application, actor=SYSTEM, at=at, reason_codes=codes)
    elif decision.outcome == Outcome.DECLINE:
        merchants.services.reject_application(application, actor=SYSTEM, at=at, reason_codes=codes)
    elif ASK_MERCHANT in decision.tags:
        items = merchants.services.items_to_fix(application, codes)
        merchants.services.request_information(application, items, actor=SYSTEM, at=at)
    else:
        merchants.services.review_application(application, actor=SYSTEM, at=at, reason_codes=codes)
        open_case(
            decision,
            subject=Ref("application", application.pk),
            title=application.company_name,
            value_minor=0,
            at=at,
        )
        return decision
    # A case that waited for this applicant's answer has nothing left to ask.
    cancel_case_of(Ref("application", application.pk), actor=SYSTEM, at=at)
    return decision


# ── Listing revisions ────────────────────────────────────────────────────────────────────────────
def submit_revision(revision: ListingRevision, *, actor: Actor, at: datetime, wait: bool = True) -> None:
    """Take a listing revision in; decide it now, or let a worker do so."""
    with journal.unit():
        send = () if wait else (TaskCall(DECIDE_REVISION, (revision.pk,)),)
        catalog.services.submit_revision(revision, actor=actor, at=at, send=send)
        if wait:
            _try(lambda: _decide_revision(revision, at=at), revision.pk)


def decide_submitted_revision(revision_id: int, *, at: datetime) -> Decision | None:
    """Decide a revision that waits; None if it no longer does."""
    with journal.unit():
        revision = ListingRevision.objects.select_for_update(of=("self",)).get(pk=revision_id)
        if revision.status != RevisionStatus.SUBMITTED:
            return None
        return _decide_revision(revision, at=at)


def _decide_revision(revision: ListingRevision, *, at: datetime) -> Decision:
    catalog.services.begin_screening(revision, actor=SYSTEM)
    decision = decide_revision(revision, as_of=revision.known_at)
    _announce(decision)
    codes = decision.reason_codes
    if decision.outcome == Outcome.APPROVE:
        catalog.services.approve_revision(revision, actor=SYSTEM, at=at, reason_codes=codes)
    elif decision.outcome == Outcome.DECLINE:
        catalog.services.reject_revision(revision, actor=SYSTEM, at=at, reason_codes=codes)
    elif ASK_MERCHANT in decision.tags:
        catalog.services.request_changes(revision, actor=SYSTEM, at=at, reason_codes=codes)
    else:
        catalog.services.review_revision(revision, actor=SYSTEM, at=at, reason_codes=codes)
    needs_person = decision.outcome == Outcome.REVIEW and ASK_MERCHANT not in decision.tags
    if needs_person or decision.is_sampled:
        open_case(
            decision,
            subject=Ref("listing", revision.pk),
            title=revision.title,
            value_minor=revision.base_price_minor,
            at=at,
            is_blind=decision.is_sampled,
        )
    else:
        cancel_case_of(Ref("listing", revision.pk), actor=SYSTEM, at=at)
    return decision


# ── Merchant accounts ────────────────────────────────────────────────────────────────────────────
def judge_account(merchant_id: int, *, at: datetime) -> Decision | None:
    """Judge a merchant account; None if it does not sell or was never scored.

    Nothing happens to the account: a review opens a case, a decline one with the proposal to restrict it.
    """
    with journal.unit():
        # Locked, so that two judgements at once cannot both find that nobody was asked yet.
        selling = Merchant.objects.select_for_update().exclude(status__in=accounts.NOT_SELLING)
        merchant = selling.filter(pk=merchant_id).first()
        if merchant is None or merchant.account_score is None:
            return None
        decision = decide_account(merchant, as_of=at)
        if decision.outcome == Outcome.APPROVE or _is_asked_already(decision, at=at):
            return decision
        _announce(decision)
        open_case(decision, subject=Ref("merchant", merchant.pk), title=merchant.name, value_minor=0, at=at)
        if decision.outcome == Outcome.DECLINE:
            accounts.propose_restriction(merchant, merchant.account_score, at=at)
        return decision


def _is_asked_already(decision: Decision, *, at: datetime) -> bool:
    """Tell whether a case that is open, or was closed lately, asks the same or worse about the account."""
    cases = list_cases_of(Ref("merchant", decision.subject_id)).select_related("decision")
    case = cases.first()
    if case is None or case.decision is None:
        return False
    if case.resolved_at is not None and case.resolved_at < at - QUIET:
        return False
    is_worse = decision.outcome == Outcome.DECLINE and case.decision.outcome != Outcome.DECLINE
    return not is_worse and set(decision.reason_codes) <= set(case.decision.reason_codes)


# ── What every decision leaves behind ────────────────────────────────────────────────────────────
def _announce(decision: Decision) -> None:
    """Tell of a decision that somebody will ask about, and have it explained right after the commit."""
    if decision.outcome == Outcome.APPROVE:
        return
    outbox.record(
        "decision.recorded",
        subject=Ref("decision", decision.pk),
        merchant_id=decision.merchant_id,
        payload={"subject": decision.subject_kind, "outcome": decision.outcome},
        send=[TaskCall(EXPLAIN, (decision.pk,))],
    )


# ── When judging fails ───────────────────────────────────────────────────────────────────────────
def _try(decide: Callable[[], Decision], id: int, *, savepoint: bool = True) -> Decision | None:
    """Decide behind a savepoint; if that fails only the judgement is lost, and the sweeper repeats it.

    savepoint    False where `decide` takes its own
    """
    try:
        with journal.unit(savepoint=True) if savepoint else nullcontext():
            return decide()
    except Exception:
        logger.exception("decision_failed", extra={"subject_id": id})
        return None
