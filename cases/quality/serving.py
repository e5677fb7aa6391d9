"""Serving hidden copies of golden cases in place of work."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from core import journal
from merchants.models import Membership

from ..models import CasePurpose, ReviewCase, Verdict
from .models import GoldenCase, LookKind, SecondLook
from .sampling import is_drawn, open_like


def serve_instead(case: ReviewCase, user: User, *, at: datetime) -> ReviewCase | None:
    """Return a fresh copy of a golden case, if this is the turn of one; the case itself waits on.

    To be asked where `has_golden_cases` only. Who has seen one, as a case or as
    a copy, is not served it; nor is a merchant's own member.
    """
    if case.purpose == CasePurpose.GOLDEN:
        return None
    golden = _unseen_by(user, case.queue_id)
    if golden is None:
        return None
    earlier = SecondLook.objects.filter(queue_id=case.queue_id, kind=LookKind.GOLDEN)
    last = earlier.order_by("-pk").values_list("pk", flat=True).first()
    # Each copy changes the draw, so that the case that was put off for one is not put off for ever.
    if not is_drawn(golden.queue.golden_share, "golden", case.pk, user.pk, last):
        return None
    copy = open_like(golden.case, CasePurpose.GOLDEN, kept_away=[golden.marked_by_id], at=at)
    journal.add(
        SecondLook(
            kind=LookKind.GOLDEN,
            queue_id=golden.queue_id,
            case=copy,
            original_id=golden.case_id,
            golden=golden,
            judged_at=golden.judged_at,
            model_id=golden.case.decision.model_id if golden.case.decision else None,
            first_kind=golden.kind,
            first_codes=golden.reason_codes,
            created_at=at,
        )
    )
    return copy


def has_golden_cases(queue: str) -> Exists:
    """Return whether a queue serves golden cases, as a condition; `queue` names the outer field."""
    return Exists(
        GoldenCase.objects.filter(queue_id=OuterRef(queue), queue__golden_share__gt=0, retired_at=None)
    )


def _unseen_by(user: User, queue_id: int) -> GoldenCase | None:
    """Return the oldest golden case of a queue that is new to this reviewer; None if there is none left."""
    of_subject = Q(subject_kind=OuterRef("case__subject_kind"), subject_id=OuterRef("case__subject_id"))
    decided = Verdict.objects.filter(
        Q(reviewer=user) | Q(second=user),
        case__subject_kind=OuterRef("case__subject_kind"),
        case__subject_id=OuterRef("case__subject_id"),
    )
    held = ReviewCase.objects.filter(of_subject, claimed_by=user)
    own = Membership.objects.filter(user=user).values("merchant_id")
    # A copy that somebody put back waits in the queue like any case.
    waiting = SecondLook.objects.filter(golden=OuterRef("pk"), answered_at=None, dropped_at=None)
    served = GoldenCase.objects.filter(queue_id=queue_id, queue__golden_share__gt=0, retired_at=None)
    served = served.filter(~Exists(decided), ~Exists(held), ~Exists(waiting))
    served = served.exclude(marked_by=user).exclude(case__opened_by=user).exclude(case__merchant_id__in=own)
    rows = served.select_related("case__queue__calendar", "case__decision", "queue")
    return rows.order_by("pk").first()
