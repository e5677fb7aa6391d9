"""Verdicts that are looked at again, for tests."""

from typing import Any

from accounts.models import User
from cases.claims import claim_case
from cases.models import Queue, ReviewCase, Verdict
from cases.quality.models import LookKind, SecondLook
from cases.services import ensure_default_queues, record_verdict
from core.ids import new_id
from tests.cases.builders import NOON, make_queue
from tests.cases.test_verdicts import held_order_case, verdict_on

FRAUD = ("confirmed_fraud",)


def review_all_twice(share: float = 1.0) -> None:
    ensure_default_queues()
    Queue.objects.update(blind_share=share)


def judge(case: ReviewCase, user: User, kind: str = "approve", **fields: Any) -> Verdict:
    """Claim a case and decide it at once."""
    if kind == "reject":
        fields.setdefault("reason_codes", FRAUD)
    claimed = claim_case(case, user, at=NOON)
    return record_verdict(claimed, verdict_on(claimed, kind, **fields), reviewer=user, at=NOON)


def reviewed_twice(user: User, kind: str = "approve", **fields: Any) -> SecondLook:
    """Return the open look at a verdict on a held order."""
    review_all_twice()
    judge(held_order_case(), user, kind, **fields)
    return SecondLook.objects.select_related("case__queue", "original").latest("pk")


def differing(first: User, second: User, kinds: tuple[str, str] = ("reject", "approve")) -> SecondLook:
    """Return a look in which two reviewers said different things."""
    look = reviewed_twice(first, kinds[0])
    judge(look.case, second, kinds[1])
    look.refresh_from_db()
    return look


def golden_looks(user: User, right: int, wrong: int, *, queue: Queue | None = None) -> None:
    """Write answers to golden cases straight to their table."""
    queue = queue or make_queue()
    for number in range(right + wrong):
        is_right = number < right
        case = ReviewCase.objects.create(
            queue=queue,
            subject_kind=queue.subject,
            subject_id=new_id(),
            title="A copy",
            purpose="golden",
            status="resolved",
            sort_key=0,
            due_at=NOON,
            created_at=NOON,
        )
        SecondLook.objects.create(
            kind=LookKind.GOLDEN,
            queue=queue,
            case=case,
            judged_at=NOON,
            first_kind="reject",
            first_codes=list(FRAUD),
            second_reviewer=user,
            second_kind="reject" if is_right else "approve",
            is_agreed=is_right,
            is_second_right=is_right,
            created_at=NOON,
            answered_at=NOON,
        )
