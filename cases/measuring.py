"""What the desk's recent past says: what comes in when, how long a case takes, who is there.

A worker measures once an hour and keeps the answer in a row, because a
forecast is asked for by a page and the past is long.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, Min, Q
from django.db.models.functions import TruncHour

from accounts.models import Role, User

from .claims import LEASE
from .clocks import desk_zone
from .forecasting import spread_over
from .forecasting.presence import SLOT_S, SLOTS
from .measurement import DeskMeasurement
from .models import Queue, ReviewCase, Verdict, VerdictKind

PAST = timedelta(days=14)
# The newest that are read; two weeks of fifty people who decide three hundred a day are 210,000.
_MOST_VERDICTS = 250_000
# A page that somebody left open with its heartbeat running says nothing about the case.
LONGEST_HANDLING_S = 4 * LEASE.total_seconds()
# Longer than this between a verdict and the next claim, and the person was away.
_AWAY_S = LEASE.total_seconds()
# A past is kept as this many values at even ranks: enough that its mean is within one percent.
_KEPT = 500
_KEEP_ROWS = timedelta(days=7)
_HOURS = 24
_SATURDAY = 5
_KINDS = ("working_day", "weekend")


@dataclass(frozen=True, slots=True)
class _Given:
    """One verdict. `started` is None unless it was given under the case's first claim. Epoch seconds."""

    queue: str
    reviewer: int
    opened: float
    started: float | None
    given: float
    is_judgement: bool


def measure_desk(*, at: datetime) -> DeskMeasurement:
    """Measure the last two weeks, keep the row, and forget those of more than a week ago."""
    row = look_back(at=at)
    row.save(force_insert=True)
    DeskMeasurement.objects.filter(measured_at__lt=at - _KEEP_ROWS).delete()
    return row


def find_measurement(*, at: datetime) -> DeskMeasurement | None:
    """Return the newest measurement that was there at that moment."""
    return DeskMeasurement.objects.filter(measured_at__lte=at).order_by("-measured_at").first()


def look_back(*, at: datetime, most: int = _MOST_VERDICTS) -> DeskMeasurement:
    """Return a measurement that is not kept.

    A handling time is the time from the first claim of a case to the verdict
    that was given under it, so it is bounded by a lease that never ran out;
    verdicts under later claims are not counted, and an hour is the most.
    """
    zone = desk_zone(Queue.objects.select_related("calendar"))
    verdicts = _read_verdicts(at, most)
    first = ReviewCase.objects.filter(created_at__gte=at - PAST, created_at__lt=at).aggregate(
        first=Min("created_at")
    )["first"]
    since = first or at
    worked_since = max(since.timestamp(), verdicts[0].given if len(verdicts) == most else 0.0)
    handled: dict[str, list[float]] = defaultdict(list)
    for one in verdicts:
        if one.started is not None and one.is_judgement:
            handled[one.queue].append(min(one.given - one.started, LONGEST_HANDLING_S))
    spans, gaps = _spans(verdicts)
    seniors = set(
        User.objects.filter(Q(role_grants__role=Role.SENIOR_REVIEWER) | Q(is_superuser=True)).values_list(
            "pk", flat=True
        )
    )
    arrivals = _arrivals(since, at, zone)
    values = _values(at)
    content = {
        "between_s": round(float(np.mean(gaps)), 2) if gaps else None,
        "verdicts": len(verdicts),
        "days": _days(since, at, zone),
        "people": {
            "ordinary": _presence(spans, set(spans) - seniors, worked_since, at, zone),
            "senior": _presence(spans, seniors, worked_since, at, zone),
        },
        "lines": {
            code: {
                **arrivals.get(code, {kind: [0.0] * _HOURS for kind in _KINDS}),
                "values": [int(value) for value in _at_even_ranks(values.get(code, []))],
                "handling_s": _at_even_ranks(handled.get(code, [])),
                "handled": len(handled.get(code, [])),
            }
            for code in sorted({*arrivals, *handled, *values})
        },
        "handling_s": _at_even_ranks([spent for queue in handled.values() for spent in queue]),
    }
    return DeskMeasurement(measured_at=at, since=since, content=content)


def _read_verdicts(at: datetime, most: int) -> list[_Given]:
    """Return the verdicts of the past, the oldest first."""
    rows = (
        Verdict.objects.filter(created_at__gte=at - PAST, created_at__lt=at)
        .order_by("-created_at")
        .values_list(
            "case__queue__code", "reviewer_id", "case__created_at", "case__touched_at", "created_at",
            "claim_token", "kind",
        )[:most]
    )  # fmt: skip
    judgements = {VerdictKind.APPROVE, VerdictKind.REJECT, VerdictKind.REQUEST_INFO}
    found = [
        _Given(
            queue,
            reviewer,
            opened.timestamp(),
            touched.timestamp() if touched and token == 1 and touched <= given else None,
            given.timestamp(),
            kind in judgements,
        )
        for queue, reviewer, opened, touched, given, token, kind in rows.iterator(chunk_size=5_000)
    ]
    return found[::-1]


