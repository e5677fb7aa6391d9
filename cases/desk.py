"""What leads read about the desk as it is: backlog, clocks, throughput, handling times, who is on.

Every count of open cases is read from an index and stops at COUNTED; everything about the past looks at the
newest RECENT rows of its window. So the page costs the same in front of a million cases.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, F, Max, Q

from accounts.models import Role, User
from merchants.models import Membership

from .claims import LEASE
from .clocks import hours_of
from .models import CaseStatus, Queue, ReviewCase, Verdict, VerdictKind
from .selectors import AGE_CLASSES_HOURS, COUNTED

# The newest rows that are looked at where a window of time could hold any number.
RECENT = 20_000
# Of handling times the newest fewer, because each has to be read beside its case.
RECENT_HANDLED = 5_000
# Who has neither beaten nor decided for this long is not at the desk; a case's page beats every minute.
ON_NOW = timedelta(minutes=5)
# Who gave a verdict since, but holds nothing, is listed as idle.
IDLE_SINCE = timedelta(hours=1)
# The last part of the time to decide: what has less left is at risk.
RISK_SHARE = 4


@dataclass(frozen=True)
class Standing:
    """How open cases stand to one promise. Each number stops at COUNTED."""

    on_time: int
    at_risk: int
    late: int


@dataclass(frozen=True)
class Backlog:
    """One queue's open cases.

    ages        undecided cases per age class, see AGE_CLASSES_HOURS
    first_touch None if the queue promises nothing about it
    paused      cases whose clock stands, because the merchant has the word
    """

    queue: Queue
    ages: tuple[int, ...]
    decide: Standing
    first_touch: Standing | None
    claimed: int
    paused: int

    @property
    def open(self) -> int:
        return sum(self.ages)

    @property
    def is_capped(self) -> bool:
        return max(*self.ages, self.decide.on_time) >= COUNTED


@dataclass(frozen=True)
class Step:
    """The verdicts of one hour or day that began then, and how many cases came in."""

    starts_at: datetime
    verdicts: int
    arrived: int


@dataclass(frozen=True)
class Handling:
    """How long cases took, seconds, over the verdicts given under a case's first claim; None without any."""

    counted: int
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True)
class Kept:
    """Resolved cases of a window, and how many of them in time."""

    resolved: int
    in_time: int
    touched: int
    touched_in_time: int

    @property
    def share(self) -> float | None:
        return self.in_time / self.resolved if self.resolved else None

    @property
    def touched_share(self) -> float | None:
        return self.touched_in_time / self.touched if self.touched else None


@dataclass(frozen=True)
class Work:
    """What was done in a window of time. `is_cut`: there is more than RECENT, and the oldest is left out."""

    steps: Sequence[Step]
    mix: dict[str, int]
    handling: Handling
    kept: Kept
    is_cut: bool


@dataclass(frozen=True)
class PersonOn:
    """One person at the desk. `holds` are live claims; `seen_at` the last heartbeat or verdict."""

    user: User
    holds: Sequence[ReviewCase]
    seen_at: datetime
    verdicts_today: int
    is_active: bool


def list_backlogs(queues: Sequence[Queue], *, at: datetime) -> list[Backlog]:
    """List what is open in each queue: one query."""
    if not queues:
        return []
    values: list[Any] = []
    for one in queues:
        values += [*_moments(one, at), one.pk]
    selects = " UNION ALL ".join([_SELECT] * len(queues))
    with connection.cursor() as cursor:
        cursor.execute(selects, values)
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    return [_backlog(one, rows[one.pk]) for one in queues]


def get_work(*, at: datetime, days: int, zone: ZoneInfo, queue: Queue | None = None) -> Work:
    """Return what was done in the last 24 hours by the hour (`days` 1), or in the last days by the day."""
    starts = _starts(at, days, zone)
    verdicts = Verdict.objects.filter(created_at__gte=starts[0], created_at__lt=at)
    arrived = ReviewCase.objects.filter(created_at__gte=starts[0], created_at__lt=at)
    if queue:
        verdicts, arrived = verdicts.filter(case__queue=queue), arrived.filter(queue=queue)
    given = list(verdicts.order_by("-created_at").values_list("created_at", "kind")[:RECENT])
    came = list(arrived.order_by("-created_at").values_list("created_at", flat=True)[:RECENT])
    per_step = _per_step(starts, [moment for moment, _ in given])
    came_per_step = _per_step(starts, came)
    mix = Counter(kind for _, kind in given)
    return Work(
        steps=[Step(start, per_step[i], came_per_step[i]) for i, start in enumerate(starts)],
        mix={kind: mix[kind] for kind in VerdictKind.values},
        handling=_handling(starts[0], at, queue),
        kept=_kept(starts[0], at, queue),
        is_cut=max(len(given), len(came)) >= RECENT,
    )


