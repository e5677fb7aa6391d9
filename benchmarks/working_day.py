"""The day that `bin/bench day` measures: its arrivals and people, the past before it, and how it is lived."""

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
from cases.clocks import start_clocks
from cases.forecasting import Job, Shift, Taken, replay
from cases.measuring import measure_desk
from cases.models import Calendar, CaseStatus, Queue, ReviewCase, Verdict, VerdictStatus
from cases.outlooks import forecast_desk
from cases.priority import (
    sort_key,
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

ZONE = ZoneInfo("Asia/Shanghai")
# A Wednesday, in the past of whoever runs this: ids are drawn by the machine's clock.
DAY = datetime(2026, 11, 18, tzinfo=ZONE)
NIGHT = DAY + timedelta(days=1)
# Twenty people as in three shops: from, until, how many of twenty. Half an hour of break in the middle.
_SHIFTS = ((8.0, 16.5, 7), (9.5, 18.0, 6), (15.5, 24.0, 7))
_BREAK_H = 0.5
OPEN = [[["08:00", "24:00"]]] * 7
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
BETWEEN_S = 6.0
_UNDO_FOR = timedelta(seconds=30)
_REJECTED, _UNDONE = 0.2, 0.01
_SECOND_THOUGHT_S = 5.0
_HEARTBEAT_S = 600.0
_SETTLE_S = 30.0
_FORECASTS_H = (8, 11, 15, 19)
_ARRIVE, _BEAT, _GIVE, _FREE, _SETTLE, _FORECAST = range(6)


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
        return self.decided_at is not None and self.decided_at <= min(self.due_at, NIGHT.timestamp())


@dataclass
class Diary:
    """What happened on the day."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by case
    claim_ms: list[float] = field(default_factory=list)
    forecasts: list[tuple[float, float]] = field(default_factory=list)  # when, share in time
    undone: int = 0
    settled: int = 0


def run_day(options: argparse.Namespace) -> tuple[Diary, Sequence[Shift]]:
    """Prepare an empty database, write the past, and live the day."""
    if ReviewCase.objects.exists():
        raise SystemExit("bin/bench day needs an empty database of its own.")
    random = np.random.default_rng(options.seed)
    queues = _prepare_queues()
    _publish_rules()
    people = _people(options.reviewers)
    for back in range(options.past, 0, -1):
        _write_past(DAY - timedelta(days=back), options, queues, people, random)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    shifts = _shifts(DAY, options.reviewers)
    return _Clock(options, people, shifts, _arrivals(DAY, options, random)).live(), shifts


# ── Setting up ───────────────────────────────────────────────────────────────────────────────────
def _prepare_queues() -> dict[str, Queue]:
    ensure_default_queues()
    calendar = Calendar.objects.create(code="desk", time_zone=ZONE.key, hours=OPEN)
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
    publish(draft, author=author, approver=approver, at=DAY - timedelta(hours=1))
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
    if day != DAY:
        count = int(random.poisson(count * max(random.normal(1, _DAY_SIGMA), 0.5)))
    shape = np.asarray(_SHAPE)
    hours = random.choice(24, count, p=shape / shape.sum())
    at = np.sort(day.timestamp() + 3_600 * (hours + random.uniform(0, 1, count)))
    amounts = np.exp(random.normal(math.log(_MEDIAN_AMOUNT), _AMOUNT_SIGMA, count))
    capacity_s = sum(shift.ends_at - shift.starts_at for shift in _shifts(DAY, options.reviewers))
    mean_s = options.load * capacity_s / options.cases - BETWEEN_S
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
    taken, left = replay(jobs, shifts, between_s=BETWEEN_S)
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
        heapq.heappush(free, (one.decided_at + BETWEEN_S, number))
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
class _Clock:
    """The product's services, called in the order of simulated time."""

    def __init__(
        self,
        options: argparse.Namespace,
        people: Sequence[User],
        shifts: Sequence[Shift],
        arrivals: Sequence[Arrival],
    ) -> None:
        self._people, self._shifts = people, shifts
        self._diary = Diary()
        self._merchant = Merchant.objects.create(name="The day's shop", status="active", joined_at=DAY)
        self._coming: dict[int, Arrival] = {}  # by case
        self._idle: deque[int] = deque()
        self._count = 0
        self._events: list[tuple[float, int, int, Any]] = []
        for arrival in arrivals:
            self._plan(arrival.at, _ARRIVE, arrival)
        for number, shift in enumerate(shifts):
            self._plan(shift.starts_at, _FREE, number)
        for hour in _FORECASTS_H:
            self._plan((DAY + timedelta(hours=hour)).timestamp(), _FORECAST, None)
        self._plan(DAY.timestamp() + _SETTLE_S, _SETTLE, None)

    def live(self) -> Diary:
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
        self._plan(at + BETWEEN_S, _FREE, number)

    def _settle(self, at: float, _: None) -> None:
        self._diary.settled += settle_due(at=datetime.fromtimestamp(at, UTC))
        if self._events:
            self._plan(at + _SETTLE_S, _SETTLE, None)

    def _forecast(self, at: float, _: None) -> None:
        moment = datetime.fromtimestamp(at, UTC)
        measure_desk(at=moment)
        outlook = forecast_desk(at=moment, ends=[NIGHT]).periods[0]
        if outlook.in_time is not None:
            self._diary.forecasts.append((at, outlook.in_time.mean))
