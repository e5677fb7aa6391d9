"""A simulated day of a desk: is anything starved, how good is the order of work, is the forecast right?

The product's own code on a real database, with simulated time: orders arrive through the pipeline, which
judges them, routes them by the queues' conditions and opens the cases; reviewers claim by `claim_next`, keep
long claims alive, record verdicts, undo some, and verdicts settle when their time to undo has passed. Before
it lies a past of some days, written straight to its tables, on which the product's forecast rests: it knows
neither the day's arrivals nor its handling times nor the shifts.

A case's value is what is at stake in it (`value_minor`), and counts if its last verdict was given before it
fell due and before the day ended. The optimum knows the whole day in advance: it is the proved upper bound
of `_most_value`. The other orders of work are replayed on the same arrivals, handling times and people.
"""

import argparse
import dataclasses
import heapq
import math
import time as wall
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection

from accounts.models import Role, User
from accounts.services import grant_role
from benchmarks.harness import Report, Rows, percentiles
from cases.clocks import start_clocks
from cases.forecasting import Job, Shift, Taken, replay
from cases.hours import read_hours
from cases.measuring import measure_desk
from cases.models import Calendar, CaseStatus, Queue, ReviewCase, Verdict, VerdictStatus
from cases.outlooks import forecast_desk
from cases.priority import (
    LONGEST_OVERTAKING,
    LONGEST_OVERTAKING_ANYWHERE,
    SECONDS_PER_EFOLD,
    sort_key,
    sort_key_s,
)
from cases.services import (
    NewVerdict,
    claim_next,
    ensure_default_queues,
    extend_claim,
    record_verdict,
    settle_due,
    undo_verdict,
)
from core.actors import SYSTEM
from core.ids import new_id
from intake.pipeline import submit_order
from merchants.models import Merchant
from orders.placing import NewLine, NewOrder, Signals
from risk import live, services
from risk.models import Subject
from risk.rules.engine import Effect, RuleDefinition
from risk.starter import orders as starter
from risk.starter.publishing import publish

_ZONE = ZoneInfo("Asia/Shanghai")
# A Wednesday, in the past of whoever runs this: ids are drawn by the machine's clock.
_DAY = datetime(2026, 11, 18, tzinfo=_ZONE)
_NIGHT = _DAY + timedelta(days=1)
# Twenty people as in three shops: from, until, how many of twenty. Half an hour of break in the middle.
_SHIFTS = ((8.0, 16.5, 7), (9.5, 18.0, 6), (15.5, 24.0, 7))
_BREAK_H = 0.5
_OPEN = [[["08:00", "24:00"]]] * 7
# Arrivals by the hour, relative: a marketplace's morning and evening.
_SHAPE = (
    0.3, 0.2, 0.1, 0.1, 0.1, 0.2, 0.4, 0.8, 1.3, 2.0, 2.6, 2.4,
    1.5, 1.1, 1.2, 1.3, 1.2, 1.1, 1.2, 1.4, 1.6, 1.3, 0.8, 0.4,
)  # fmt: skip
# From which order amount on (CNY), hours to decide, how much longer a case takes than the average one.
_QUEUES = (("orders_dear", 2_000, 2, 1.5), ("orders_middle", 500, 2, 1.1), ("orders", 0, 3, 0.9))
_MEDIAN_AMOUNT, _AMOUNT_SIGMA = 300.0, 1.2
_HANDLING_SIGMA = 0.7
_DAY_SIGMA = 0.04  # one day has more cases than another
_BETWEEN_S = 6.0
_UNDO_FOR = timedelta(seconds=30)
_REJECTED, _UNDONE = 0.2, 0.01
_SECOND_THOUGHT_S = 5.0
_HEARTBEAT_S = 600.0
_SETTLE_S = 30.0
_FORECASTS_H = (8, 11, 15, 19)
_SLOT_S = 300.0
_HARD_HOURS = 2
_ARRIVE, _BEAT, _GIVE, _FREE, _SETTLE, _FORECAST = range(6)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--reviewers", type=int, default=20)
    parser.add_argument("--past", type=int, default=7, help="days before it that the forecast rests on")
    parser.add_argument("--load", type=float, default=1.03, help="work that comes in ÷ work that can be done")
    parser.add_argument("--seed", type=int, default=20_261_127)