def list_people_on(viewer: User, *, at: datetime, zone: ZoneInfo) -> list[PersonOn]:
    """List who is at the desk: who holds a live claim, and who decided within the hour. Three queries.

    Cases of the viewer's own merchant are held by nobody as far as they can see.
    """
    held: dict[int, list[ReviewCase]] = defaultdict(list)
    own = Membership.objects.filter(user=viewer).values("merchant_id")
    claims = ReviewCase.objects.filter(claim_expires_at__gt=at)
    claims = claims.exclude(merchant_id__in=own)
    for case in claims.select_related("queue").order_by("claim_expires_at")[:RECENT]:
        assert case.claimed_by_id is not None
        held[case.claimed_by_id].append(case)
    midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = min(midnight, at - IDLE_SINCE)
    today = {
        row["reviewer_id"]: row
        for row in Verdict.objects.filter(created_at__gte=since, created_at__lte=at)
        .order_by()
        .values("reviewer_id")
        .annotate(last=Max("created_at"), count=Count("pk", filter=Q(created_at__gte=midnight)))
    }
    people = User.objects.in_bulk(
        {*held, *(pk for pk, row in today.items() if row["last"] >= at - IDLE_SINCE)}
    )
    found = [_person(user, held[pk], today.get(pk), at) for pk, user in people.items()]
    return sorted(found, key=lambda one: (not one.is_active, not one.holds, str(one.user)))


def count_on(*, at: datetime) -> tuple[int, int]:
    """Return how many people are at the desk now: reviewers, and seniors. Two queries."""
    since = at - ON_NOW
    ids = set(
        ReviewCase.objects.filter(claim_expires_at__gt=since + LEASE)
        .order_by()
        .values_list("claimed_by_id", flat=True)
        .distinct()
    )
    ids |= set(
        Verdict.objects.filter(created_at__gt=since, created_at__lte=at)
        .order_by()
        .values_list("reviewer_id", flat=True)
        .distinct()
    )
    is_senior = Q(role_grants__role=Role.SENIOR_REVIEWER) | Q(is_superuser=True)
    seniors = User.objects.filter(is_senior, pk__in=ids).distinct().count() if ids else 0
    return len(ids) - seniors, seniors


# ── Counting what is open ────────────────────────────────────────────────────────────────────────
_OPEN = "c.status IN ('queued', 'claimed')"
_UNTOUCHED = "c.status = 'queued' AND c.touched_at IS NULL"


def _counted(condition: str) -> str:
    some = f"SELECT 1 FROM cases_reviewcase AS c WHERE c.queue_id = q.id AND {condition} LIMIT {COUNTED}"  # noqa: S608
    return f"(SELECT COUNT(*) FROM ({some}) AS counted)"  # noqa: S608 - nothing of it comes from outside


_AGES = (
    _counted(f"{_OPEN} AND c.created_at > %s"),
    *[_counted(f"{_OPEN} AND c.created_at <= %s AND c.created_at > %s")] * (len(AGE_CLASSES_HOURS) - 1),
    _counted(f"{_OPEN} AND c.created_at <= %s"),
)
_DECIDE = (
    _counted(f"{_OPEN} AND c.due_at < %s"),
    _counted(f"{_OPEN} AND c.due_at >= %s AND c.due_at < %s"),
    _counted(f"{_OPEN} AND c.due_at >= %s"),
)
_TOUCH = tuple(
    column.replace(_OPEN, _UNTOUCHED).replace("c.due_at", "c.first_touch_due_at") for column in _DECIDE
)
_REST = (_counted("c.status = 'claimed'"), _counted("c.status = 'awaiting_subject'"))
_SELECT = (
    "SELECT q.id, "  # noqa: S608 - the columns are those above
    + ", ".join((*_AGES, *_DECIDE, *_TOUCH, *_REST))
    + " FROM cases_queue AS q WHERE q.id = %s"
)


