"""Business hours: when a promise's clock runs, in the marketplace's own time zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_WEEK = 7
# Longer than any promise on the emptiest calendar that is allowed: one hour a week.
_LONGEST_LOOK = timedelta(days=3_660)


@dataclass(frozen=True)
class BusinessHours:
    """The hours of a week in which work is done.

    week        seven days from Monday: (start, end) of each stretch, in order, without overlap; end 24:00 is
                `time.max`
    holidays    days without work, whatever their weekday
    """

    zone: ZoneInfo
    week: tuple[tuple[tuple[time, time], ...], ...]
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if len(self.week) != _WEEK:
            raise ValueError("A week has seven days.")
        for day in self.week:
            ends = [moment for stretch in day for moment in stretch]
            if ends != sorted(set(ends)):
                raise ValueError("A day's stretches are in order, do not overlap, and end after they start.")
        if not any(self.week):
            raise ValueError("At least one day has hours: a promise would never fall due.")

    def add(self, since: datetime, duration: timedelta) -> datetime:
        """Return when that much working time has passed since a moment, UTC; ValueError if it never does.

        >>> nine_to_five = BusinessHours(ZoneInfo("UTC"), (((time(9), time(17)),),) * 5 + ((), ()))
        >>> nine_to_five.add(datetime(2026, 6, 5, 16, tzinfo=UTC), timedelta(hours=2))  # a Friday
        datetime.datetime(2026, 6, 8, 10, 0, tzinfo=datetime.timezone.utc)
        """
        left = duration
        for start, end in self.stretches(since):
            if left <= end - start:
                return (start + left).astimezone(UTC)
            left -= end - start
        raise ValueError("The calendar holds too few hours for this promise.")

    def between(self, since: datetime, until: datetime) -> timedelta:
        """Return how much working time lies between two moments, zero if they are the wrong way round.

        >>> nine_to_five = BusinessHours(ZoneInfo("UTC"), (((time(9), time(17)),),) * 5 + ((), ()))
        >>> friday, monday = datetime(2026, 6, 5, 16, tzinfo=UTC), datetime(2026, 6, 8, 10, tzinfo=UTC)
        >>> nine_to_five.between(friday, monday)
        datetime.timedelta(seconds=7200)
        """
        total = timedelta(0)
        for start, end in self.stretches(since):
            if start >= until:
                break
            total += min(end, until) - start
        return total

    def stretches(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the working stretches from a moment on, as UTC moments: sums are then real hours."""
        day = since.astimezone(self.zone).date()
        last = day + _LONGEST_LOOK
        while day <= last:
            if day not in self.holidays:
                for start, end in self.week[day.weekday()]:
                    opens, closes = self._moment(day, start), self._moment(day, end)
                    if closes > since:
                        yield max(opens, since.astimezone(UTC)), closes
            day += timedelta(days=1)

    def _moment(self, day: date, at: time) -> datetime:
        if at == time.max:
            day, at = day + timedelta(days=1), time(0)
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)


ALWAYS = BusinessHours(ZoneInfo("UTC"), (((time(0), time.max),),) * _WEEK)


def read_hours(zone: str, week: Sequence[Sequence[Sequence[str]]], holidays: Sequence[str]) -> BusinessHours:
    """Return stored hours; ValueError says in words what is wrong with them.

    week        [[["09:00", "18:00"]], …] from Monday; "24:00" ends a day
    holidays    ISO dates
    """
    if zone not in _zones():
        raise ValueError(f"There is no time zone “{zone}”.")
    try:
        days = tuple(tuple((_time(start), _time(end)) for start, end in day) for day in week)
        return BusinessHours(ZoneInfo(zone), days, frozenset(map(date.fromisoformat, holidays)))
    except (TypeError, AttributeError) as error:
        raise ValueError("Hours are pairs of texts such as “09:00”, dates such as “2026-10-01”.") from error


@cache
def _zones() -> frozenset[str]:
    """Return the names of all time zones: finding them reads the disk, milliseconds for every new case."""
    return frozenset(available_timezones())


def _time(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)
