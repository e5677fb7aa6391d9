"""The simulation of a desk's day: the order of work, rights, capacities, people, and what is counted."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.forecasting import (
    Desk,
    HourlyRates,
    Job,
    Line,
    Shift,
    Waiting,
    forecast,
    replay,
    spread_over,
    usual_shifts,
)
from cases.forecasting.desk import DueTimes
from cases.hours import ALWAYS, BusinessHours

UTC_ZONE = ZoneInfo("UTC")
MONDAY = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
HOUR = 3_600.0
LUNCH = ((time(9), time(12)), (time(13), time(18)))
WEEK = BusinessHours(ZoneInfo("Asia/Shanghai"), (LUNCH,) * 5 + ((), ()))


def make_job(at: float = 0.0, *, key: float = 0.0, seconds: float = 60.0, **fields: object) -> Job:
    line = str(fields.pop("line", "orders"))
    return Job(line, MONDAY + at, MONDAY + at + HOUR, key, seconds, **fields)  # type: ignore[arg-type]


def make_shift(start: float = 0.0, end: float = 8 * HOUR, *, senior: bool = False) -> Shift:
    return Shift(MONDAY + start, MONDAY + end, senior)


def claimed(jobs: Sequence[Job], *shifts: Shift, **how: object) -> list[tuple[Job, float]]:
    taken, _ = replay(jobs, shifts, **how)  # type: ignore[arg-type]
    return [(one.job, one.claimed_at - MONDAY) for one in taken]


class TestReplay:
    def test_the_smallest_key_is_claimed_first(self) -> None:
        late, soon = make_job(key=2.0), make_job(key=1.0)
        assert claimed([late, soon], make_shift(10)) == [(soon, 10.0), (late, 70.0)]

    def test_a_case_that_arrives_at_a_waiting_reviewer_does_not_wait(self) -> None:
        job = make_job(500)
        assert claimed([job], make_shift()) == [(job, 500.0)]

    def test_between_two_cases_the_pause_passes(self) -> None:
        jobs = [make_job(key=1.0), make_job(key=2.0)]
        assert [at for _, at in claimed(jobs, make_shift(10), between_s=5.0)] == [10.0, 75.0]

    def test_whoever_has_a_case_at_the_end_finishes_it_and_takes_no_other(self) -> None:
        first, second = make_job(key=1.0, seconds=HOUR), make_job(key=2.0)
        taken, left = replay([first, second], [make_shift(0, 60)])
        assert [one.job for one in taken] == [first]
        assert left == [second]

    def test_a_senior_case_waits_for_a_senior(self) -> None:
        job = make_job(needs_senior=True)
        taken, left = replay([job], [make_shift()])
        assert (taken, left) == ([], [job])
        assert claimed([job], make_shift(), make_shift(50, senior=True)) == [(job, 50.0)]

    def test_a_senior_takes_ordinary_cases_too_in_one_order(self) -> None:
        ordinary, senior = make_job(key=1.0), make_job(key=2.0, needs_senior=True)
        assert [job for job, _ in claimed([senior, ordinary], make_shift(10, senior=True))] == [
            ordinary,
            senior,
        ]

    def test_what_finds_its_line_full_goes_to_the_other(self) -> None:
        instead = make_job(20, line="rest")
        first, second = make_job(10, seconds=HOUR), make_job(20, instead=instead)
        taken, left = replay([first, second], [make_shift()], capacities={"orders": 1})
        assert [one.job for one in taken] == [first, instead]
        assert left == []

    @given(
        st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 50_000), st.integers(1, 900)), max_size=60),
        st.integers(1, 4),
    )
    def test_every_case_is_claimed_once_or_left_and_nobody_does_two_at_a_time(
        self, cases: list[tuple[int, int, int]], people: int
    ) -> None:
        jobs = [make_job(at, key=key, seconds=spent) for at, key, spent in cases]
        taken, left = replay(jobs, [make_shift()] * people)
        assert len(taken) + len(left) == len(jobs)
        assert all(one.claimed_at >= one.job.arrived_at for one in taken)
        edges = sorted(
            [(one.claimed_at, 1) for one in taken] + [(one.decided_at, -1) for one in taken],
        )
        assert max(np.cumsum([step for _, step in edges]), default=0) <= people


class TestDueTimes:
    @pytest.mark.parametrize("hours", [ALWAYS, WEEK], ids=["always", "business hours"])
    @pytest.mark.parametrize("resolve_h", [1, 12, 72])
    def test_they_are_those_of_the_calendar(self, hours: BusinessHours, resolve_h: int) -> None:
        line = Line("orders", resolve_h * HOUR, hours)
        arrived = np.random.default_rng(1).uniform(MONDAY, MONDAY + 7 * 86_400, 300)
        due = DueTimes(line, MONDAY, MONDAY + 7 * 86_400).of(arrived)
        for came, falls_due in zip(arrived, due, strict=True):
            expected = hours.add(datetime.fromtimestamp(came, UTC), timedelta(hours=resolve_h))
            assert falls_due == pytest.approx(expected.timestamp(), abs=0.01)


class TestPresence:
    def test_spans_and_shifts_come_to_the_same_hours(self) -> None:
        people = {0.0: 2.0, 900.0: 1.0}
        assert spread_over([(0.0, 1_800.0), (0.0, 900.0)]) == people
        shifts = usual_shifts(lambda at: people.get(at, 0.0), since=0.0, until=HOUR, rounding=0.5)
        assert sum(shift.ends_at - shift.starts_at for shift in shifts) == 2_700.0

    def test_rounding_drawn_evenly_keeps_the_hours(self) -> None:
        hours = [
            sum(s.ends_at - s.starts_at for s in usual_shifts(lambda _: 2.4, since=0, until=900, rounding=r))
            for r in np.linspace(0.05, 0.95, 10)
        ]
        assert np.mean(hours) / 900 == pytest.approx(2.4)


def make_desk(*, per_hour: float = 0.0, seconds: float = 60.0, **line: object) -> Desk:
    rates = HourlyRates((per_hour,) * 24, (per_hour,) * 24)
    made = Line("orders", HOUR, ALWAYS, rates, handling_s=(seconds,), **line)  # type: ignore[arg-type]
    return Desk({"orders": made}, UTC_ZONE)


def look(desk: Desk, waiting: Sequence[Waiting] = (), people: int = 1, **how: float):
    shifts = [make_shift(0, 24 * HOUR)] * people
    (outlook,) = forecast(
        desk, waiting, lambda _: shifts, at=MONDAY, ends=[MONDAY + 24 * HOUR], seed=1, runs=8, **how
    )
    return outlook


class TestForecast:
    def test_the_same_seed_gives_the_same_answer(self) -> None:
        assert look(make_desk(per_hour=20)) == look(make_desk(per_hour=20))

    def test_nobody_there_means_that_what_falls_due_is_late(self) -> None:
        waiting = [Waiting("orders", MONDAY - 60, MONDAY + 60, 0.0)]
        outlook = look(make_desk(), waiting, people=0)
        assert (outlook.breaches.mean, outlook.backlog.mean) == (1.0, 1.0)
        assert outlook.open_in_time is not None
        assert outlook.open_in_time.mean == 0.0
        assert outlook.utilisation is None

    def test_what_is_late_already_is_no_new_breach(self) -> None:
        waiting = [Waiting("orders", MONDAY - HOUR, MONDAY - 60, 0.0)]
        outlook = look(make_desk(), waiting)
        assert outlook.breaches.mean == 0.0
        assert outlook.in_time is None

    def test_what_is_claimed_is_done_before_anything_else(self) -> None:
        first = Waiting("orders", MONDAY - 60, MONDAY + 90, 5.0, is_claimed=True)
        second = Waiting("orders", MONDAY - 60, MONDAY + 90, 1.0)
        outlook = look(make_desk(), [second, first])
        assert outlook.breaches.mean == 1.0

    def test_more_people_keep_more_promises(self) -> None:
        desk = make_desk(per_hour=100)
        few, many = look(desk, people=1), look(desk, people=3)
        assert few.in_time is not None
        assert many.in_time is not None
        assert few.in_time.mean < 0.7 < 0.99 < many.in_time.mean
        assert few.backlog.mean > many.backlog.mean

    def test_utilisation_is_the_work_that_comes_over_the_people(self) -> None:
        outlook = look(make_desk(per_hour=30), people=1)
        assert outlook.utilisation.mean == pytest.approx(0.5, abs=0.05)
        assert outlook.arriving.mean == pytest.approx(720, rel=0.05)

    def test_half_as_much_again_comes_in(self) -> None:
        assert look(make_desk(per_hour=30), arrival_factor=1.5).arriving.mean == pytest.approx(
            1_080, rel=0.05
        )

    def test_periods_share_the_breaches_between_them(self) -> None:
        shifts = [make_shift(0, 24 * HOUR)]
        ends = [MONDAY + 12 * HOUR, MONDAY + 24 * HOUR]
        both = forecast(make_desk(per_hour=100), [], lambda _: shifts, at=MONDAY, ends=ends, seed=1, runs=4)
        whole = forecast(
            make_desk(per_hour=100), [], lambda _: shifts, at=MONDAY, ends=ends[1:], seed=1, runs=4
        )
        assert sum(one.breaches.mean for one in both) == pytest.approx(whole[0].breaches.mean)
