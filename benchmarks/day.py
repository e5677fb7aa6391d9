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
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from benchmarks.harness import Report, Rows, percentiles
from benchmarks.working_day import BETWEEN_S, DAY, NIGHT, OPEN, ZONE, Diary, Outcome, run_day
from cases.forecasting import Job, Shift, replay
from cases.hours import read_hours
from cases.models import CaseStatus, ReviewCase
from cases.priority import (
    LONGEST_OVERTAKING,
    LONGEST_OVERTAKING_ANYWHERE,
    SECONDS_PER_EFOLD,
    sort_key_s,
)

_SLOT_S = 300.0
_HARD_HOURS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--reviewers", type=int, default=20)
    parser.add_argument("--past", type=int, default=14, help="days before it that the forecast rests on")
    parser.add_argument("--load", type=float, default=1.03, help="work that comes in ÷ work that can be done")
    parser.add_argument("--seed", type=int, default=20_261_127)


def run(options: argparse.Namespace) -> Report:
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench day measures PostgreSQL: set DATABASE_URL.")
    diary, shifts = run_day(options)
    return report(options, diary, shifts)


# ── What it was worth ────────────────────────────────────────────────────────────────────────────
def report(options: argparse.Namespace, diary: Diary, shifts: Sequence[Shift]) -> Report:
    outcomes = list(diary.outcomes.values())
    best = most_value(outcomes, shifts)
    captured = sum(one.value_minor for one in outcomes if one.is_in_time)
    kept = share_in_time(outcomes, since=0.0)
    errors = [100 * abs(share - share_in_time(outcomes, since=at)) for at, share in diary.forecasts]
    claims = percentiles(diary.claim_ms, (50, 99))
    waits = [one.claimed_at - one.arrived_at for one in outcomes if one.claimed_at is not None]
    open_orders = ReviewCase.objects.exclude(status__in=[CaseStatus.RESOLVED, CaseStatus.CANCELLED]).count()
    staffed = sum(shift.ends_at - shift.starts_at for shift in shifts)
    busy = sum(one.handling_s + BETWEEN_S for one in outcomes if one.decided_at is not None)
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
        (f"{datetime.fromtimestamp(at, ZONE):%H:%M}", round(100 * share, 1),
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
        if one.due_at >= since and since <= min(decided, one.due_at) < NIGHT.timestamp():
            settled += 1
            in_time += decided <= one.due_at
    return in_time / settled


def count_starved(outcomes: Sequence[Outcome]) -> int:
    """Count the cases that were overtaken beyond the bound of `cases.priority`.

    While it waited, a case of its own queue that falls due LONGEST_OVERTAKING
    later than it was claimed first, or one of another queue that falls due
    LONGEST_OVERTAKING_ANYWHERE later; or it still waited that long after it fell due.
    """
    night = NIGHT.timestamp()
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
    slots = round((NIGHT - DAY).total_seconds() / _SLOT_S) + 1
    first = DAY.timestamp()
    longest = max(one.handling_s for one in outcomes) + BETWEEN_S
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
    for one in sorted(outcomes, key=lambda one: one.value_minor / (one.handling_s + BETWEEN_S), reverse=True):
        seconds = one.handling_s + BETWEEN_S
        a = int((one.arrived_at - first) // _SLOT_S)
        b = min(int((min(one.due_at, NIGHT.timestamp()) + BETWEEN_S - first) // _SLOT_S), slots - 1)
        around = slack[: a + 1, b:]
        fits = min(seconds, max(float(around.min()), 0.0))
        around -= fits
        value += one.value_minor * fits / seconds
    return value


def _due_at(arrived_at: float, hours: int) -> float:
    open_hours = read_hours(ZONE.key, OPEN, [])
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
    taken, left = replay(jobs, shifts, between_s=BETWEEN_S, key=key)
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
