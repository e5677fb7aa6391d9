"""The evidence of a blind review or golden copy: as the first reviewer had it, without what followed."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cases.models import CasePurpose, ReviewCase
from cases.quality.looks import find_look, first_verdict_of
from cases.selectors import list_moves
from catalog.models import ListingRevision
from console.evidence import Evidence
from console.evidence.applications import ApplicationEvidence
from console.evidence.listings import ListingEvidence, changes_between
from console.evidence.merchants import MerchantEvidence
from console.evidence.orders import OrderEvidence
from core.models import TransitionRecord
from core.refs import Ref
from merchants.progress import assess_application
from orders.models import PaymentStatus

_JUDGED_IN = {"order": "received", "revision": "in_review", "application": "in_review"}


@dataclass(frozen=True)
class Before:
    """The moment at which the first judged: rows with a smaller id were written before."""

    id: int
    at: datetime


def before_of(case: ReviewCase) -> Before | None:
    """Return what a case must not see beyond; None for everyday work. Two queries at most."""
    look = find_look(case) if case.purpose != CasePurpose.WORK else None
    verdict = first_verdict_of(look) if look else None
    return Before(verdict.pk, verdict.created_at) if verdict else None


def as_judged(evidence: Evidence, before: Before | None) -> Evidence:
    """Take out of the evidence what followed the first verdict; two queries at most."""
    if before is None:
        return evidence
    facts = evidence.facts
    if isinstance(facts, OrderEvidence):
        facts = _order(facts, before)
    elif isinstance(facts, ListingEvidence):
        facts = _listing(facts, before)
    elif isinstance(facts, ApplicationEvidence):
        facts = _application(facts, before)
    elif isinstance(facts, MerchantEvidence):
        facts = _merchant(facts, before)
    return Evidence(evidence.template, facts)


def _order(facts: OrderEvidence, before: Before) -> OrderEvidence:
    order = facts.order
    moves = _moves("order", [order.pk], before)
    _set_back("order", [order], moves)
    is_held = order.status == "received" and any(move.action == "hold" for move in moves)
    order.hold_kind = "risk" if is_held else ""
    payments = [one for one in facts.payments if one.occurred_at < before.at]
    if len(payments) < len(facts.payments) or order.payment_status == PaymentStatus.VOIDED:
        # What it stood at then is in its last event of then.
        known = [one.kind for one in payments if one.kind in PaymentStatus.values]
        order.payment_status = known[-1] if known else PaymentStatus.UNPAID
    return replace(
        facts,
        payments=payments,
        shipments=[one for one in facts.shipments if one.shipped_at and one.shipped_at < before.at],
        refunds=[one for one in facts.refunds if one.created_at < before.at],
    )


def _listing(facts: ListingEvidence, before: Before) -> ListingEvidence:
    revision = facts.revision
    others = [one for one in revision.listing.revisions.all() if one.number < revision.number]
    moves = _moves("revision", [revision.pk, *(one.pk for one in others)], before)
    _set_back("revision", [revision, *others], moves)
    live = _newest(one for one in others if one.status == "approved")
    earlier = sorted(others, key=lambda one: -one.number)[:5]
    return replace(facts, live=live, earlier=earlier, changes=changes_between(live, revision))


def _application(facts: ApplicationEvidence, before: Before) -> ApplicationEvidence:
    application = facts.application
    earlier = [one for one in facts.earlier if one.attempt < application.attempt]
    moves = _moves("application", [application.pk, *(one.pk for one in earlier)], before)
    _set_back("application", [application, *earlier], moves)
    return replace(facts, earlier=earlier, requirements=assess_application(application))


def _merchant(facts: MerchantEvidence, before: Before) -> MerchantEvidence:
    _set_back("merchant", [facts.merchant], _moves("merchant", [facts.merchant.pk], before))
    return replace(
        facts,
        scores=[one for one in facts.scores if one.as_of < before.at],
        alerts=[one for one in facts.alerts if one.pk < before.id],
    )


def _moves(kind: str, ids: Collection[int], before: Before) -> list[TransitionRecord]:
    """Return how these moved until then, the newest first."""
    return [move for move in list_moves([Ref(kind, id) for id in ids]) if move.pk < before.id]


def _set_back(kind: str, rows: Iterable[Any], moves: Collection[TransitionRecord]) -> None:
    """Give rows the state that they were in; one without a journal gets that in which it is judged."""
    then: dict[int, str] = {}
    for move in moves:
        then.setdefault(move.subject_id, move.to_state)
    for row in rows:
        row.status = then.get(row.pk) or _JUDGED_IN.get(kind, row.status)


def _newest(revisions: Iterable[ListingRevision]) -> ListingRevision | None:
    return max(revisions, key=lambda one: one.number, default=None)
