"""What becomes of the cases of a desk: possible days drawn, worked off and counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cases.priority import sort_key_s

from .desk import Desk, DueTimes, Floats, Job, Line, Shift, Waiting, draw_arrivals
from .replay import Taken, replay

# Of each figure the middle four fifths of the days drawn are shown.
_LOW, _HIGH = 10, 90


@dataclass(frozen=True)
class Spread:
    """A figure over all days drawn: its mean, and the ends between which four days in five lie."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class LineOutlook:
    """One line in one period. `in_time` is None if nothing falls due and nothing is decided."""

    code: str
    arriving: Spread
    in_time: Spread | None
    breaches: Spread
    backlog: Spread


@dataclass(frozen=True)
class Outlook:
    """One period, counted over `runs` days drawn.

    in_time        share, 0–1, of the cases that are decided or fall due in the period and were not late
                   when the forecast was made; None if there are none
    open_in_time   the same of the cases that are open now
    breaches       cases that fall due in the period undecided
    backlog        undecided cases at its end
    wait_p50_s     median of claim − arrival of the cases that wait in it, up to its end if it does not
                   come before; None if there are none
    utilisation    share of the people's time spent on cases, 0–1; None if nobody is there
    """

    since: float
    until: float
    in_time: Spread | None
    open_in_time: Spread | None
    breaches: Spread
    backlog: Spread
    arriving: Spread
    wait_p50_s: Spread | None
    wait_p90_s: Spread | None
    utilisation: Spread | None
    lines: Sequence[LineOutlook]
    runs: int


def forecast(
    desk: Desk,
    waiting: Sequence[Waiting],
    shifts_of: Callable[[float], Sequence[Shift]],
    *,
    at: float,
    ends: Sequence[float],
    seed: int,
    runs: int,
    arrival_factor: float = 1.0,
) -> list[Outlook]:
    """Return one outlook per period, the first from now to `ends[0]`, the next from there on.

    In every run arrivals, values and handling times are drawn anew, each from
    its line's own past; the order of work, capacities, calendars and rights
    are the real ones. The same seed gives the same answer.

    shifts_of        the people of one run, given a number of 0–1 drawn for it
    arrival_factor   how many times the usual number comes in
    """
    drawn = []
    for run in range(runs):
        random = np.random.default_rng((seed, run))
        jobs = _open_jobs(desk, waiting, random) + _new_jobs(desk, at, ends[-1], arrival_factor, random)
        # Evenly spread, so that few runs already come to the right number of hours.
        shifts = shifts_of((run + 0.5) / runs)
        limits = {code: line.capacity for code, line in desk.lines.items() if line.capacity is not None}
        taken, left = replay(jobs, shifts, between_s=desk.between_s, capacities=limits)
        drawn.append(_Day(taken, left, shifts))
    starts = [at, *ends[:-1]]
    codes = list(desk.lines)
    return [
        _outlook([day.count(since, until, at, codes) for day in drawn], since, until, codes)
        for since, until in zip(starts, ends, strict=True)
    ]


def _open_jobs(desk: Desk, waiting: Sequence[Waiting], random: np.random.Generator) -> list[Job]:
    seconds = {code: iter(_handling(line, len(waiting), random)) for code, line in desk.lines.items()}
    return [
        Job(
            case.line,
            case.arrived_at,
            case.due_at,
            float("-inf") if case.is_claimed else case.key,
            next(seconds[case.line]),
            # Whoever has claimed it may decide it.
            needs_senior=desk.lines[case.line].needs_senior and not case.is_claimed,
        )
        for case in waiting
    ]


def _new_jobs(desk: Desk, at: float, until: float, factor: float, random: np.random.Generator) -> list[Job]:
    due = {code: DueTimes(line, at, until) for code, line in desk.lines.items()}
    jobs: list[Job] = []
    for line in desk.lines.values():
        arrived = draw_arrivals(line, desk.zone, random, since=at, until=until, factor=factor)
        values = random.choice(np.asarray(line.values), len(arrived)).tolist()
        seconds = _handling(line, len(arrived), random)
        drawn = _jobs(line, arrived, due[line.code], values, seconds)
        other = desk.lines.get(line.overflow or "")
        if line.capacity is not None and other is not None:
            others = _jobs(other, arrived, due[other.code], values, seconds)
            drawn = [_with_instead(job, instead) for job, instead in zip(drawn, others, strict=True)]
        jobs += drawn
    return jobs


