"""The desk's forecast: its real queues, what is open now, its measured past, and the people there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from .clocks import desk_zone, hours_of
from .desk import count_on
from .forecasting import Desk, HourlyRates, Line, Outlook, Shift, Waiting, forecast, usual_shifts
from .forecasting.presence import Presence
from .measurement import DeskMeasurement
from .measuring import find_measurement, look_back
from .models import CaseStatus, Queue, ReviewCase
from .selectors import COUNTED

# The first of the order of work; what lies behind is not reached in two days by anybody.
_MOST_OPEN = COUNTED
# Cases worked off by all runs of one forecast together: half a second of one core.
_BUDGET = 40_000
_MOST_RUNS, _FEWEST_RUNS = 40, 4
_SEED = 20_261_127
# As few as this say little about how long a case takes; then all queues' together are taken.
FEWEST_HANDLED = 30
# Where nothing was handled yet: a third of a lease, so that a case is done before its claim runs out.
DEFAULT_HANDLING_S = 300.0
# For how long who is there now counts more than who usually is.
_ON_NOW_COUNTS = timedelta(minutes=30)
_FIRST_LOOK = 5_000


@dataclass(frozen=True)
class Staffing:
    """A what-if: that many people from one time to another, local time, on each day of the forecast.

    Who works past midnight starts on the day before.
    """

    reviewers: int
    seniors: int
    starts: time
    ends: time


@dataclass(frozen=True)
class Basis:
    """What a forecast rests on, in codes that the page puts into words.

    is_kept        measured by the worker, not in passing from the latest few thousand verdicts
    borrowed       queues with too few verdicts of their own: handling times are those of all queues
    defaulted      queues for which nothing is known: DEFAULT_HANDLING_S
    is_staff_flat  nobody was seen at work in the past: who is on now is taken to stay
    is_cut         more cases are open than are looked at; the rest comes last and is not reached
    """

    measured_at: datetime
    since: datetime
    verdicts: int
    days: dict[str, float]
    between_s: float
    on_now: int
    is_kept: bool
    borrowed: tuple[str, ...]
    defaulted: tuple[str, ...]
    is_staff_flat: bool
    is_cut: bool


@dataclass(frozen=True)
class DeskOutlook:
    """One outlook per period, and what they rest on."""

    periods: Sequence[Outlook]
    basis: Basis


def forecast_desk(
    *,
    at: datetime,
    ends: Sequence[datetime],
    staffing: Staffing | None = None,
    arrival_factor: float = 1.0,
    seed: int = _SEED,
) -> DeskOutlook:
    """Forecast one or more periods from now on, with the usual people or with those of a what-if.

    Five queries, whatever the backlog; seconds of work grow with what is
    open and what will come, to half a second.
    """
    kept = find_measurement(at=at)
    past = kept or look_back(at=at, most=_FIRST_LOOK)
    queues = list(Queue.objects.select_related("calendar"))
    zone = desk_zone(queues)
    desk, borrowed, defaulted = _desk_of(past, queues, zone)
    waiting = _open_now(queues)
    on_now = count_on(at=at)
    is_flat = not any(any(day) for level in past.content["people"].values() for day in level.values())
    shifts_of = (
        _chosen(staffing, at, ends[-1], zone)
        if staffing
        else _flat(on_now, at, ends[-1])
        if is_flat
        else _usual(past, on_now, at, ends[-1], zone)
    )
    hours = (ends[-1] - at).total_seconds() / 3_600
    cases = len(waiting) + sum(sum(line.rates.working_day) for line in desk.lines.values()) * hours / 24
    periods = forecast(
        desk,
        waiting,
        shifts_of,
        at=at.timestamp(),
        ends=[end.timestamp() for end in ends],
        seed=seed,
        runs=int(max(_FEWEST_RUNS, min(_MOST_RUNS, _BUDGET / (cases * arrival_factor + 1)))),
        arrival_factor=arrival_factor,
    )
    basis = Basis(
        measured_at=past.measured_at,
        since=past.since,
        verdicts=past.content["verdicts"],
        days=past.content["days"],
        between_s=desk.between_s,
        on_now=sum(on_now),
        is_kept=kept is not None,
        borrowed=borrowed,
        defaulted=defaulted,
        is_staff_flat=is_flat and staffing is None,
        is_cut=len(waiting) >= _MOST_OPEN,
    )
    return DeskOutlook(periods, basis)


def _desk_of(
    past: DeskMeasurement, queues: Sequence[Queue], zone: ZoneInfo
) -> tuple[Desk, tuple[str, ...], tuple[str, ...]]:
    measured, everything = past.content["lines"], past.content["handling_s"]
    borrowed: list[str] = []
    defaulted: list[str] = []
    lines = {}
    defaults = {queue.subject: queue.code for queue in queues if queue.is_default}
    for queue in queues:
        found = measured.get(queue.code, {})
        handling = found.get("handling_s", [])
        if len(handling) < FEWEST_HANDLED:
            known = len(everything) >= FEWEST_HANDLED
            handling = everything if known else [DEFAULT_HANDLING_S]
            (borrowed if known else defaulted).append(queue.code)
        nothing = [0.0] * 24
        lines[queue.code] = Line(
            code=queue.code,
            resolve_s=3_600.0 * queue.resolve_hours,
            hours=hours_of(queue),
            rates=HourlyRates(found.get("working_day", nothing), found.get("weekend", nothing)),
            values=found.get("values") or [0],
            handling_s=handling,
            head_start_hours=queue.head_start_hours,
            needs_senior=queue.needs_senior,
            capacity=queue.capacity,
            overflow=defaults.get(queue.subject),
        )
    between_s = past.content["between_s"] or 0.0
    return Desk(lines, zone, between_s), tuple(borrowed), tuple(defaulted)


def _open_now(queues: Sequence[Queue]) -> list[Waiting]:
    """Return what is claimed, and the first of what is queued, in order of work."""
    codes = {queue.pk: queue.code for queue in queues}
    found = []
    for status in (CaseStatus.CLAIMED, CaseStatus.QUEUED):
        rows = ReviewCase.objects.filter(status=status).order_by("sort_key", "id")
        found += [
            Waiting(codes[queue], came.timestamp(), due.timestamp(), key, status == CaseStatus.CLAIMED)
            for queue, came, due, key in rows.values_list("queue_id", "created_at", "due_at", "sort_key")[
                :_MOST_OPEN
            ]
        ]
    return found


def _usual(
    past: DeskMeasurement, on_now: tuple[int, int], at: datetime, until: datetime, zone: ZoneInfo
) -> Callable[[float], list[Shift]]:
    """Return who is usually there; in the next half hour who is there now, if anybody is."""
    people = past.content["people"]
    levels = [
        Presence(people[name]["working_day"], people[name]["weekend"]) for name in ("ordinary", "senior")
    ]
    soon = (at + _ON_NOW_COUNTS).timestamp() if sum(on_now) else at.timestamp()

    def shifts(rounding: float) -> list[Shift]:
        drawn: list[Shift] = []
        for level, (presence, now) in enumerate(zip(levels, on_now, strict=True)):

            def there(moment: float, presence: Presence = presence, now: int = now) -> float:
                return now if moment < soon else presence.at(moment, zone)

            drawn += usual_shifts(
                there,
                since=at.timestamp(),
                until=until.timestamp(),
                rounding=rounding,
                is_senior=bool(level),
            )
        return drawn

    return shifts


def _flat(on_now: tuple[int, int], at: datetime, until: datetime) -> Callable[[float], list[Shift]]:
    stretch = (at.timestamp(), until.timestamp())
    ordinary, seniors = on_now
    people = [Shift(*stretch)] * ordinary + [Shift(*stretch, is_senior=True)] * seniors
    return lambda _: people


def _chosen(
    staffing: Staffing, at: datetime, until: datetime, zone: ZoneInfo
) -> Callable[[float], list[Shift]]:
    people: list[Shift] = []
    day = at.astimezone(zone).date() - timedelta(days=1)
    while day <= until.astimezone(zone).date():
        starts = datetime.combine(day, staffing.starts, tzinfo=zone)
        last = day if staffing.ends > staffing.starts else day + timedelta(days=1)
        ends = datetime.combine(last, staffing.ends, tzinfo=zone)
        stretch = (max(starts, at).timestamp(), min(ends, until).timestamp())
        if stretch[0] < stretch[1]:
            people += [Shift(*stretch)] * staffing.reviewers
            people += [Shift(*stretch, is_senior=True)] * staffing.seniors
        day += timedelta(days=1)
    return lambda _: people
