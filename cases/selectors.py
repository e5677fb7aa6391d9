"""Reads on queues and cases."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from accounts.models import User
from core.errors import NotFound
from core.ids import decode
from core.models import TransitionRecord
from core.refs import Ref
from merchants.models import Membership

from .models import OPEN, CasePurpose, CaseStatus, Queue, ReviewCase, Verdict
from .open_queues import closed_queues, open_queues, standing_of
from .quality.hiding import shown_to

# Where the counting of cases stops: a backlog of "10,000" is too many either way.
COUNTED = 10_000
# Upper ends of the age classes in hours; the last class is open.
AGE_CLASSES_HOURS = (1, 4, 12, 24, 48)


@dataclass(frozen=True)
class QueueNumbers:
    """What waits in one queue. `oldest_at` and `next_due_at` are None when nothing does."""

    queue: Queue
    waiting: int = 0
    claimed: int = 0
    awaiting_merchant: int = 0
    awaiting_second: int = 0
    on_hold: int = 0
    overdue: int = 0
    oldest_at: datetime | None = None
    next_due_at: datetime | None = None


@dataclass(frozen=True)
class ReviewerNumbers:
    """One reviewer's own work. `daily` counts verdicts of the last seven days, today last."""

    today: int
    daily: tuple[int, ...]
    median_minutes: float | None
    approved_share: float | None

    @property
    def has_decided(self) -> bool:
        """Tell whether there is anything to show of the seven days."""
        return any(self.daily)


def find_open_case(subject: Ref, *, for_update: bool = False) -> ReviewCase | None:
    """Return the open case that asks what is to become of a subject; there is one at most."""
    cases = ReviewCase.objects.select_related("queue", "decision")
    if for_update:
        cases = cases.select_for_update(of=("self",))
    of_subject = cases.filter(subject_kind=subject.kind, subject_id=subject.id, status__in=OPEN)
    return of_subject.filter(purpose=CasePurpose.WORK).first()


def get_case(case_id: int) -> ReviewCase:
    """Return a case with its queue, decision and holder."""
    case = ReviewCase.objects.select_related("queue", "decision", "claimed_by").filter(pk=case_id).first()
    if case is None:
        raise NotFound("No such case.")
    return case


def get_queue(code: str) -> Queue:
    queue = Queue.objects.filter(code=code).first()
    if queue is None:
        raise NotFound("No such queue.")
    return queue


def list_queues(user: User) -> QuerySet[Queue]:
    """List the queues this reviewer may work on."""
    return open_queues(user)


def list_cases(
    user: User, *, q: str = "", status: str = "", subject: str = "", claimed: str = ""
) -> QuerySet[ReviewCase]:
    """List the cases this reviewer may see.

    q         part of a title, or the public id of a case or of its subject
    claimed   "mine" or "free"
    """
    own = Membership.objects.filter(user=user).values("merchant_id")
    cases = for_a_list(ReviewCase.objects.exclude(merchant_id__in=own).filter(shown_to(user)))
    if (standing := standing_of(user)) is not None:
        cases = cases.exclude(queue_id__in=closed_queues(standing).values("pk"))
    if status:
        cases = cases.filter(status=status)
    if subject:
        cases = cases.filter(subject_kind=subject)
    if claimed == "mine":
        cases = cases.filter(claimed_by=user)
    elif claimed == "free":
        cases = cases.filter(status=CaseStatus.QUEUED)
    return cases.filter(_matches(q)) if q else cases


def for_a_list(cases: QuerySet[ReviewCase]) -> QuerySet[ReviewCase]:
    """Return the cases with what a row shows, and without their decisions' snapshots and vectors."""
    rows = cases.select_related("queue", "decision", "claimed_by")
    return rows.defer("decision__snapshot", "decision__features", "decision__latency_us")


def may_see(user: User, case: ReviewCase) -> bool:
    """Tell whether the case exists for this reviewer: none of their own merchant, none above their level."""
    return list_cases(user).filter(pk=case.pk).exists()


