"""Decisions against a merchant, and appeals against them, for tests."""

from collections.abc import Sequence
from typing import Any

from accounts.actors import actor_of
from accounts.models import User
from cases.appealing import open_appeal
from cases.models import Appeal, ReviewCase, Verdict
from cases.services import NewVerdict, claim_case, open_case, record_verdict
from catalog import services as catalog
from core.actors import SYSTEM, Actor
from core.models import Statement
from core.refs import Ref
from merchants import services as merchants
from merchants.models import Merchant
from orders.services import hold_order
from tests.make import NOON, make_application, make_merchant, make_order, make_revision

MEMBER = Actor("api_key", "1")


def ask(kind: str, row: Any, *, merchant: Merchant) -> ReviewCase:
    return open_case(
        None, subject=Ref(kind, row.pk), title="A-17", value_minor=0, at=NOON, merchant_id=merchant.pk
    )


def waiting(kind: str, merchant: Merchant | None = None) -> tuple[Any, ReviewCase]:
    """Return an order, a listing's revision or an application with the case that it waits for."""
    merchant = merchant or make_merchant(status="onboarding" if kind == "application" else "active")
    if kind == "order":
        row: Any = make_order(merchant, external_id="A-17")
        hold_order(row, actor=SYSTEM, at=NOON, reason_codes=["velocity_card"])
    elif kind == "listing":
        row = make_revision(merchant, submitted=True)
        catalog.begin_screening(row)
        catalog.review_revision(row, at=NOON, reason_codes=["banned_term"])
    else:
        row = make_application(merchant)
        merchants.submit_application(row, actor=SYSTEM, at=NOON)
        merchants.begin_screening(row)
        merchants.review_application(row, at=NOON, reason_codes=["document_reused"])
    return row, ask(kind, row, merchant=merchant)


def decide(
    case: ReviewCase,
    reviewer: User,
    kind: str = "reject",
    *,
    message: str = "",
    codes: Sequence[str] = ("other",),
) -> Verdict:
    """Claim a case and give a verdict."""
    claimed = claim_case(case, reviewer, at=NOON)
    verdict = NewVerdict(
        kind, claimed.claim_token, claimed.evidence_version, reason_codes=tuple(codes), message=message
    )
    return record_verdict(claimed, verdict, reviewer=reviewer, at=NOON)


def refused(kind: str, reviewer: User, merchant: Merchant | None = None) -> tuple[Any, Statement]:
    """Return a subject that a reviewer decided against, and its statement of reasons."""
    row, case = waiting(kind, merchant)
    decide(case, reviewer)
    row.refresh_from_db()
    return row, Statement.objects.filter(subject_id=row.pk).latest("pk")


def appeal(
    statement: Statement, *, text: str = "That is my customer.", by: User | None = None, **more: Any
) -> Appeal:
    """Open an appeal as the merchant's system, or as a member."""
    actor = actor_of(by) if by else MEMBER
    return open_appeal(statement, text=text, actor=actor, at=more.pop("at", NOON), **more)
