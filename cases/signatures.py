"""When one reviewer's word is not enough, and whose second signature counts."""

from django.utils.translation import gettext as _

from accounts.models import User
from core.errors import PermissionDenied
from risk.models import Outcome

from .claims import require_may_review
from .models import CasePurpose, Queue, ReviewCase, Verdict, VerdictKind

_JUDGEMENTS = {VerdictKind.APPROVE, VerdictKind.REJECT}


def needs_second(case: ReviewCase, kind: str, *, is_final: bool) -> bool:
    """Tell whether a verdict takes two people.

    A final rejection, a judgement on more than the queue's limit, and an approval of what the system
    declined. A case of the blind sample and a second look change nothing, and so never do. The database
    refuses a verdict that says otherwise.
    """
    if case.is_blind or case.purpose != CasePurpose.WORK or kind not in _JUDGEMENTS:
        return False
    overrides = (
        kind == VerdictKind.APPROVE and case.decision is not None and case.decision.outcome == Outcome.DECLINE
    )
    return is_final or overrides or is_high_value(case, case.queue)


def is_high_value(case: ReviewCase, queue: Queue) -> bool:
    """Tell whether as much is at stake as the queue lets nobody decide alone."""
    return queue.second_sign_from_minor is not None and case.value_minor >= queue.second_sign_from_minor


def require_may_sign(user: User, case: ReviewCase, verdict: Verdict) -> None:
    """Raise PermissionDenied unless this person may be the second: not the first, nor who opened the case."""
    if verdict.reviewer_id == user.pk:
        raise PermissionDenied(_("You gave this verdict: somebody else signs it."), code="first_signer")
    require_may_review(user, case)