def _spans(verdicts: Sequence[_Given]) -> tuple[dict[int, list[tuple[float, float]]], list[float]]:
    """Return per person when they were at work, and the gaps between cases while work was waiting."""
    of_person: dict[int, list[_Given]] = defaultdict(list)
    for one in verdicts:
        of_person[one.reviewer].append(one)
    spans: dict[int, list[tuple[float, float]]] = {}
    gaps: list[float] = []
    for person, given in of_person.items():
        there: list[tuple[float, float]] = []
        for one in given:
            start = one.given if one.started is None else max(one.started, one.given - LONGEST_HANDLING_S)
            gap = start - there[-1][1] if there else float("inf")
            if gap > _AWAY_S:
                there.append((start, one.given))
                continue
            # The case was there already, so the person was not waiting for one.
            if one.started is not None and one.opened <= there[-1][1]:
                gaps.append(max(gap, 0.0))
            there[-1] = (there[-1][0], one.given)
        spans[person] = there
    return spans, gaps


def _presence(
    spans: Mapping[int, Sequence[tuple[float, float]]],
    people: Iterable[int],
    since: float,
    at: datetime,
    zone: ZoneInfo,
) -> dict[str, list[float]]:
    """Return the average number of people per quarter of an hour of the day, by kind of day."""
    covered = spread_over(span for person in people for span in spans.get(person, ()))
    sums, counts = np.zeros((2, SLOTS)), np.zeros((2, SLOTS))
    slot = since // SLOT_S * SLOT_S
    while slot + SLOT_S <= at.timestamp():
        place = _place(datetime.fromtimestamp(slot, zone), SLOTS)
        sums[place] += covered.get(slot, 0.0)
        counts[place] += 1
        slot += SLOT_S
    means = _means(sums, counts)
    return {kind: np.round(means[row], 3).tolist() for row, kind in enumerate(_KINDS)}


def _arrivals(since: datetime, at: datetime, zone: ZoneInfo) -> dict[str, dict[str, list[float]]]:
    """Return cases per hour of the day by queue and kind of day; the hour that began the past is not full."""
    start = since.replace(minute=0, second=0, microsecond=0)
    end = at.replace(minute=0, second=0, microsecond=0)
    hours = (
        ReviewCase.objects.filter(created_at__gte=start, created_at__lt=end)
        .annotate(hour=TruncHour("created_at", tzinfo=zone))
        .order_by()
        .values_list("queue__code", "hour")
        .annotate(Count("pk"))
    )
    counts = np.zeros((2, _HOURS))
    moment = start
    while moment < end:
        counts[_place(moment.astimezone(zone), _HOURS)] += 1
        moment += timedelta(hours=1)
    sums: dict[str, Any] = defaultdict(lambda: np.zeros((2, _HOURS)))
    for code, hour, cases in hours:
        sums[code][_place(hour, _HOURS)] += cases
    return {
        code: dict(zip(_KINDS, np.round(_means(found, counts), 3).tolist(), strict=True))
        for code, found in sums.items()
    }


def _values(at: datetime) -> dict[str, list[float]]:
    rows = ReviewCase.objects.filter(created_at__gte=at - PAST, created_at__lt=at).order_by("-created_at")
    values: dict[str, list[float]] = defaultdict(list)
    for code, value in rows.values_list("queue__code", "value_minor")[:_MOST_VALUES]:
        values[code].append(value)
    return values


_MOST_VALUES = 20_000


def _days(since: datetime, at: datetime, zone: ZoneInfo) -> dict[str, float]:
    """Return how many days of each kind lie in the past that was looked at."""
    hours = dict.fromkeys(_KINDS, 0.0)
    for local in _each_hour(since, at, zone):
        hours[_KINDS[local.weekday() >= _SATURDAY]] += 1
    return {kind: round(count / _HOURS, 1) for kind, count in hours.items()}


def _each_hour(since: datetime, at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    moment = since
    while moment < at:
        yield moment.astimezone(zone)
        moment += timedelta(hours=1)


def _place(local: datetime, slots: int) -> tuple[int, int]:
    seconds = local.hour * 3_600 + local.minute * 60 + local.second
    return int(local.weekday() >= _SATURDAY), seconds * slots // 86_400


def _means(sums: Any, counts: Any) -> Any:
    """Return averages by kind of day; a kind that the past does not have is like the other one."""
    means = sums / np.maximum(counts, 1)
    for row, other in ((0, 1), (1, 0)):
        unseen = counts[row] == 0
        means[row][unseen] = means[other][unseen]
    return means


def _at_even_ranks(values: Sequence[float]) -> list[float]:
    """Return the values, or as many as are kept, from the middles of equal shares of them."""
    if len(values) <= _KEPT:
        return [round(float(value), 1) for value in sorted(values)]
    shares = np.array_split(np.sort(np.asarray(values, dtype=float)), _KEPT)
    # The mean of each share, not its median: so the whole keeps its mean.
    return [round(float(share.mean()), 1) for share in shares]
