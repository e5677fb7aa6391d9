"""Business hours: promises run while somebody works, over weekends, holidays and changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.hours import ALWAYS, BusinessHours, read_hours

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = read_hours(
    "Europe/Berlin", [[["09:00", "12:00"], ["13:00", "18:00"]]] * 5 + [[], []], ["2026-05-01"]
)


def berlin(day: str, at: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(at), tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("since", "hours", "due"),
    [
        pytest.param(berlin("2026-06-01", "09:00"), 2, berlin("2026-06-01", "11:00"), id="within a stretch"),
        pytest.param(berlin("2026-06-01", "11:00"), 2, berlin("2026-06-01", "14:00"), id="over the break"),
        pytest.param(berlin("2026-06-01", "12:00"), 1, berlin("2026-06-01", "14:00"), id="at the very end"),
        pytest.param(berlin("2026-06-05", "17:00"), 2, berlin("2026-06-08", "10:00"), id="over the weekend"),
        pytest.param(berlin("2026-04-30", "17:00"), 2, berlin("2026-05-04", "10:00"), id="over a holiday"),
        pytest.param(berlin("2026-06-06", "03:00"), 8, berlin("2026-06-08", "18:00"), id="from a Saturday"),
        pytest.param(berlin("2026-06-01", "09:00"), 40, berlin("2026-06-05", "18:00"), id="a whole week"),
    ],
)
def test_a_promise_falls_due_in_working_time(since: datetime, hours: int, due: datetime) -> None:
    assert OFFICE.add(since, timedelta(hours=hours)) == due


def test_a_night_with_a_change_of_the_clock_counts_its_real_hours() -> None:
    nights = read_hours("Europe/Berlin", [[["00:00", "24:00"]]] * 7, [])
    # On 29 March 2026 the clock goes from two to three: the day has 23 hours.
    before = berlin("2026-03-29", "00:00")
    assert nights.add(before, timedelta(hours=23)) == berlin("2026-03-30", "00:00")
    assert nights.between(before, berlin("2026-03-30", "00:00")) == timedelta(hours=23)


MOMENTS = st.integers(0, 3 * 365 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
DURATIONS = st.integers(1, 100 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(MOMENTS, DURATIONS)
def test_between_takes_back_what_add_gave(since: datetime, duration: timedelta) -> None:
    assert OFFICE.between(since, OFFICE.add(since, duration)) == duration


@given(MOMENTS, DURATIONS, DURATIONS)
def test_more_is_never_due_earlier(since: datetime, some: timedelta, more: timedelta) -> None:
    assert OFFICE.add(since, some) < OFFICE.add(since, some + more)


@given(MOMENTS, DURATIONS)
def test_a_clock_that_never_stops_is_plain_addition(since: datetime, duration: timedelta) -> None:
    assert ALWAYS.add(since, duration) == since + duration


@given(MOMENTS, DURATIONS)
def test_nothing_lies_between_moments_the_wrong_way_round(since: datetime, duration: timedelta) -> None:
    assert OFFICE.between(since, since - duration) == timedelta(0)


@pytest.mark.parametrize(
    ("zone", "week", "holidays", "sentence"),
    [
        pytest.param("Mars/Olympus", [[]] * 7, [], "no time zone", id="zone"),
        pytest.param("UTC", [[]] * 6, [], "seven days", id="six days"),
        pytest.param("UTC", [[]] * 7, [], "never fall due", id="never"),
        pytest.param("UTC", [[["18:00", "09:00"]]] * 7, [], "end after they start", id="backwards"),
        pytest.param("UTC", [[["09:00", "12:00"], ["11:00", "18:00"]]] * 7, [], "overlap", id="overlap"),
        pytest.param("UTC", [[["nine", "five"]]] * 7, [], "Invalid isoformat", id="words"),
        pytest.param("UTC", [["09:00"]] * 7, [], "values to unpack", id="not pairs"),
        pytest.param("UTC", [[["09:00", "12:00"]]] * 7, [20261001], "dates such as", id="number for a date"),
    ],
)
def test_hours_that_make_no_sense_are_refused(
    zone: str, week: list[list[list[str]]], holidays: list[str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_hours(zone, week, holidays)


def test_a_calendar_that_is_nearly_all_holidays_says_so() -> None:
    one_hour = BusinessHours(ZoneInfo("UTC"), ((((time(9), time(10)),),) + ((),) * 6))
    with pytest.raises(ValueError, match="too few hours"):
        one_hour.add(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=10_000))
