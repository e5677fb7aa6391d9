"""Who is at work when: people per quarter of an hour, and the shifts that come to the same."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from .desk import Shift

SLOT_S = 900.0
SLOTS = 96
_SATURDAY = 5


@dataclass(frozen=True)
class Presence:
    """How many people are at work, on average, in each quarter of an hour of the day, local; 96 numbers."""

    working_day: Sequence[float]
    weekend: Sequence[float]

    def at(self, moment: float, zone: ZoneInfo) -> float:
        local = datetime.fromtimestamp(moment, zone)
        day = self.weekend if local.weekday() >= _SATURDAY else self.working_day
        return day[(local.hour * 3_600 + local.minute * 60 + local.second) // int(SLOT_S)]


def spread_over(spans: Iterable[tuple[float, float]]) -> dict[float, float]:
    """Return person-slots by the slot's start: how much of each quarter of an hour the spans cover.

    >>> spread_over([(0.0, 1350.0)])
    {0.0: 1.0, 900.0: 0.5}
    """
    covered: dict[float, float] = {}
    for start, end in spans:
        slot = start // SLOT_S * SLOT_S
        while slot < end:
            part = (min(end, slot + SLOT_S) - max(start, slot)) / SLOT_S
            covered[slot] = covered.get(slot, 0.0) + part
            slot += SLOT_S
    return covered


def usual_shifts(
    people: Callable[[float], float], *, since: float, until: float, rounding: float, is_senior: bool = False
) -> list[Shift]:
    """Return shifts with that many people: the first person whenever there is one, the second when two, …

    people     how many are at work at a moment, on average
    rounding   0–1: an average of 6.4 people is 7 where it is above 0.6. Drawn evenly, the shifts have the
               right number of hours on average, which rounding to the nearest would not
    """
    shifts: list[Shift] = []
    running: list[float] = []  # when each person who is there came
    slot = since
    while slot < until:
        count = int(people(slot) + rounding)
        while len(running) > count:
            shifts.append(Shift(running.pop(), slot, is_senior))
        running += [slot] * (count - len(running))
        slot = min((slot // SLOT_S + 1) * SLOT_S, until)
    return shifts + [Shift(start, until, is_senior) for start in running]
