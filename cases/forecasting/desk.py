"""A review desk as numbers: its lines, what comes in, how long a case takes, who is there when.

Moments are epoch seconds, so that a simulated day is additions and comparisons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cases.hours import BusinessHours

Floats = NDArray[np.float64]

HOURS = 24
_HOUR_S = 3_600.0
_SATURDAY = 5


@dataclass(frozen=True)
class HourlyRates:
    """Expected cases per hour of the day, local time, on working days and on weekends; 24 numbers each."""

    working_day: Sequence[float]
    weekend: Sequence[float]

    def of(self, local: datetime) -> float:
        day = self.weekend if local.weekday() >= _SATURDAY else self.working_day
        return day[local.hour]


NOTHING = HourlyRates((0.0,) * HOURS, (0.0,) * HOURS)


@dataclass(frozen=True)
class Line:
    """One queue.

    resolve_s     working seconds from arrival to due
    capacity      most undecided cases it takes; None = no limit
    overflow      code of the line that takes what finds no room
    rates         what comes in
    values        what was at stake in past cases, minor units of the base currency; drawn from
    handling_s    how long past cases took, seconds; drawn from, never empty
    """

    code: str
    resolve_s: float
    hours: BusinessHours
    rates: HourlyRates = NOTHING
    values: Sequence[int] = (0,)
    handling_s: Sequence[float] = (300.0,)
    head_start_hours: int = 0
    needs_senior: bool = False
    capacity: int | None = None
    overflow: str | None = None


@dataclass(frozen=True)
class Desk:
    """All lines, and the seconds a reviewer needs from one verdict to the next claim with work waiting."""

    lines: Mapping[str, Line]
    zone: ZoneInfo
    between_s: float = 0.0


@dataclass(frozen=True)
class Waiting:
    """One undecided case of now. `is_claimed`: somebody is at it, so it is done before anything else."""

    line: str
    arrived_at: float
    due_at: float
    key: float
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One case of a simulated day.

    key       the smaller, the sooner it is claimed
    instead   the same case as the overflow line would have it; None if its line takes everything
    """

    line: str
    arrived_at: float
    due_at: float
    key: float
    handling_s: float
    value_minor: int = 0
    needs_senior: bool = False
    instead: "Job | None" = field(default=None, repr=False)


@dataclass(frozen=True)
class Shift:
    """One stretch of one person's work without a break. Whoever has a case at its end finishes it."""

    starts_at: float
    ends_at: float
    is_senior: bool = False


class DueTimes:
    """When cases of one line fall due, for any number of arrivals at once.

    The line's working stretches laid end to end: a case that arrives at working second w falls due at
    working second w + resolve. The same answer as `BusinessHours.add`, a thousand times as fast.

    since, until   the arrivals asked about lie between them
    """

    def __init__(self, line: Line, since: float, until: float) -> None:
        self._resolve_s = line.resolve_s
        starts, ends, left = [], [], line.resolve_s
        for start, end in line.hours.stretches(datetime.fromtimestamp(since, UTC)):
            starts.append(start.timestamp())
            ends.append(end.timestamp())
            left -= max(ends[-1] - max(starts[-1], until), 0.0)
            if left <= 0:
                break
        self._starts, lengths = np.array(starts), np.array(ends) - np.array(starts)
        self._ends, self._worked = np.array(ends), np.cumsum(lengths)
        self._before = self._worked - lengths

    def of(self, arrived_at: Floats) -> Floats:
        """Return the due moments, shape as given."""
        stretch = np.minimum(np.searchsorted(self._ends, arrived_at, side="right"), len(self._ends) - 1)
        worked = self._before[stretch] + np.maximum(arrived_at - self._starts[stretch], 0.0)
        due = worked + self._resolve_s
        stretch = np.minimum(np.searchsorted(self._worked, due - 1e-6), len(self._ends) - 1)
        return np.asarray(self._starts[stretch] + due - self._before[stretch])


def draw_arrivals(
    line: Line, zone: ZoneInfo, random: np.random.Generator, *, since: float, until: float, factor: float
) -> Floats:
    """Return moments of arrival, sorted: a Poisson process whose rate changes with the hour."""
    edges = [since, *np.arange((since // _HOUR_S + 1) * _HOUR_S, until, _HOUR_S).tolist(), until]
    pieces = []
    for start, end in pairwise(edges):
        rate = line.rates.of(datetime.fromtimestamp(start, zone)) * factor / _HOUR_S
        pieces.append(random.uniform(start, end, random.poisson(rate * (end - start))))
    return np.sort(np.concatenate(pieces)) if pieces else np.empty(0)
