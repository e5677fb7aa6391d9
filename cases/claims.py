"""Claims: a lease on one case, with a fencing token, given to one reviewer at a time.

On PostgreSQL two claimers never wait for each other: each locks the best row
that nobody else has locked (SKIP LOCKED). On SQLite the transaction is
immediate, so claimers take turns.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from functools import lru_cache

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import journal
from core.actors import SYSTEM
from core.errors import Conflict, NotFound, PermissionDenied
from merchants.models import Membership

from .colleagues import Reviewer
from .models import OPEN, CaseExclusion, CaseStatus, Queue, ReviewCase, Verdict, VerdictKind
from .open_queues import Standing, closed_queues, people_of, require_open, standing_of
from .quality.serving import has_golden_cases, serve_instead
from .states import CASE

# Long enough to read a case and be called away, short enough that an abandoned one is not late for it.
LEASE = timedelta(minutes=15)
# Expired leases taken back in passing by one claim; the periodic task takes the rest.
_TAKEN_BACK_AT_ONCE = 20


def claim_next(
    user: User, *, at: datetime, queue: Queue | None = None, after: ReviewCase | None = None
) -> ReviewCase | None:
    """Claim the first case in order of work that this reviewer may decide; None if there is none.

    Three queries and the journal, whatever the backlog; a hidden copy of a
    golden case may come instead. Raises Conflict (`off`) if this person has
    gone off.

    queue   only from this queue; None = from every queue open to the reviewer
    after   skip this case and everything before it, as long as something follows it
    """
    require(user, Permission.REVIEW_CASES)
    with journal.unit():
        if _has_expired_leases(at):
            release_expired(at=at, limit=_TAKEN_BACK_AT_ONCE)
        case = _first_waiting(user, queue, after, _Where.BEHIND) if after else None
        case = case or _first_waiting(user, queue, after, _Where.ANYWHERE)
        if case is None:
            _require_at_work(user)
            return None
        # The statement has looked already whether there is any: most queues have none.
        golden = serve_instead(case, user, at=at) if case.has_golden else None  # type: ignore[attr-defined]
        return _claim(golden or case, user, at)


def claim_case(case: ReviewCase, user: User, *, at: datetime) -> ReviewCase:
    """Claim this very case, or prolong the claim its holder already has.

    Raises PermissionDenied, Conflict (`already_claimed`) or InvalidTransition.
    """
    require_may_review(user, case)
    _require_at_work(user)
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
            ReviewCase.objects.filter(claim_expires_at__lte=at)
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
    require_open(user, case.queue)
    if case.merchant_id and Membership.objects.filter(user=user, merchant_id=case.merchant_id).exists():
        raise PermissionDenied(_("You belong to this merchant."), code="own_merchant")
    if case.opened_by_id == user.pk:
        raise PermissionDenied(_("You opened this case: somebody else decides it."), code="opened_by_you")
    if case.assigned_to_id is not None and case.assigned_to_id != user.pk:
        raise PermissionDenied(_("This case was given to another person."), code="assigned_to_another")
    if Verdict.objects.filter(case=case, reviewer=user, kind=VerdictKind.ESCALATE).exists():
        raise PermissionDenied(_("You escalated this case: somebody else decides it."), code="own_escalation")
    if CaseExclusion.objects.filter(case=case, user=user).exists():
        detail = _("You had to do with the decision that is appealed: somebody else looks at it.")
        raise PermissionDenied(detail, code="own_decision")


def find_assignee(case: ReviewCase, user_id: int) -> User | None:
    """Return the person if the case can be given to them: they could decide it, and have not passed it on."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or user.pk == case.claimed_by_id:
        return None
    try:
        require_may_review(user, case)
    except PermissionDenied as refusal:
        return user if refusal.code == "assigned_to_another" else None
    return user


def list_assignees(case: ReviewCase) -> list[User]:
    """List who a case could be given to, by name: who may review it, without its holder and its merchant."""
    people = people_of(case.queue)
    people = people.exclude(pk__in=[pk for pk in (case.claimed_by_id, case.opened_by_id) if pk])
    people = people.exclude(pk__in=CaseExclusion.objects.filter(case=case).values("user"))
    if case.merchant_id:
        people = people.exclude(memberships__merchant_id=case.merchant_id)
    return list(people.order_by("name", "email"))


