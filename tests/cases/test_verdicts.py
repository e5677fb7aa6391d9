"""A verdict is complete, given under a live claim, and changes the subject in the same commit."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from cases.claims import LEASE, claim_case
from cases.models import CaseStatus, ReviewCase, Verdict
from cases.services import NewVerdict, cancel_case, open_case, record_verdict
from core.actors import SYSTEM
from core.errors import Conflict, DomainError, InvalidTransition, PermissionDenied, ValidationFailed
from core.models import AuditEntry, OutboxEvent, TransitionRecord
from core.refs import Ref
from merchants.models import MemberRole, Membership
from orders.models import Order, OrderStatus
from orders.services import decline_order, hold_order
from risk.models import Label
from tests.cases.builders import NOON, make_reviewer
from tests.make import make_order

pytestmark = pytest.mark.django_db


def held_order_case(*, is_blind: bool = False) -> ReviewCase:
    order = make_order(total="1200.00", at=NOON)
    if not is_blind:
        hold_order(order, actor=SYSTEM, at=NOON, reason_codes=["score_elevated"])
    return open_case(
        None,
        subject=Ref("order", order.pk),
        title=order.external_id,
        value_minor=order.base_total_minor,
        merchant_id=order.merchant_id,
        at=NOON,
        is_blind=is_blind,
    )


def verdict_on(case: ReviewCase, kind: str = "approve", **fields: Any) -> NewVerdict:
    fields.setdefault("claim_token", case.claim_token)
    fields.setdefault("evidence_version", case.evidence_version)
    return NewVerdict(kind=kind, **fields)


def claimed_case(user: User, **fields: Any) -> ReviewCase:
    return claim_case(held_order_case(**fields), user, at=NOON)


def order_of(case: ReviewCase) -> Order:
    return Order.objects.get(pk=case.subject_id)


def nothing_happened(case: ReviewCase) -> bool:
    return not Verdict.objects.exists() and not Label.objects.exists() and order_of(case).is_held


def test_approval_releases_the_order_and_labels_it_good() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    order, label = order_of(case), Label.objects.get()
    assert (order.status, order.hold_kind) == (OrderStatus.AWAITING_ACCEPTANCE, "")
    assert (label.is_bad, label.source, label.subject_id) == (False, "verdict", order.pk)
    assert label.buyer_key == order.buyer_key
    closed = ReviewCase.objects.get(pk=case.pk)
    assert (closed.status, closed.claimed_by, closed.resolved_at) == (CaseStatus.RESOLVED, None, NOON)


def test_rejection_declines_the_order_and_labels_it_bad() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    record_verdict(
        case, verdict_on(case, "reject", reason_codes=("confirmed_fraud",)), reviewer=user, at=NOON
    )
    assert order_of(case).status == OrderStatus.DECLINED
    assert Label.objects.get().is_bad is True


def test_verdict_is_journalled_with_its_actor() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    entry = AuditEntry.objects.get(action="verdict.recorded")
    assert (entry.actor_id, entry.detail["kind"]) == (str(user.pk), "approve")
    move = TransitionRecord.objects.get(subject_kind="order", to_state="awaiting_acceptance")
    assert move.actor_id == str(user.pk)
    assert OutboxEvent.objects.filter(type="review_case.resolved").count() == 1


@pytest.mark.parametrize(
    ("kind", "fields", "pointer"),
    [
        ("reject", {}, "/reason_codes"),
        ("escalate", {}, "/reason_codes"),
        ("reject", {"reason_codes": ("no_such_reason",)}, "/reason_codes/0"),
        ("request_info", {"reason_codes": ("other",), "requested": ("title",)}, "/kind"),
        ("banish", {"reason_codes": ("other",)}, "/kind"),
        ("approve", {"note": "x" * 4_001}, "/note"),
    ],
    ids=["reject", "escalate", "unknown reason", "buyers are not asked", "no such verdict", "note too long"],
)
def test_incomplete_verdict_is_refused_without_effect(
    kind: str, fields: dict[str, Any], pointer: str
) -> None:
    user = make_reviewer()
    case = claimed_case(user)
    with pytest.raises(ValidationFailed) as refusal:
        record_verdict(case, verdict_on(case, kind, **fields), reviewer=user, at=NOON)
    assert [error.pointer for error in refusal.value.errors] == [pointer]
    assert nothing_happened(case)


@pytest.mark.parametrize(
    ("fields", "after", "code"),
    [
        ({"claim_token": 0}, timedelta(0), "stale_claim"),
        ({"claim_token": 2}, timedelta(0), "stale_claim"),
        ({}, LEASE, "claim_expired"),
        ({"evidence_version": 0}, timedelta(0), "evidence_changed"),
    ],
    ids=["old token", "token never given", "late", "old evidence"],
)
def test_verdict_on_what_has_changed_is_a_conflict(
    fields: dict[str, Any], after: timedelta, code: str
) -> None:
    user = make_reviewer()
    case = claimed_case(user)
    with pytest.raises(Conflict) as refusal:
        record_verdict(case, verdict_on(case, **fields), reviewer=user, at=NOON + after)
    assert refusal.value.code == code
    assert refusal.value.http_status == 409
    assert nothing_happened(case)


def test_verdict_under_a_claim_that_passed_on_is_a_conflict() -> None:
    first, second = make_reviewer("a@example.com"), make_reviewer("b@example.com")
    case = claimed_case(first)
    late = NOON + LEASE
    claim_case(case, second, at=late)
    with pytest.raises(Conflict) as refusal:
        record_verdict(case, verdict_on(case), reviewer=first, at=late)
    assert refusal.value.code == "stale_claim"
    assert nothing_happened(case)


def test_second_verdict_on_a_closed_case_is_refused() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    with pytest.raises(Conflict) as refusal:
        record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    assert refusal.value.code == "case_closed"
    assert Verdict.objects.count() == 1


def test_unclaimed_case_takes_no_verdict() -> None:
    case = held_order_case()
    with pytest.raises(Conflict):
        record_verdict(case, verdict_on(case), reviewer=make_reviewer(), at=NOON)


def test_member_who_joined_the_merchant_after_claiming_cannot_decide() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    Membership.objects.create(user=user, merchant=order_of(case).merchant, role=MemberRole.ORDERS)
    with pytest.raises(PermissionDenied):
        record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    assert nothing_happened(case)


def test_verdict_that_the_subject_refuses_leaves_the_case_open() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    decline_order(order_of(case), actor=SYSTEM, at=NOON, reason_codes=["other"])
    with pytest.raises(InvalidTransition):
        record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    assert ReviewCase.objects.get(pk=case.pk).status == CaseStatus.CLAIMED
    assert not Verdict.objects.exists()


@pytest.mark.parametrize(("kind", "is_bad"), [("approve", False), ("reject", True)])
def test_blind_verdict_labels_and_leaves_the_order_alone(kind: str, is_bad: bool) -> None:
    user = make_reviewer()
    case = claimed_case(user, is_blind=True)
    before = order_of(case).status
    record_verdict(case, verdict_on(case, kind, reason_codes=("other",)), reviewer=user, at=NOON)
    assert order_of(case).status == before
    assert Label.objects.get().is_bad is is_bad


def test_escalated_case_waits_for_a_senior_who_did_not_escalate_it() -> None:
    user = make_reviewer(role=Role.SENIOR_REVIEWER)
    case = claimed_case(user)
    record_verdict(case, verdict_on(case, "escalate", reason_codes=("other",)), reviewer=user, at=NOON)
    case = ReviewCase.objects.select_related("queue").get(pk=case.pk)
    assert (case.status, case.queue.code, case.claimed_by) == (CaseStatus.QUEUED, "orders_senior", None)
    assert order_of(case).is_held
    assert not Label.objects.exists()
    with pytest.raises(PermissionDenied):
        claim_case(case, user, at=NOON)
    other = make_reviewer("other@example.com", role=Role.SENIOR_REVIEWER)
    case = claim_case(case, other, at=NOON)
    with pytest.raises(ValidationFailed):  # there is nobody above the senior queue
        record_verdict(case, verdict_on(case, "escalate", reason_codes=("other",)), reviewer=other, at=NOON)
    record_verdict(case, verdict_on(case), reviewer=other, at=NOON)
    assert not order_of(case).is_held


def test_database_refuses_a_rejection_without_reasons() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    with pytest.raises(IntegrityError), transaction.atomic():
        Verdict.objects.create(
            case=case, kind="reject", reviewer=user, claim_token=9, evidence_version=1, created_at=NOON
        )


def test_database_refuses_two_verdicts_under_one_claim() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Verdict.objects.create(
            case=case, kind="approve", reviewer=user, claim_token=1, evidence_version=1, created_at=NOON
        )


def test_cancelled_case_takes_no_verdict() -> None:
    user = make_reviewer()
    case = claimed_case(user)
    cancel_case(case, actor=SYSTEM, at=NOON, reason_code="withdrawn")
    with pytest.raises(DomainError) as refusal:
        record_verdict(case, verdict_on(case), reviewer=user, at=NOON)
    assert refusal.value.code == "case_closed"