def list_queue_numbers(user: User, *, at: datetime) -> list[QueueNumbers]:
    """List what waits in each queue open to this reviewer, counted up to COUNTED; two queries.

    Every number is read from an index and stops at COUNTED, so that a line costs the same in front of a
    million cases.
    """
    queues = list(list_queues(user))
    if not queues:
        return []
    marks = ", ".join(["%s"] * len(queues))
    values = [connection.ops.adapt_datetimefield_value(at), *(queue.pk for queue in queues)]
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS.format(marks=marks), values)
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    return [_numbers(queue, rows[queue.pk]) for queue in queues]


def count_ages(*, at: datetime) -> dict[int, tuple[int, ...]]:
    """Return, per queue id, how many undecided cases there are in each age class: one query."""
    younger = {
        f"within_{hours}": Count("pk", filter=Q(created_at__gt=at - timedelta(hours=hours)))
        for hours in AGE_CLASSES_HOURS
    }
    rows = (
        ReviewCase.objects.filter(_is_workable())
        .order_by()
        .values("queue_id")
        .annotate(all=Count("pk"), **younger)
        .values_list("queue_id", "all", *younger)
    )
    return {queue_id: _classes(within, total) for queue_id, total, *within in rows}


def list_claimed_by(user: User, *, at: datetime) -> QuerySet[ReviewCase]:
    """List the cases this reviewer holds a live claim on, the oldest claim first."""
    return (
        ReviewCase.objects.filter(claimed_by=user, claim_expires_at__gt=at)
        .select_related("queue")
        .order_by("claim_expires_at")
    )


def count_waiting_for(user: User) -> int:
    """Return how many queued cases this reviewer's queues hold, counted up to COUNTED."""
    waiting = ReviewCase.objects.filter(status=CaseStatus.QUEUED, queue__in=list_queues(user))
    return waiting.order_by()[:COUNTED].count()


def find_previous(case: ReviewCase) -> ReviewCase | None:
    """Return the undecided case just before this one in its queue's order of work."""
    before = Q(sort_key__lt=case.sort_key) | Q(sort_key=case.sort_key, pk__lt=case.pk)
    return (
        ReviewCase.objects.filter(_is_workable() & before, queue_id=case.queue_id)
        .order_by("-sort_key", "-pk")
        .first()
    )


def find_waiting_verdict(case: ReviewCase) -> Verdict | None:
    """Return the verdict that waits for its moment or a second signature; None for every other case."""
    if case.status not in {CaseStatus.DECIDED, CaseStatus.AWAITING_SECOND}:
        return None
    waiting = Verdict.objects.filter(case=case, status__in=["pending", "awaiting_second"])
    return waiting.select_related("reviewer", "second").first()


def get_verdict(verdict_id: int) -> Verdict:
    verdict = Verdict.objects.select_related("case", "reviewer").filter(pk=verdict_id).first()
    if verdict is None:
        raise NotFound("No such verdict.")
    return verdict


def list_to_sign(user: User) -> QuerySet[ReviewCase]:
    """List the cases that wait for a second signature which may be this person's."""
    own = Verdict.objects.filter(case=OuterRef("pk"), status="awaiting_second", reviewer=user)
    cases = list_cases(user, status=CaseStatus.AWAITING_SECOND).filter(~Exists(own))
    return cases.filter(Q(opened_by=None) | ~Q(opened_by=user))


def list_verdicts(case: ReviewCase) -> QuerySet[Verdict]:
    """List what was decided on a case, newest first."""
    return Verdict.objects.filter(case=case).select_related("reviewer", "second", "selected").order_by("-pk")


def list_moves(subjects: Sequence[Ref]) -> list[TransitionRecord]:
    """List how these objects moved through their states, newest first; one query."""
    wanted = Q()
    for subject in subjects:
        wanted |= Q(subject_kind=subject.kind, subject_id=subject.id)
    return list(TransitionRecord.objects.filter(wanted).order_by("-pk")[:100])


def list_cases_of(subject: Ref) -> QuerySet[ReviewCase]:
    """List every case that ever asked what is to become of a subject, newest first."""
    return (
        ReviewCase.objects.filter(subject_kind=subject.kind, subject_id=subject.id, purpose=CasePurpose.WORK)
        .select_related("queue")
        .order_by("-pk")
    )