def _jobs(
    line: Line, arrived: Floats, due: DueTimes, values: Sequence[int], seconds: Sequence[float]
) -> list[Job]:
    head = line.head_start_hours
    return [
        Job(line.code, came, falls_due, sort_key_s(falls_due, value, head_start_hours=head), spent, value,
            line.needs_senior)
        for came, falls_due, value, spent in zip(
            arrived.tolist(), due.of(arrived).tolist(), values, seconds, strict=True
        )
    ]  # fmt: skip


def _with_instead(job: Job, instead: Job) -> Job:
    return Job(job.line, job.arrived_at, job.due_at, job.key, job.handling_s, job.value_minor,
               job.needs_senior, instead)  # fmt: skip


def _handling(line: Line, count: int, random: np.random.Generator) -> list[float]:
    drawn: list[float] = random.choice(np.asarray(line.handling_s), count).tolist()
    return drawn


@dataclass(frozen=True)
class _Counted:
    """One period of one day drawn. Per line: (arriving, in time, to count, breaches, backlog)."""

    lines: dict[str, list[int]]
    open_in_time: tuple[int, int]
    waits: list[float]
    busy_s: float
    staffed_s: float


@dataclass(frozen=True)
class _Day:
    taken: Sequence[Taken]
    left: Sequence[Job]
    shifts: Sequence[Shift]

    def count(self, since: float, until: float, at: float, codes: Sequence[str]) -> _Counted:
        lines = {code: [0, 0, 0, 0, 0] for code in codes}
        open_in_time, open_counted, waits, busy = 0, 0, [], 0.0
        ends = [(one.job, one.claimed_at, one.decided_at) for one in self.taken]
        ends += [(job, float("inf"), float("inf")) for job in self.left]
        for job, claimed, decided in ends:
            numbers, due = lines[job.line], job.due_at
            numbers[0] += since <= job.arrived_at < until
            numbers[4] += job.arrived_at < until <= decided
            if job.arrived_at < until and since <= claimed:
                # Who still waits at the end has waited that long at least: left out, a desk that
                # nobody works at would show short waits.
                waits.append(min(claimed, until) - job.arrived_at)
            busy += max(min(decided, until) - max(claimed, since), 0.0) if claimed < until else 0.0
            if due < at:
                continue
            is_in_time = decided <= due
            # It is settled when it is decided, or when it is late, whichever comes first.
            if since <= min(decided, due) < until:
                numbers[1] += is_in_time
                numbers[2] += 1
                numbers[3] += not is_in_time
                if job.arrived_at < at:
                    open_in_time += is_in_time
                    open_counted += 1
        staffed = sum(max(min(s.ends_at, until) - max(s.starts_at, since), 0.0) for s in self.shifts)
        return _Counted(lines, (open_in_time, open_counted), waits, busy, staffed)


def _outlook(days: Sequence[_Counted], since: float, until: float, codes: Sequence[str]) -> Outlook:
    totals = [[sum(line[i] for line in day.lines.values()) for i in range(5)] for day in days]
    return Outlook(
        since=since,
        until=until,
        in_time=_shares([(total[1], total[2]) for total in totals]),
        open_in_time=_shares([day.open_in_time for day in days]),
        breaches=_spread([total[3] for total in totals]),
        backlog=_spread([total[4] for total in totals]),
        arriving=_spread([total[0] for total in totals]),
        wait_p50_s=_percentiles(days, 50),
        wait_p90_s=_percentiles(days, 90),
        utilisation=_shares([(day.busy_s, day.staffed_s) for day in days]),
        lines=[_line_outlook(code, [day.lines[code] for day in days]) for code in codes],
        runs=len(days),
    )


def _line_outlook(code: str, counts: Sequence[Sequence[int]]) -> LineOutlook:
    return LineOutlook(
        code=code,
        arriving=_spread([count[0] for count in counts]),
        in_time=_shares([(count[1], count[2]) for count in counts]),
        breaches=_spread([count[3] for count in counts]),
        backlog=_spread([count[4] for count in counts]),
    )


def _percentiles(days: Sequence[_Counted], point: int) -> Spread | None:
    found = [float(np.percentile(day.waits, point)) for day in days if day.waits]
    return _spread(found) if found else None


def _shares(counts: Sequence[tuple[float, float]]) -> Spread | None:
    """Return shares of a whole; the mean is of all days together, so that a quiet one counts for little."""
    shares = [part / whole for part, whole in counts if whole]
    if not shares:
        return None
    mean = sum(part for part, _ in counts) / sum(whole for _, whole in counts)
    return Spread(mean, float(np.percentile(shares, _LOW)), float(np.percentile(shares, _HIGH)))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(
        float(np.mean(values)), float(np.percentile(values, _LOW)), float(np.percentile(values, _HIGH))
    )
