"""What must not be seen, so that a second look is a look of its own."""

from django.db.models import Exists, OuterRef, Q

from accounts.models import User

from ..models import OPEN, CaseExclusion, CasePurpose, CaseStatus, ReviewCase
from .models import SecondLook


def shown_to(user: User) -> Q:
    """Return the condition under which a case exists for somebody, beyond whose it is.

    A blind review or golden copy exists while it is open, and for those who
    may judge it; its original exists for its holder again when they are done.
    """
    kept_away = CaseExclusion.objects.filter(case=OuterRef("pk"), user=user)
    judging = SecondLook.objects.filter(
        original=OuterRef("pk"), answered_at=None, case__claimed_by=user, case__status=CaseStatus.CLAIMED
    ).exclude(case=OuterRef("pk"))
    is_work = Q(purpose=CasePurpose.WORK)
    return (is_work | (Q(status__in=OPEN) & ~Exists(kept_away))) & ~Exists(judging)


def is_judging(user: User, subject_kind: str, subject_id: int) -> bool:
    """Tell whether somebody holds a blind review or golden copy about a subject."""
    held = ReviewCase.objects.filter(subject_kind=subject_kind, subject_id=subject_id, claimed_by=user)
    return held.filter(status=CaseStatus.CLAIMED).exclude(purpose=CasePurpose.WORK).exists()
