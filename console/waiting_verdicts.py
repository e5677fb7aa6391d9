"""A verdict that has not taken effect yet, as its case's page shows it."""

from dataclasses import dataclass

from accounts.models import User
from cases.models import ReviewCase, Verdict, VerdictStatus
from cases.selectors import find_waiting_verdict
from cases.signatures import require_may_sign
from core.errors import PermissionDenied
from core.ids import encode
from core.reasons import find_reason


@dataclass(frozen=True)
class WaitingVerdict:
    """What was decided, and what this reader can do about it.

    may_sign    its second signature may be theirs
    why_not     why it may not, in words; "" if it does not wait for one, or may
    """

    verdict: Verdict
    public_id: str
    reasons: tuple[str, ...]
    is_theirs: bool
    may_sign: bool
    why_not: str


def read_waiting(case: ReviewCase, user: User) -> WaitingVerdict | None:
    """Return the verdict of a case that waits for its moment or for a second signature."""
    verdict = find_waiting_verdict(case)
    if verdict is None:
        return None
    why_not = _why_not(case, verdict, user) if verdict.status == VerdictStatus.AWAITING_SECOND else ""
    return WaitingVerdict(
        verdict=verdict,
        public_id=encode("ver", verdict.pk),
        reasons=tuple(str(find_reason(code).staff) for code in verdict.reason_codes),
        is_theirs=user.pk in {verdict.reviewer_id, verdict.second_id},
        may_sign=verdict.status == VerdictStatus.AWAITING_SECOND and not why_not,
        why_not=why_not,
    )


def _why_not(case: ReviewCase, verdict: Verdict, user: User) -> str:
    try:
        require_may_sign(user, case, verdict)
    except PermissionDenied as refusal:
        return refusal.message
    return ""