def _moments(queue: Queue, at: datetime) -> list[Any]:
    """Return the values of one queue's columns, in their order."""
    ages = [at - timedelta(hours=hours) for hours in AGE_CLASSES_HOURS]
    moments: list[datetime] = [ages[0], *(moment for pair in pairwise(ages) for moment in pair), ages[-1]]
    for promise in (queue.resolve_hours, queue.first_touch_hours or 0):
        risk_at = hours_of(queue).add(at, timedelta(hours=promise) / RISK_SHARE)
        moments += [at, at, risk_at, risk_at]
    return [connection.ops.adapt_datetimefield_value(moment) for moment in moments]


def _backlog(queue: Queue, row: Sequence[int]) -> Backlog:
    ages = len(AGE_CLASSES_HOURS) + 1
    late, at_risk, on_time, first_late, first_at_risk, first_on_time, claimed, paused = row[ages:]
    first = Standing(first_on_time, first_at_risk, first_late)
    return Backlog(
        queue=queue,
        ages=tuple(row[:ages]),
        decide=Standing(on_time, at_risk, late),
        first_touch=first if queue.first_touch_hours is not None else None,
        claimed=claimed,
        paused=paused,
    )


# ── What was done ────────────────────────────────────────────────────────────────────────────────
def _starts(at: datetime, days: int, zone: ZoneInfo) -> list[datetime]:
    local = at.astimezone(zone)
    if days == 1:
        hour = local.replace(minute=0, second=0, microsecond=0)
        return [hour - timedelta(hours=back) for back in range(23, -1, -1)]
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=back) for back in range(days - 1, -1, -1)]


def _per_step(starts: Sequence[datetime], moments: Sequence[datetime]) -> Counter[int]:
    edges = [start.timestamp() for start in starts]
    width = edges[1] - edges[0] if len(edges) > 1 else 3_600.0
    counts: Counter[int] = Counter()
    for moment in moments:
        # Days of a change of clocks are an hour longer or shorter; the step is looked for around its place.
        place = min(int((moment.timestamp() - edges[0]) // width), len(edges) - 1)
        while place and edges[place] > moment.timestamp():
            place -= 1
        while place + 1 < len(edges) and edges[place + 1] <= moment.timestamp():
            place += 1
        counts[place] += 1
    return counts


def _handling(since: datetime, at: datetime, queue: Queue | None) -> Handling:
    """Return handling times: from a case's first claim to the verdict given under it (its token is 1)."""
    rows = Verdict.objects.filter(created_at__gte=since, created_at__lt=at, claim_token=1)
    if queue:
        rows = rows.filter(case__queue=queue)
    pairs = rows.order_by("-created_at").values_list("case__touched_at", "created_at")[:RECENT_HANDLED]
    spent = sorted(
        (given - touched).total_seconds() for touched, given in pairs if touched and touched <= given
    )
    if not spent:
        return Handling(0, None, None)
    return Handling(len(spent), _at_rank(spent, 0.5), _at_rank(spent, 0.9))


def _kept(since: datetime, at: datetime, queue: Queue | None) -> Kept:
    rows = ReviewCase.objects.filter(status=CaseStatus.RESOLVED, resolved_at__gte=since, resolved_at__lt=at)
    if queue:
        rows = rows.filter(queue=queue)
    newest = rows.order_by("-resolved_at").values("pk")[:RECENT]
    touched = Q(first_touch_due_at__isnull=False, touched_at__isnull=False)
    counts = ReviewCase.objects.filter(pk__in=newest).aggregate(
        resolved=Count("pk"),
        in_time=Count("pk", filter=Q(resolved_at__lte=F("due_at"))),
        touched=Count("pk", filter=touched),
        touched_in_time=Count("pk", filter=touched & Q(touched_at__lte=F("first_touch_due_at"))),
    )
    return Kept(**counts)


def _person(
    user: User, holds: Sequence[ReviewCase], today: Mapping[str, Any] | None, at: datetime
) -> PersonOn:
    moments = [case.claim_expires_at - LEASE for case in holds if case.claim_expires_at]
    if today:
        moments.append(today["last"])
    seen_at, count = max(moments), today["count"] if today else 0
    return PersonOn(user, holds, seen_at, count, is_active=seen_at > at - ON_NOW)


def _at_rank(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of them does not exceed (nearest rank)."""
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]
