"""What leads read: backlog, promises, work and people; the measured past, and the forecast on it."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Role, User
from cases import desk
from cases.claims import LEASE
from cases.measuring import find_measurement, look_back, measure_desk
from cases.models import Calendar, Queue, ReviewCase, Verdict
from cases.outlooks import DEFAULT_HANDLING_S, Staffing, forecast_desk
from tests.cases.builders import NOON, make_case, make_queue, make_reviewer
from tests.make import make_merchant

pytestmark = pytest.mark.django_db

ZONE = ZoneInfo("UTC")


def opened(at: datetime, *, queue: Queue | None = None, **changes: object) -> ReviewCase:
    due_at = changes.pop("due_at", at + timedelta(hours=12))
    case = make_case(queue=queue, due_at=due_at)  # type: ignore[arg-type]
    ReviewCase.objects.filter(pk=case.pk).update(created_at=at, **changes)
    case.refresh_from_db()
    return case


def decided(
    case: ReviewCase, reviewer: User, *, touched_at: datetime, at: datetime, token: int = 1
) -> Verdict:
    ReviewCase.objects.filter(pk=case.pk).update(
        status="resolved", touched_at=touched_at, resolved_at=at, claim_token=token
    )
    return Verdict.objects.create(
        case=case, kind="approve", reviewer=reviewer, claim_token=token, evidence_version=1,
        status="effective", effective_at=at, created_at=at,
    )  # fmt: skip


def claimed(reviewer: User, *, beat_at: datetime, **fields: Any) -> ReviewCase:
    return opened(
        NOON - timedelta(hours=1), status="claimed", claimed_by=reviewer, claim_expires_at=beat_at + LEASE,
        touched_at=beat_at, **fields,
    )  # fmt: skip


class TestBacklog:
    def test_ages_and_promises_are_counted(self) -> None:
        queue = make_queue()
        Queue.objects.filter(pk=queue.pk).update(resolve_hours=12, first_touch_hours=4)
        queue.refresh_from_db()
        opened(NOON - timedelta(minutes=5), first_touch_due_at=NOON + timedelta(hours=4))
        opened(NOON - timedelta(hours=3), first_touch_due_at=NOON + timedelta(minutes=30))
        opened(
            NOON - timedelta(hours=13),
            due_at=NOON - timedelta(hours=1),
            first_touch_due_at=NOON - timedelta(hours=9),
        )
        opened(
            NOON - timedelta(hours=11),
            due_at=NOON + timedelta(hours=1),
            first_touch_due_at=NOON,
            touched_at=NOON,
        )
        opened(NOON, status="awaiting_subject")
        (one,) = desk.list_backlogs([queue], at=NOON)
        assert one.ages == (1, 1, 1, 1, 0, 0)
        assert one.decide == desk.Standing(on_time=2, at_risk=1, late=1)
        assert one.first_touch == desk.Standing(on_time=1, at_risk=1, late=1)
        assert (one.open, one.claimed, one.paused) == (4, 0, 1)

    def test_risk_begins_a_quarter_of_the_queues_own_time_before(self) -> None:
        calendar = Calendar.objects.create(code="day", time_zone="UTC", hours=[[["10:00", "13:00"]]] * 7)
        queue = make_queue()
        Queue.objects.filter(pk=queue.pk).update(resolve_hours=8, calendar=calendar)
        queue = Queue.objects.select_related("calendar").get(pk=queue.pk)
        # A quarter of eight hours is two working hours: one is left today, the other is tomorrow's first.
        opened(NOON, due_at=NOON + timedelta(hours=22, minutes=50))
        opened(NOON, due_at=NOON + timedelta(hours=23, minutes=10))
        assert desk.list_backlogs([queue], at=NOON)[0].decide == desk.Standing(on_time=1, at_risk=1, late=0)

    def test_no_promise_is_no_standing(self) -> None:
        assert desk.list_backlogs([make_queue()], at=NOON)[0].first_touch is None

    def test_all_queues_take_one_query(self) -> None:
        queues = [make_queue(), make_queue("orders_senior", senior=True)]
        with CaptureQueriesContext(connection) as captured:
            assert len(desk.list_backlogs(queues, at=NOON)) == 2
        assert len(captured) == 1


class TestWork:
    def test_verdicts_are_counted_by_the_hour_with_their_times(self) -> None:
        lin = make_reviewer()
        for minutes in (2, 4, 6):
            at = NOON - timedelta(minutes=10)
            decided(opened(NOON - timedelta(hours=2)), lin, touched_at=at - timedelta(minutes=minutes), at=at)
        late = opened(NOON - timedelta(hours=2), due_at=NOON - timedelta(hours=1))
        decided(late, lin, touched_at=NOON - timedelta(hours=5), at=NOON - timedelta(minutes=1), token=2)
        work = desk.get_work(at=NOON, days=1, zone=ZONE)
        counts = {step.starts_at.hour: (step.verdicts, step.arrived) for step in work.steps if step.verdicts}
        assert counts == {11: (4, 0)}
        assert work.steps[-3].arrived == 4
        # The one given under a second claim says nothing of how long it took.
        assert work.handling == desk.Handling(3, 240.0, 360.0)
        assert (work.kept.resolved, work.kept.in_time) == (4, 3)
        assert work.mix["approve"] == 4
        assert not work.is_cut

    def test_days_are_those_of_the_people(self) -> None:
        work = desk.get_work(at=NOON, days=7, zone=ZoneInfo("Asia/Shanghai"))
        assert [step.starts_at.hour for step in work.steps] == [0] * 7


class TestPeople:
    def test_who_beats_is_active_and_who_has_gone_quiet_is_idle(self) -> None:
        lin, wei, ana = (make_reviewer(f"{name}@example.com") for name in ("lin", "wei", "ana"))
        viewer = make_reviewer("lead@example.com", role=Role.SENIOR_REVIEWER)
        held = claimed(lin, beat_at=NOON - timedelta(minutes=1))
        claimed(wei, beat_at=NOON - timedelta(minutes=9))
        at = NOON - timedelta(minutes=20)
        decided(opened(NOON - timedelta(hours=2)), ana, touched_at=at, at=at)
        people = {str(one.user): one for one in desk.list_people_on(viewer, at=NOON, zone=ZONE)}
        assert {name: one.is_active for name, one in people.items()} == {
            "Lin": True, "Wei": False, "Ana": False,
        }  # fmt: skip
        assert people["Lin"].holds == [held]
        assert people["Ana"].verdicts_today == 1
        assert desk.count_on(at=NOON) == (1, 0)

    def test_a_case_of_the_viewers_merchant_does_not_exist_for_them(self) -> None:
        viewer = make_reviewer("lead@example.com", role=Role.SENIOR_REVIEWER)
        merchant = make_merchant(owner=viewer)
        claimed(make_reviewer(), beat_at=NOON, merchant_id=merchant.pk)
        assert desk.list_people_on(viewer, at=NOON, zone=ZONE) == []


def past_day(reviewer: User, day: datetime, *, cases: int = 40) -> None:
    """One case a quarter of an hour from nine on, four minutes each and one between."""
    for number in range(cases):
        at = day.replace(hour=9) + timedelta(minutes=5 * number)
        case = opened(day.replace(hour=8))
        decided(case, reviewer, touched_at=at, at=at + timedelta(minutes=4))


class TestMeasuring:
    def test_the_past_is_measured(self) -> None:
        lin = make_reviewer()
        for back in (1, 2):
            past_day(lin, NOON - timedelta(days=back + 2))  # a Friday and a Thursday
        content = measure_desk(at=NOON - timedelta(days=2)).content
        line = content["lines"]["orders"]
        assert line["handling_s"] == [240.0] * 80
        assert content["between_s"] == 60.0
        assert sum(line["working_day"]) == pytest.approx(80 / 2, rel=0.35)
        people = content["people"]["ordinary"]["working_day"]
        assert people[4 * 10] == pytest.approx(1.0, abs=0.01)
        assert people[4 * 20] == 0.0
        assert find_measurement(at=NOON).content == content  # type: ignore[union-attr]

    def test_a_page_left_open_is_no_handling_time(self) -> None:
        case = opened(NOON - timedelta(hours=9))
        decided(case, make_reviewer(), touched_at=NOON - timedelta(hours=8), at=NOON - timedelta(hours=1))
        assert look_back(at=NOON).content["lines"]["orders"]["handling_s"] == [3_600.0]

    def test_rows_of_more_than_a_week_ago_are_forgotten(self) -> None:
        measure_desk(at=NOON - timedelta(days=8))
        newest = measure_desk(at=NOON)
        assert find_measurement(at=NOON) == newest
        assert find_measurement(at=NOON - timedelta(days=1)) is None


class TestOutlook:
    def test_too_little_past_is_said_and_defaults_are_named(self) -> None:
        make_case(due_at=NOON + timedelta(hours=1))
        outlook = forecast_desk(at=NOON, ends=[NOON + timedelta(hours=12)])
        assert outlook.basis.defaulted == ("orders",)
        assert outlook.basis.is_staff_flat
        assert not outlook.basis.is_kept
        # Nobody is on, and nobody was ever seen: nothing is decided.
        assert outlook.periods[0].breaches.mean == 1.0

    def test_a_what_if_works_the_chosen_hours(self) -> None:
        for _ in range(20):
            make_case(due_at=NOON + timedelta(hours=4))
        ends = [NOON + timedelta(hours=12)]
        people = Staffing(2, 0, time(13), time(18))
        outlook = forecast_desk(at=NOON, ends=ends, staffing=people).periods[0]
        assert outlook.in_time.mean == 1.0  # type: ignore[union-attr]
        assert outlook.utilisation.mean == pytest.approx(20 * DEFAULT_HANDLING_S / (2 * 5 * 3_600))  # type: ignore[union-attr]
        late = Staffing(2, 0, time(17), time(18))
        assert forecast_desk(at=NOON, ends=ends, staffing=late).periods[0].breaches.mean == 20.0

    def test_hours_past_midnight_begin_the_evening_before(self) -> None:
        make_case(due_at=NOON + timedelta(hours=1))
        people = Staffing(1, 0, time(22), time(14))
        outlook = forecast_desk(at=NOON, ends=[NOON + timedelta(hours=12)], staffing=people)
        assert outlook.periods[0].breaches.mean == 0.0

    def test_the_usual_people_are_those_of_the_past(self) -> None:
        lin = make_reviewer()
        past_day(lin, NOON - timedelta(days=3))
        morning = NOON.replace(hour=8)
        opened(morning - timedelta(hours=1), due_at=morning + timedelta(hours=3))
        outlook = forecast_desk(at=morning, ends=[NOON + timedelta(hours=12)])
        assert not outlook.basis.is_staff_flat
        assert outlook.periods[0].utilisation is not None
        assert outlook.periods[0].open_in_time.mean == 1.0  # type: ignore[union-attr]

    def test_a_forecast_asks_as_many_queries_for_many_cases_as_for_one(self) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                forecast_desk(at=NOON, ends=[NOON + timedelta(hours=12)])
            return len(captured)

        make_case()
        few = count()
        for _ in range(30):
            make_case()
        assert count() == few