def release_held(*, at: datetime, limit: int = 500) -> int:
    """Return the cases that were put aside until now to their queues; return how many."""
    with journal.unit():
        over = ReviewCase.objects.filter(status=CaseStatus.ON_HOLD, held_until__lte=at)
        cases = list(over.order_by("held_until").select_for_update(skip_locked=True)[:limit])
        for case in cases:
            CASE.move(case, "return", actor=SYSTEM, reason_code="hold_over", held_until=None)
    return len(cases)


def require_claim(case: ReviewCase, user: User, *, token: int, at: datetime) -> None:
    """Raise Conflict unless the user holds this case under this token and the lease still runs."""
    if case.status not in OPEN:
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
    case = (
        ReviewCase.objects.select_for_update(of=("self",))
        .select_related("queue", "decision")
        .filter(pk=pk)
        .first()
    )
    if case is None:
        raise NotFound(_("No such case."))
    return case


def _require_at_work(user: User) -> None:
    if Reviewer.objects.filter(pk=user.pk, off_since__isnull=False).exists():
        raise Conflict(_("You are off. Come back to take cases."), code="off")


def _has_expired_leases(at: datetime) -> bool:
    """Look whether there is anything to take back: mostly not, and a claim is in a hurry."""
    table = ReviewCase._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {table} WHERE claim_expires_at <= %s LIMIT 1",  # noqa: S608
            [connection.ops.adapt_datetimefield_value(at)],
        )
        return cursor.fetchone() is not None


class _Where(Enum):
    """Where to look, seen from a case that is to be skipped."""

    BEHIND = auto()
    ANYWHERE = auto()


# Stand for what differs from claim to claim while the statement is written down.
_USER, _QUEUE, _KEY, _CASE = -101, -102, -103.0, -104


def _first_waiting(
    user: User, queue: Queue | None, after: ReviewCase | None, where: _Where
) -> ReviewCase | None:
    """Return and lock the first queued case in order of work that nobody else has locked."""
    sql, parameters = _statement(standing_of(user), queue is not None, None if after is None else where)
    values: dict[object, object] = {_USER: user.pk}
    if queue is not None:
        values[_QUEUE] = queue.pk
    if after is not None:
        values |= {_KEY: after.sort_key, _CASE: after.pk}
    found = ReviewCase.objects.raw(sql, [values.get(value, value) for value in parameters])
    return next(iter(found), None)


@lru_cache(maxsize=1_000)
def _statement(standing: Standing, has_queue: bool, where: _Where | None) -> tuple[str, tuple[object, ...]]:
    """Return the statement of `_first_waiting`, written once: writing takes longer than running it."""
    waiting = _open_to(_USER, standing).filter(status=CaseStatus.QUEUED)
    if has_queue:
        waiting = waiting.filter(queue_id=_QUEUE)
    if where is _Where.BEHIND:
        waiting = waiting.filter(Q(sort_key__gt=_KEY) | Q(sort_key=_KEY, pk__gt=_CASE))
    elif where is _Where.ANYWHERE:
        waiting = waiting.exclude(pk=_CASE)
    waiting = waiting.annotate(has_golden=has_golden_cases("queue_id"))
    first = waiting.order_by("sort_key", "id").select_for_update(skip_locked=True, of=("self",))[:1]
    sql, parameters = first.query.sql_with_params()
    return sql, tuple(parameters)


def _open_to(user_id: int, standing: Standing) -> QuerySet[ReviewCase]:
    own = Membership.objects.filter(user_id=user_id).values("merchant_id")
    escalated = Verdict.objects.filter(case=OuterRef("pk"), reviewer_id=user_id, kind=VerdictKind.ESCALATE)
    excluded = CaseExclusion.objects.filter(case=OuterRef("pk"), user_id=user_id)
    theirs = Q(assigned_to=None) | Q(assigned_to_id=user_id)
    cases = ReviewCase.objects.exclude(merchant_id__in=own).exclude(opened_by_id=user_id)
    # Asked once for the whole statement: whoever is off is given nothing.
    is_off = Reviewer.objects.filter(pk=user_id, off_since__isnull=False)
    cases = cases.filter(theirs, ~Exists(escalated), ~Exists(excluded), ~Exists(is_off))
    return cases if standing is None else cases.exclude(queue_id__in=closed_queues(standing).values("pk"))


def _claim(case: ReviewCase, user: User, at: datetime) -> ReviewCase:
    CASE.move(
        case,
        "claim",
        actor=actor_of(user),
        claimed_by=user,
        claim_token=case.claim_token + 1,
        claim_expires_at=at + LEASE,
        touched_at=case.touched_at or at,
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
