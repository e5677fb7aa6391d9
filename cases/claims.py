"""Claims: a lease on one case, with a fencing token, given to one reviewer at a time.

On PostgreSQL two claimers never wait for each other: each locks the best row
that nobody else has locked (SKIP LOCKED). On SQLite the transaction is
immediate, so claimers take turns.
"""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, has_permission, require
from core import journal
from core.actors import SYSTEM
from core.errors import Conflict, NotFound, PermissionDenied
from merchants.models import Membership

from .models import CaseExclusion, CaseStatus, Queue, ReviewCase, Verdict, VerdictKind
from .states import CASE

# Long enough to read a case and be called away, short enough that an abandoned one is not late for it.
LEASE = timedelta(minutes=15)
# Expired leases taken back in passing by one claim; the periodic task takes the rest.
_TAKEN_BACK_AT_ONCE = 20


def claim_next(
    user: User, *, at: datetime, queue: Queue | None = None, after: ReviewCase | None = None
) -> ReviewCase | None:
    """Claim the first case in order of work that this reviewer may decide; None if there is none.

    Four queries and the journal, whatever the backlog.

    queue   only from this queue; None = from every queue open to the reviewer
    after   skip this case and everything before it, as long as something follows it
    """
    require(user, Permission.REVIEW_CASES)
    with journal.unit():
        release_expired(at=at, limit=_TAKEN_BACK_AT_ONCE)
        waiting = _open_to(user).filter(status=CaseStatus.QUEUED).order_by("sort_key", "id")
        if queue is not None:
            waiting = waiting.filter(queue=queue)
        case = _first_unlocked(_following(waiting, after)) if after else None
        case = case or _first_unlocked(waiting.exclude(pk=after.pk) if after else waiting)
        return _claim(case, user, at) if case else None


def claim_case(case: ReviewCase, user: User, *, at: datetime) -> ReviewCase:
    """Claim this very case, or prolong the claim its holder already has.

    Raises PermissionDenied, Conflict (`already_claimed`) or InvalidTransition.
    """
    require_may_review(user, case)
    with journal.unit():
        case = lock_case(case.pk)
        if has_expired(case, at):
            _release(case)
        if case.status == CaseStatus.CLAIMED:
            if case.claimed_by_id != user.pk:
                raise Conflict(_("Another reviewer is working on this case."), code="already_claimed")
            _prolong(case, at)
            return case
        return _claim(case, user, at)


def extend_claim(case: ReviewCase, user: User, *, token: int, at: datetime) -> datetime:
    """Prolong a claim that is still alive (the page's heartbeat); return when it now ends."""
    with journal.unit():
        locked = lock_case(case.pk)
        require_claim(locked, user, token=token, at=at)
        return _prolong(locked, at)


def release_claim(case: ReviewCase, user: User, *, token: int, at: datetime) -> None:
    """Put a claimed case back into its queue."""
    with journal.unit():
        locked = lock_case(case.pk)
        require_claim(locked, user, token=token, at=at)
        CASE.move(locked, "release", actor=actor_of(user), claimed_by=None, claim_expires_at=None)


def release_expired(*, at: datetime, limit: int = 500) -> int:
    """Put cases whose lease has ended back into their queues; return how many."""
    with journal.unit():
        expired = list(
            ReviewCase.objects.filter(status=CaseStatus.CLAIMED, claim_expires_at__lte=at)
            .order_by("claim_expires_at")
            .select_for_update(skip_locked=True)[:limit]
        )
        for case in expired:
            _release(case)
    return len(expired)


def require_may_review(user: User, case: ReviewCase) -> None:
    """Raise PermissionDenied unless this person may decide this case.

    Nobody judges a merchant they belong to, an escalated case goes to
    somebody else than the one who escalated it, and an appeal to somebody who
    had nothing to do with the decision; superusers are no exception.
    """
    require(user, Permission.REVIEW_CASES)
    if case.queue.needs_senior:
        require(user, Permission.REVIEW_SENIOR_CASES)
    if case.merchant_id and Membership.objects.filter(user=user, merchant_id=case.merchant_id).exists():
        raise PermissionDenied(_("You belong to this merchant."), code="own_merchant")
    if Verdict.objects.filter(case=case, reviewer=user, kind=VerdictKind.ESCALATE).exists():
        raise PermissionDenied(_("You escalated this case: somebody else decides it."), code="own_escalation")
    if CaseExclusion.objects.filter(case=case, user=user).exists():
        detail = _("You had to do with the decision that is appealed: somebody else looks at it.")
        raise PermissionDenied(detail, code="own_decision")


def require_claim(case: ReviewCase, user: User, *, token: int, at: datetime) -> None:
    """Raise Conflict unless the user holds this case under this token and the lease still runs."""
    if case.status in {CaseStatus.RESOLVED, CaseStatus.CANCELLED}:
        raise Conflict(_("This case is already closed."), code="case_closed")
    if case.status != CaseStatus.CLAIMED or case.claimed_by_id != user.pk or case.claim_token != token:
        raise Conflict(_("Your claim on this case has passed on."), code="stale_claim")
    if has_expired(case, at):
        raise Conflict(_("Your claim on this case has run out."), code="claim_expired")


def has_expired(case: ReviewCase, at: datetime) -> bool:
    return (
        case.status == CaseStatus.CLAIMED
        and case.claim_expires_at is not None
        and case.claim_expires_at <= at
    )


def lock_case(pk: int) -> ReviewCase:
    """Return the current row, locked until the transaction ends."""
    case = ReviewCase.objects.select_for_update(of=("self",)).select_related("queue").filter(pk=pk).first()
    if case is None:
        raise NotFound(_("No such case."))
    return case


def _open_to(user: User) -> QuerySet[ReviewCase]:
    own = Membership.objects.filter(user=user).values("merchant_id")
    escalated = Verdict.objects.filter(case=OuterRef("pk"), reviewer=user, kind=VerdictKind.ESCALATE)
    excluded = CaseExclusion.objects.filter(case=OuterRef("pk"), user=user)
    cases = ReviewCase.objects.exclude(merchant_id__in=own).filter(~Exists(escalated), ~Exists(excluded))
    if not has_permission(user, Permission.REVIEW_SENIOR_CASES):
        cases = cases.filter(queue__needs_senior=False)
    return cases


def _following(cases: QuerySet[ReviewCase], case: ReviewCase) -> QuerySet[ReviewCase]:
    return cases.filter(Q(sort_key__gt=case.sort_key) | Q(sort_key=case.sort_key, pk__gt=case.pk))


def _first_unlocked(cases: QuerySet[ReviewCase]) -> ReviewCase | None:
    return cases.select_related("queue").select_for_update(skip_locked=True, of=("self",)).first()


def _claim(case: ReviewCase, user: User, at: datetime) -> ReviewCase:
    CASE.move(
        case,
        "claim",
        actor=actor_of(user),
        claimed_by=user,
        claim_token=case.claim_token + 1,
        claim_expires_at=at + LEASE,
    )
    return case


def _prolong(case: ReviewCase, at: datetime) -> datetime:
    # Not journalled: a heartbeat a minute would bury what people did.
    case.claim_expires_at = at + LEASE
    case.save(update_fields=["claim_expires_at"])
    return case.claim_expires_at


def _release(case: ReviewCase) -> None:
    CASE.move(
        case,
        "release",
        actor=SYSTEM,
        reason_code="lease_expired",
        claimed_by=None,
        claim_expires_at=None,
    )