@dataclass(frozen=True)
class Arrival:
    """One order that will arrive: when (epoch seconds), for how much, and what it will take."""

    at: float
    amount_minor: int
    handling_s: float
    is_rejected: bool
    is_undone: bool


@dataclass
class Outcome:
    """What became of one case. Moments in epoch seconds; None: never."""

    queue: str
    arrived_at: float
    due_at: float
    value_minor: int
    handling_s: float
    claimed_at: float | None = None
    decided_at: float | None = None

    @property
    def is_in_time(self) -> bool:
        return self.decided_at is not None and self.decided_at <= min(self.due_at, _NIGHT.timestamp())


@dataclass
class _Diary:
    """What happened on the day."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by case
    claim_ms: list[float] = field(default_factory=list)
    forecasts: list[tuple[float, float]] = field(default_factory=list)  # when, share in time
    undone: int = 0
    settled: int = 0


def run(options: argparse.Namespace) -> Report:
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench day measures PostgreSQL: set DATABASE_URL.")
    diary, shifts = run_day(options)
    return report(options, diary, shifts)


def run_day(options: argparse.Namespace) -> tuple[_Diary, Sequence[Shift]]:
    """Prepare an empty database, write the past, and live the day."""
    if ReviewCase.objects.exists():
        raise SystemExit("bin/bench day needs an empty database of its own.")
    random = np.random.default_rng(options.seed)
    queues = _prepare_queues()
    _publish_rules()
    people = _people(options.reviewers)
    for back in range(options.past, 0, -1):
        _write_past(_DAY - timedelta(days=back), options, queues, people, random)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    shifts = _shifts(_DAY, options.reviewers)
    return _Day(options, people, shifts, _arrivals(_DAY, options, random)).live(), shifts


# ── Setting up ───────────────────────────────────────────────────────────────────────────────────
def _prepare_queues() -> dict[str, Queue]:
    ensure_default_queues()
    calendar = Calendar.objects.create(code="desk", time_zone=_ZONE.key, hours=_OPEN)
    for position, (code, from_amount, hours, _) in enumerate(_QUEUES):
        condition = f"order.amount >= {from_amount}" if from_amount else ""
        defaults = {
            "name_en": code, "subject": Subject.ORDER, "condition": condition, "calendar": calendar,
            "resolve_hours": hours, "first_touch_hours": max(hours // 2, 1), "position": position,
        }  # fmt: skip
        Queue.objects.update_or_create(code=code, defaults=defaults)
    codes = [code for code, *_ in _QUEUES]
    return {queue.code: queue for queue in Queue.objects.filter(code__in=codes).select_related("calendar")}


def _publish_rules() -> None:
    """Put one rule live that sends every order to a person."""
    author, approver = (
        _user(f"day-{name}@example.com", Role.RISK_ANALYST) for name in ("author", "approver")
    )
    rule = RuleDefinition(
        code="R-DAY",
        name="Everything is looked at",
        condition="order.amount > 0",
        effect=Effect.REVIEW,
        reason_code="amount_unusual",
    )
    policy = dataclasses.replace(starter.POLICY, holds_per_hour=1_000_000)
    draft = services.create_draft(Subject.ORDER, "Day", rules=[rule], policy=policy, author=author)
    publish(draft, author=author, approver=approver, at=_DAY - timedelta(hours=1))
    live.forget()


def _people(count: int) -> list[User]:
    return [_user(f"day-reviewer-{number}@example.com", Role.REVIEWER) for number in range(count)]


def _user(email: str, role: Role) -> User:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    grant_role(user, role, actor=SYSTEM)
    return user


def _shifts(day: datetime, reviewers: int) -> list[Shift]:
    """Return two stretches per person, before and after the break; person n has numbers 2n and 2n + 1."""
    shifts = []
    kinds = [kind for kind in _SHIFTS for _ in range(kind[2])]
    for number in range(reviewers):
        start, end, _ = kinds[number * len(kinds) // reviewers]
        # Breaks are taken in turns.
        middle = start + 3.5 + 0.5 * (number % 3)
        for since, until in ((start, middle), (middle + _BREAK_H, end)):
            hours = (day + timedelta(hours=since), day + timedelta(hours=until))
            shifts.append(Shift(hours[0].timestamp(), hours[1].timestamp()))
    return shifts


def _arrivals(day: datetime, options: argparse.Namespace, random: np.random.Generator) -> list[Arrival]:
    """Draw one day; the day that is measured has exactly the number of cases asked for."""
    count: int = options.cases
    if day != _DAY:
        count = int(random.poisson(count * max(random.normal(1, _DAY_SIGMA), 0.5)))
    shape = np.asarray(_SHAPE)
    hours = random.choice(24, count, p=shape / shape.sum())
    at = np.sort(day.timestamp() + 3_600 * (hours + random.uniform(0, 1, count)))
    amounts = np.exp(random.normal(math.log(_MEDIAN_AMOUNT), _AMOUNT_SIGMA, count))
    capacity_s = sum(shift.ends_at - shift.starts_at for shift in _shifts(_DAY, options.reviewers))
    mean_s = options.load * capacity_s / options.cases - _BETWEEN_S
    longer = np.select([amounts >= amount for _, amount, *_ in _QUEUES], [more for *_, more in _QUEUES])
    spread = np.exp(random.normal(-(_HANDLING_SIGMA**2) / 2, _HANDLING_SIGMA, count))
    # Over all queues `longer` has a mean near one: the shares of the three are 6, 28 and 66 of 100.
    handling = np.maximum(mean_s * longer * spread, 3.0)
    rejected, undone = random.random(count) < _REJECTED, random.random(count) < _UNDONE
    return [
        Arrival(float(moment), max(round(100 * amount), 100), float(seconds), bool(no), bool(oops))
        for moment, amount, seconds, no, oops in zip(at, amounts, handling, rejected, undone, strict=True)
    ]


def _queue_of(amount_minor: int) -> str:
    return next(code for code, amount, *_ in _QUEUES if amount_minor >= 100 * amount)


def _write_past(
    day: datetime,
    options: argparse.Namespace,
    queues: Mapping[str, Queue],
    people: Sequence[User],
    random: np.random.Generator,
) -> None:
    """Write a day's cases and verdicts as they would have been; what nobody came to ends at midnight."""
    jobs = []
    for new in _arrivals(day, options, random):
        queue = queues[_queue_of(new.amount_minor)]
        due_at = start_clocks(queue, datetime.fromtimestamp(new.at, UTC)).due_at
        key = sort_key(due_at, new.amount_minor)
        jobs.append(Job(queue.code, new.at, due_at.timestamp(), key, new.handling_s, new.amount_minor))
    shifts = _shifts(day, options.reviewers)
    taken, left = replay(jobs, shifts, between_s=_BETWEEN_S)
    cases, verdicts = [], []
    for one, person in zip(taken, _who(taken, shifts), strict=True):
        decided_at = datetime.fromtimestamp(one.decided_at, UTC)
        case = _past_case(one.job, queues, one.claimed_at, one.decided_at)
        cases.append(case)
        verdicts.append(
            Verdict(
                case=case,
                kind="approve",
                reviewer=people[person],
                claim_token=1,
                evidence_version=1,
                status=VerdictStatus.EFFECTIVE,
                effective_at=decided_at,
                created_at=decided_at,
            )
        )
    cases += [_past_case(job, queues, None, (day + timedelta(days=1)).timestamp()) for job in left]
    ReviewCase.objects.bulk_create(cases, batch_size=2_000)
    Verdict.objects.bulk_create(verdicts, batch_size=2_000)