def get_reviewer_numbers(user: User, *, at: datetime) -> ReviewerNumbers:
    """Return one reviewer's own work of the last seven days; days are UTC. Two queries."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=6)
    verdicts = list(
        Verdict.objects.filter(reviewer=user, created_at__gte=since)
        .exclude(case__purpose=CasePurpose.GOLDEN)
        .values_list("case_id", "kind", "created_at")
    )
    days = Counter((moment - since).days for _case, _kind, moment in verdicts)
    today = [(case, moment) for case, _kind, moment in verdicts if moment >= midnight]
    judged = [kind for _case, kind, _moment in verdicts if kind in {"approve", "reject"}]
    return ReviewerNumbers(
        today=len(today),
        daily=tuple(days[day] for day in range(7)),
        median_minutes=_median_minutes(user, today),
        approved_share=judged.count("approve") / len(judged) if judged else None,
    )


def _counted(condition: str) -> str:
    of_queue = f"c.queue_id = q.id AND {condition}"
    some = f"SELECT 1 FROM cases_reviewcase AS c WHERE {of_queue} LIMIT {COUNTED}"  # noqa: S608
    return f"(SELECT COUNT(*) FROM ({some}) AS counted)"  # noqa: S608 - nothing of it comes from outside


def _first(column: str) -> str:
    workable = "c.status IN ('queued', 'claimed')"
    return (
        f"(SELECT c.{column} FROM cases_reviewcase AS c WHERE c.queue_id = q.id AND {workable}"  # noqa: S608
        f" ORDER BY c.{column} LIMIT 1)"
    )


_COLUMNS = (
    _counted("c.status = 'queued'"),
    _counted("c.status = 'claimed'"),
    _counted("c.status = 'awaiting_subject'"),
    _counted("c.status = 'awaiting_second'"),
    _counted("c.status = 'on_hold'"),
    _counted("c.status IN ('queued', 'claimed') AND c.due_at < %s"),
    _first("created_at"),
    _first("due_at"),
)
_NUMBERS = f"SELECT q.id, {', '.join(_COLUMNS)} FROM cases_queue AS q WHERE q.id IN ({{marks}})"  # noqa: S608


def _numbers(queue: Queue, row: Sequence[Any]) -> QueueNumbers:
    waiting, claimed, awaiting_merchant, awaiting_second, on_hold, overdue, oldest, due = row
    return QueueNumbers(
        queue,
        waiting,
        claimed,
        awaiting_merchant,
        awaiting_second,
        on_hold,
        overdue,
        _moment(oldest),
        _moment(due),
    )


def _moment(value: datetime | str | None) -> datetime | None:
    """Return a moment as Django would: what SQLite keeps has no zone, and may come back as text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _matches(text: str) -> Q:
    for prefix in _SUBJECT_PREFIXES:
        if text.startswith(f"{prefix}_"):
            try:
                id = decode(prefix, text.strip())
            except NotFound:
                return Q(pk=None)
            return Q(pk=id) if prefix == "cas" else Q(subject_id=id)
    return Q(title__icontains=text)


# A listing's case is about a revision.
_SUBJECT_PREFIXES = ("cas", "ord", "rev", "app", "mer")


def _is_workable() -> Q:
    return Q(status__in=[CaseStatus.QUEUED, CaseStatus.CLAIMED])


def _classes(within: Sequence[int], total: int) -> tuple[int, ...]:
    """Turn cumulative counts into counts per class.

    >>> _classes([1, 3, 3], 5)
    (1, 2, 0, 2)
    """
    bounds = [0, *within, total]
    return tuple(upper - lower for lower, upper in pairwise(bounds))


def _median_minutes(user: User, verdicts: Sequence[tuple[int, datetime]]) -> float | None:
    """Return the median time from the last claim to the verdict, None without verdicts."""
    claims = TransitionRecord.objects.filter(
        subject_kind="case",
        subject_id__in=[case for case, _moment in verdicts],
        action="claim",
        actor_id=str(user.pk),
    ).values_list("subject_id", "created_at")
    minutes = []
    for case_id, decided_at in verdicts:
        starts = [moment for subject_id, moment in claims if subject_id == case_id and moment <= decided_at]
        if starts:
            minutes.append((decided_at - max(starts)).total_seconds() / 60)
    return sorted(minutes)[len(minutes) // 2] if minutes else None
