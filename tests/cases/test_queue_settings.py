"""Queues as staff set them: what they take, when their clocks run, what they offer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from cases.admin_forms import CalendarForm, QueueForm
from cases.effects import possible_kinds
from cases.models import Calendar, CaseStatus, Queue, ReviewCase
from cases.priority import LONGEST_OVERTAKING_ANYWHERE, MOST_HEAD_START_HOURS, answered_sort_key, sort_key
from cases.services import claim_next, ensure_default_queues, open_case
from core.actors import SYSTEM
from core.money import MAX_AMOUNT_MINOR
from core.refs import Ref
from intake.pipeline import submit_order
from tests.cases.builders import NOON, make_case, make_reviewer
from tests.cases.test_effects import _decide, application_case
from tests.cases.test_verdicts import held_order_case
from tests.make import make_live_ruleset, make_merchant, make_model, make_new_order, make_rule

pytestmark = pytest.mark.django_db

_SETTINGS = {
    "blind_share": "0",
    "golden_share": "0",
    "code": "x",
    "name_en": "X",
    "subject": "order",
    "position": "3",
    "resolve_hours": "24",
    "head_start_hours": "0",
    "hidden_verdicts": "[]",
}


def make_queue(code: str, condition: str = "", **fields: Any) -> Queue:
    ensure_default_queues()
    fields.setdefault("subject", "order")
    return Queue.objects.create(code=code, name_en=code, condition=condition, position=5, **fields)


def held(total: str = "1200.00", queue: str = "") -> ReviewCase:
    """Send an order through the pipeline to a person."""
    from risk.models import RuleSet

    if not RuleSet.objects.exists():
        make_live_ruleset(
            make_rule(
                "order.amount >= 1000", code="R-DEAR", name="Dear", reason_code="amount_unusual", queue=queue
            )
        )
        make_model(probability=0.12)
    submission = submit_order(make_merchant(), make_new_order(total=total, at=NOON), actor=SYSTEM, at=NOON)
    return ReviewCase.objects.select_related("queue").get(subject_id=submission.order.pk)


class TestRouting:
    def test_a_case_goes_to_the_first_queue_that_matches(self) -> None:
        make_queue("huge", "order.amount > 50000")
        make_queue("large", "order.amount > 5000")
        assert [held(total).queue.code for total in ("60000.00", "6000.00", "1200.00")] == [
            "huge",
            "large",
            "orders",
        ]

    def test_position_decides_which_is_first(self) -> None:
        make_queue("second", "order.amount > 1")
        Queue.objects.filter(code="second").update(position=9)
        make_queue("first", "order.amount > 1")
        assert held().queue.code == "first"

    def test_a_rule_that_names_a_queue_comes_before_conditions(self) -> None:
        make_queue("all", "order.amount > 1")
        make_queue("named")
        assert held(queue="named").queue.code == "named"

    def test_a_missing_fact_is_no_match(self) -> None:
        make_queue("young", "buyer.account_age_hours < 24")
        assert held().queue.code == "orders"

    def test_a_full_queue_lets_the_next_take_the_case(self) -> None:
        make_queue("small", "order.amount > 1", capacity=1)
        assert [held().queue.code for _ in range(3)] == ["small", "orders", "orders"]
        ReviewCase.objects.filter(queue__code="small").update(status=CaseStatus.RESOLVED)
        assert held().queue.code == "small"

    def test_a_case_without_facts_goes_to_the_default(self) -> None:
        make_queue("all", "order.amount > 1")
        case = open_case(None, subject=Ref("order", 7), title="by hand", value_minor=1, at=NOON)
        assert case.queue.code == "orders"

    def test_a_condition_that_no_longer_reads_takes_nothing(self) -> None:
        make_queue("broken", "order.gone > 1")
        assert held().queue.code == "orders"

    def test_every_open_case_is_in_exactly_one_queue(self) -> None:
        make_queue("a", "order.amount > 1")
        make_queue("b", "order.amount > 1")
        case = held()
        assert ReviewCase.objects.filter(subject_id=case.subject_id).count() == 1
        with pytest.raises(IntegrityError), transaction.atomic():
            ReviewCase.objects.filter(pk=case.pk).update(queue=None)


class TestSettings:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            pytest.param({"condition": "order.amout > 1"}, "condition", id="misspelt"),
            pytest.param({"condition": "order.amount"}, "condition", id="no condition"),
            pytest.param({"hidden_verdicts": '["nonsense"]'}, "hidden_verdicts", id="unknown verdict"),
            pytest.param({"hidden_verdicts": '["approve", "reject"]'}, "hidden_verdicts", id="no way out"),
            pytest.param({"hidden_verdicts": '{"hold": 1}'}, "hidden_verdicts", id="no list"),
            pytest.param({"is_default": "on", "capacity": "3"}, "is_default", id="a default with a limit"),
        ],
    )
    def test_settings_that_make_no_sense_are_refused_in_words(
        self, fields: dict[str, Any], field: str
    ) -> None:
        form = QueueForm({**_SETTINGS, **fields})
        assert not form.is_valid()
        assert set(form.errors) == {field}

    def test_settings_that_make_sense_are_kept(self) -> None:
        form = QueueForm({**_SETTINGS, "condition": "order.amount > 5", "hidden_verdicts": '["hold"]'})
        assert form.is_valid(), form.errors
        queue = form.save()
        assert (queue.condition, queue.hidden_verdicts) == ("order.amount > 5", ["hold"])

    @pytest.mark.parametrize("fields", [{"condition": "order.amount > 1"}, {"capacity": 3}])
    def test_the_default_queue_takes_everything(self, fields: dict[str, Any]) -> None:
        ensure_default_queues()
        with pytest.raises(IntegrityError, match="default_queue_takes_everything"), transaction.atomic():
            Queue.objects.filter(code="orders").update(**fields)

    def test_a_hidden_verdict_is_not_offered(self) -> None:
        case = held_order_case()
        case.queue.hidden_verdicts = ["hold", "escalate"]
        assert possible_kinds(case) == ("approve", "reject")

    def test_a_calendar_has_to_be_readable(self) -> None:
        given = {"code": "x", "time_zone": "UTC", "holidays": "[]"}
        assert not CalendarForm({**given, "hours": "[[]]"}).is_valid()
        assert CalendarForm({**given, "hours": '[[["09:00", "18:00"]], [], [], [], [], [], []]'}).is_valid()


class TestClocks:
    def test_promises_run_in_working_time(self) -> None:
        ensure_default_queues()
        office = Calendar.objects.create(code="office", time_zone="UTC")
        Queue.objects.filter(code="orders").update(calendar=office, first_touch_hours=4, resolve_hours=12)
        friday = datetime(2026, 6, 5, 16, tzinfo=UTC)
        case = open_case(None, subject=Ref("order", 7), title="late", value_minor=0, at=friday)
        assert case.first_touch_due_at == datetime(2026, 6, 8, 11, tzinfo=UTC)
        assert case.due_at == datetime(2026, 6, 9, 10, tzinfo=UTC)

    def test_the_first_claim_is_the_first_touch(self) -> None:
        held_order_case()
        user = make_reviewer()
        case = claim_next(user, at=NOON)
        assert case is not None
        assert case.touched_at == NOON
        again = claim_next(make_reviewer("b@example.com"), at=NOON + timedelta(hours=1))
        assert again is not None
        assert again.touched_at == NOON

    def test_the_clock_stands_while_the_merchant_has_the_word(self) -> None:
        user = make_reviewer()
        case = application_case(user)
        due_at = case.due_at
        _decide(case, user, "request_info", "document_missing", requested=("document_licence",))
        waiting = ReviewCase.objects.get(pk=case.pk)
        assert waiting.paused_at is not None
        answered = waiting.paused_at + timedelta(days=3)
        back = open_case(
            None, subject=Ref("application", case.subject_id), title="answered", value_minor=0, at=answered
        )
        back.refresh_from_db()
        assert back.status == CaseStatus.QUEUED
        assert back.due_at - due_at == timedelta(days=3)
        assert (back.sort_key, back.paused_at) == (answered_sort_key(answered), None)

    def test_an_answered_case_is_next_before_dearer_and_older_ones(self) -> None:
        user = make_reviewer()
        case = application_case(user)
        _decide(case, user, "request_info", "document_missing", requested=("document_licence",))
        older = make_case(queue=case.queue, due_at=NOON - timedelta(days=400), value_minor=MAX_AMOUNT_MINOR)
        assert claim_next(user, at=NOON) == older
        overdue = make_case(queue=case.queue, due_at=NOON - timedelta(days=399))
        open_case(None, subject=Ref("application", case.subject_id), title="answered", value_minor=0, at=NOON)
        assert claim_next(user, at=NOON) == case
        assert claim_next(user, at=NOON) == overdue

    def test_of_two_answered_cases_the_first_answered_is_next(self) -> None:
        user = make_reviewer()
        cases = [application_case(user), application_case(user)]
        for case in cases:
            _decide(case, user, "request_info", "document_missing", requested=("document_licence",))
        for minutes, case in enumerate(reversed(cases)):
            at = NOON + timedelta(minutes=minutes)
            open_case(None, subject=Ref("application", case.subject_id), title="again", value_minor=0, at=at)
        assert [claim_next(user, at=NOON) for _ in cases] == list(reversed(cases))


def test_a_head_start_is_worth_its_hours_and_no_more() -> None:
    assert sort_key(NOON, 0, head_start_hours=3) == sort_key(NOON - timedelta(hours=3), 0)


def test_nothing_is_overtaken_from_another_queue_by_what_is_due_after_the_bound() -> None:
    first = sort_key(NOON, 0)
    worst = {"value_minor": MAX_AMOUNT_MINOR, "head_start_hours": MOST_HEAD_START_HOURS}
    bound = NOON + LONGEST_OVERTAKING_ANYWHERE
    assert sort_key(bound - timedelta(seconds=1), **worst) < first
    assert sort_key(bound + timedelta(seconds=1), **worst) > first