def _who(taken: Sequence[Taken], shifts: Sequence[Shift]) -> list[int]:
    """Return a person for each claim who was there and free, as the simulation itself has no names."""
    free = [(shift.starts_at, number) for number, shift in enumerate(shifts)]
    heapq.heapify(free)
    found = []
    for one in taken:
        while True:
            since, number = heapq.heappop(free)
            if shifts[number].ends_at > one.claimed_at:
                break
        assert since <= one.claimed_at + 1e-6, "somebody is free whenever something is claimed"
        heapq.heappush(free, (one.decided_at + _BETWEEN_S, number))
        found.append(number // 2)
    return found


def _past_case(
    job: Job, queues: Mapping[str, Queue], claimed_at: float | None, closed_at: float
) -> ReviewCase:
    return ReviewCase(
        id=new_id(),
        queue=queues[job.line],
        status=CaseStatus.CANCELLED if claimed_at is None else CaseStatus.RESOLVED,
        subject_kind=Subject.ORDER,
        subject_id=new_id(),
        title="Past order",
        value_minor=job.value_minor,
        sort_key=job.key,
        due_at=datetime.fromtimestamp(job.due_at, UTC),
        touched_at=None if claimed_at is None else datetime.fromtimestamp(claimed_at, UTC),
        claim_token=0 if claimed_at is None else 1,
        created_at=datetime.fromtimestamp(job.arrived_at, UTC),
        resolved_at=datetime.fromtimestamp(closed_at, UTC),
    )


# ── The day ──────────────────────────────────────────────────────────────────────────────────────
class _Day:
    """The product's services, called in the order of simulated time."""

    def __init__(
        self,
        options: argparse.Namespace,
        people: Sequence[User],
        shifts: Sequence[Shift],
        arrivals: Sequence[Arrival],
    ) -> None:
        self._people, self._shifts = people, shifts
        self._diary = _Diary()
        self._merchant = Merchant.objects.create(name="The day's shop", status="active", joined_at=_DAY)
        self._coming: dict[int, Arrival] = {}  # by case
        self._idle: deque[int] = deque()
        self._count = 0
        self._events: list[tuple[float, int, int, Any]] = []
        for arrival in arrivals:
            self._plan(arrival.at, _ARRIVE, arrival)
        for number, shift in enumerate(shifts):
            self._plan(shift.starts_at, _FREE, number)
        for hour in _FORECASTS_H:
            self._plan((_DAY + timedelta(hours=hour)).timestamp(), _FORECAST, None)
        self._plan(_DAY.timestamp() + _SETTLE_S, _SETTLE, None)

    def live(self) -> _Diary:
        do: Mapping[int, Callable[[float, Any], None]] = {
            _ARRIVE: self._arrive, _FREE: self._claim, _BEAT: self._beat, _GIVE: self._give,
            _SETTLE: self._settle, _FORECAST: self._forecast,
        }  # fmt: skip
        while self._events:
            at, kind, _, what = heapq.heappop(self._events)
            do[kind](at, what)
        return self._diary

    def _plan(self, at: float, kind: int, what: Any) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, kind, self._count, what))

    def _arrive(self, at: float, arrival: Arrival) -> None:
        moment = datetime.fromtimestamp(at, UTC)
        number = self._count = self._count + 1
        new = NewOrder(
            external_id=f"day-{number}",
            currency="CNY",
            lines=(NewLine("Tea pot", 1, arrival.amount_minor),),
            placed_at=moment,
            signals=Signals(f"b{number}", f"d{number}", f"c{number}"),
        )
        order = submit_order(self._merchant, new, actor=SYSTEM, at=moment).order
        case = ReviewCase.objects.select_related("queue").get(subject_kind="order", subject_id=order.pk)
        self._coming[case.pk] = arrival
        self._diary.outcomes[case.pk] = Outcome(
            case.queue.code, at, case.due_at.timestamp(), case.value_minor, arrival.handling_s
        )
        while self._idle:
            number = self._idle.popleft()
            if self._shifts[number].ends_at > at:
                self._claim(at, number)
                return

    def _claim(self, at: float, number: int) -> None:
        if at >= self._shifts[number].ends_at:
            return
        started = wall.perf_counter()
        case = claim_next(self._people[number // 2], at=datetime.fromtimestamp(at, UTC))
        self._diary.claim_ms.append((wall.perf_counter() - started) * 1_000)
        if case is None:
            self._idle.append(number)
            return
        self._diary.outcomes[case.pk].claimed_at = at
        self._work(at, number, case, self._coming[case.pk].handling_s)

    def _work(self, at: float, number: int, case: ReviewCase, seconds: float) -> None:
        beat = at + _HEARTBEAT_S
        while beat < at + seconds:
            self._plan(beat, _BEAT, (number, case))
            beat += _HEARTBEAT_S
        self._plan(at + seconds, _GIVE, (number, case))

    def _beat(self, at: float, what: tuple[int, ReviewCase]) -> None:
        number, case = what
        moment = datetime.fromtimestamp(at, UTC)
        extend_claim(case, self._people[number // 2], token=case.claim_token, at=moment)

    def _give(self, at: float, what: tuple[int, ReviewCase]) -> None:
        number, case = what
        arrival = self._coming[case.pk]
        new = NewVerdict(
            kind="reject" if arrival.is_rejected else "approve",
            claim_token=case.claim_token,
            evidence_version=case.evidence_version,
            reason_codes=("other",) if arrival.is_rejected else (),
        )
        reviewer, moment = self._people[number // 2], datetime.fromtimestamp(at, UTC)
        verdict = record_verdict(case, new, reviewer=reviewer, at=moment, undo_for=_UNDO_FOR)
        if arrival.is_undone and case.claim_token == 1:
            later = at + _SECOND_THOUGHT_S
            case = undo_verdict(verdict, reviewer, at=datetime.fromtimestamp(later, UTC))
            self._diary.undone += 1
            self._work(later, number, case, _SECOND_THOUGHT_S)
            return
        self._diary.outcomes[case.pk].decided_at = at
        self._plan(at + _BETWEEN_S, _FREE, number)

    def _settle(self, at: float, _: None) -> None:
        self._diary.settled += settle_due(at=datetime.fromtimestamp(at, UTC))
        if self._events:
            self._plan(at + _SETTLE_S, _SETTLE, None)

    def _forecast(self, at: float, _: None) -> None:
        moment = datetime.fromtimestamp(at, UTC)
        measure_desk(at=moment)
        outlook = forecast_desk(at=moment, ends=[_NIGHT]).periods[0]
        if outlook.in_time is not None:
            self._diary.forecasts.append((at, outlook.in_time.mean))


# ── What it was worth ────────────────────────────────────────────────────────────────────────────
def report(options: argparse.Namespace, diary: _Diary, shifts: Sequence[Shift]) -> Report:
    outcomes = list(diary.outcomes.values())
    best = most_value(outcomes, shifts)
    captured = sum(one.value_minor for one in outcomes if one.is_in_time)
    kept = share_in_time(outcomes, since=0.0)
    errors = [100 * abs(share - share_in_time(outcomes, since=at)) for at, share in diary.forecasts]
    claims = percentiles(diary.claim_ms, (50, 99))
    waits = [one.claimed_at - one.arrived_at for one in outcomes if one.claimed_at is not None]
    open_orders = ReviewCase.objects.exclude(status__in=[CaseStatus.RESOLVED, CaseStatus.CANCELLED]).count()
    staffed = sum(shift.ends_at - shift.starts_at for shift in shifts)
    busy = sum(one.handling_s + _BETWEEN_S for one in outcomes if one.decided_at is not None)
    metrics = {
        "cases": len(outcomes),
        "reviewers": options.reviewers,
        "starved": count_starved(outcomes),
        "sla_met": round(kept, 4),
        "sla_forecast": round(diary.forecasts[0][1], 4),
        "forecast_error_points": round(max(errors), 2),
        "captured_value_share": round(captured / best, 4),
        "utilisation": round(busy / staffed, 3),
        "longest_wait_h": round(max(waits) / 3_600, 2),
        "p50_claim_ms": round(claims["p50"], 2),
        "p99_claim_ms": round(claims["p99"], 2),
    }
    orders: list[tuple[str, Callable[[Job], float]]] = [
        ("first in, first out", lambda job: job.arrived_at),
        ("earliest deadline", lambda job: job.due_at),
        ("dearest first", lambda job: -job.value_minor),
    ]
    orders += [
        (f"k = {k:,} s{' (the product’s)' if k == SECONDS_PER_EFOLD else ''}", _by_k(k))
        for k in sorted({450, 900, 3_600, 7_200, SECONDS_PER_EFOLD})
    ]
    lines: list[tuple[Any, ...]] = [
        ("the product’s services", round(captured / best, 4), round(kept, 4), metrics["longest_wait_h"],
         sum(one.decided_at is None for one in outcomes))
    ]  # fmt: skip
    lines += [(name, *_replayed(outcomes, shifts, key, best)) for name, key in orders]
    # The hardest that queues can be set to: everything is promised within the same two hours.
    alike = [dataclasses.replace(one, due_at=_due_at(one.arrived_at, _HARD_HOURS)) for one in outcomes]
    hard_best = most_value(alike, shifts)
    hard = [(name, *_replayed(alike, shifts, key, hard_best)) for name, key in orders]
    moments = [
        (f"{datetime.fromtimestamp(at, _ZONE):%H:%M}", round(100 * share, 1),
         round(100 * share_in_time(outcomes, since=at), 1), round(error, 2))
        for (at, share), error in zip(diary.forecasts, errors, strict=True)
    ]  # fmt: skip
    return Report(
        metrics=metrics,
        tables=[
            Rows(
                f"{len(outcomes):,} cases, {options.reviewers} reviewers, offered load {options.load:g}",
                ("order of work", "value ÷ bound", "in time", "longest wait h", "undecided"),
                lines,
            ),
            Rows(
                f"The same if every case were promised within {_HARD_HOURS} hours, replayed",
                ("order of work", "value ÷ bound", "in time", "longest wait h", "undecided"),
                hard,
            ),
            Rows(
                "Share in time until midnight, %",
                ("forecast at", "forecast", "came true", "points off"),
                moments,
            ),
        ],
        notes={
            "load": options.load,
            "past_days": options.past,
            "seed": options.seed,
            "undone": diary.undone,
            "settled": diary.settled,
            "left_open": open_orders,
            "bound_h": round(LONGEST_OVERTAKING.total_seconds() / 3_600, 2),
        },
    )  # fmt: skip


def share_in_time(outcomes: Sequence[Outcome], *, since: float) -> float:
    """Return what `forecasting.Outlook.in_time` forecasts, on what came true."""
    settled = in_time = 0
    for one in outcomes:
        decided = math.inf if one.decided_at is None else one.decided_at
        if one.due_at >= since and since <= min(decided, one.due_at) < _NIGHT.timestamp():
            settled += 1
            in_time += decided <= one.due_at
    return in_time / settled


def count_starved(outcomes: Sequence[Outcome]) -> int:
    """Count the cases that were overtaken beyond the bound of `cases.priority`.

    While it waited, a case of its own queue that falls due LONGEST_OVERTAKING
    later than it was claimed first, or one of another queue that falls due
    LONGEST_OVERTAKING_ANYWHERE later; or it still waited that long after it fell due.
    """
    night = _NIGHT.timestamp()
    bound, anywhere = LONGEST_OVERTAKING.total_seconds(), LONGEST_OVERTAKING_ANYWHERE.total_seconds()
    claims = sorted(
        (one for one in outcomes if one.claimed_at is not None), key=lambda one: one.claimed_at or 0
    )
    claimed_at = np.array([one.claimed_at or 0.0 for one in claims])
    due_at = np.array([one.due_at for one in claims])
    queue = np.array([one.queue for one in claims])
    starved = 0
    for one in outcomes:
        until = night if one.claimed_at is None else one.claimed_at
        between = slice(*np.searchsorted(claimed_at, [one.arrived_at, until]))
        later = due_at[between] - one.due_at
        passed = (later > anywhere).any() or (later[queue[between] == one.queue] > bound).any()
        starved += bool(passed) or until - one.due_at > bound
    return starved


def most_value(outcomes: Sequence[Outcome], shifts: Sequence[Shift]) -> float:
    """Return an upper bound on the value that anybody could decide in time, knowing the whole day.

    Cases may be split at will, worked on by several people at once, and
    counted in part: whatever a real desk can do is among that, so the best of
    it is no less. A case's seconds are worth value ÷ seconds each and fit
    between its arrival and its deadline; what fits together is, for every
    span of time, at most the people's seconds in it. Such sets of seconds are
    the independent vectors of a polymatroid (the transversal polymatroid of
    the windows), on which taking the most valuable seconds first is optimal
    (Edmonds 1970). The pause after a verdict counts as part of the case, with
    its deadline that much later; a case begun before a shift's end may be
    finished after it.
    """
    slots = round((_NIGHT - _DAY).total_seconds() / _SLOT_S) + 1
    first = _DAY.timestamp()
    longest = max(one.handling_s for one in outcomes) + _BETWEEN_S
    people_s = np.zeros(slots)
    for shift in shifts:
        for slot in range(slots):
            start = first + slot * _SLOT_S
            people_s[slot] += max(
                min(shift.ends_at + longest, start + _SLOT_S) - max(shift.starts_at, start), 0
            )
    total = np.concatenate([[0.0], np.cumsum(people_s)])
    # slack[a, b]: seconds still free in slots a … b, all of whose cases lie inside.
    slack = np.where(np.arange(slots)[:, None] <= np.arange(slots), total[1:] - total[:-1, None], np.inf)
    value = 0.0
    for one in sorted(
        outcomes, key=lambda one: one.value_minor / (one.handling_s + _BETWEEN_S), reverse=True
    ):
        seconds = one.handling_s + _BETWEEN_S
        a = int((one.arrived_at - first) // _SLOT_S)
        b = min(int((min(one.due_at, _NIGHT.timestamp()) + _BETWEEN_S - first) // _SLOT_S), slots - 1)
        around = slack[: a + 1, b:]
        fits = min(seconds, max(float(around.min()), 0.0))
        around -= fits
        value += one.value_minor * fits / seconds
    return value


def _due_at(arrived_at: float, hours: int) -> float:
    open_hours = read_hours(_ZONE.key, _OPEN, [])
    return open_hours.add(datetime.fromtimestamp(arrived_at, UTC), timedelta(hours=hours)).timestamp()


def _by_k(k: float) -> Callable[[Job], float]:
    return lambda job: job.due_at - k * math.log1p(job.value_minor)


def _replayed(
    outcomes: Sequence[Outcome], shifts: Sequence[Shift], key: Callable[[Job], float], best: float
) -> tuple[float, float, float, int]:
    jobs = [
        Job(one.queue, one.arrived_at, one.due_at, sort_key_s(one.due_at, one.value_minor), one.handling_s,
            one.value_minor)
        for one in outcomes
    ]  # fmt: skip
    taken, left = replay(jobs, shifts, between_s=_BETWEEN_S, key=key)
    ends = [
        Outcome(one.job.line, one.job.arrived_at, one.job.due_at, one.job.value_minor, one.job.handling_s,
                one.claimed_at, one.decided_at)
        for one in taken
    ]  # fmt: skip
    ends += [Outcome(job.line, job.arrived_at, job.due_at, job.value_minor, job.handling_s) for job in left]
    value = sum(one.value_minor for one in ends if one.is_in_time)
    longest = max(one.claimed_at - one.job.arrived_at for one in taken)
    in_time = share_in_time(ends, since=0.0)
    return round(value / best, 4), round(in_time, 4), round(longest / 3_600, 2), len(left)
