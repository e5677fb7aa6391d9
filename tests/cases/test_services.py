"""Opening cases: the right queue, one per subject, brought up to date."""

from datetime import timedelta

import pytest

from cases.models import CaseStatus, Queue, ReviewCase
from cases.priority import sort_key
from cases.routing import DEFAULT_QUEUES
from cases.services import cancel_case_of, ensure_default_queues, open_case
from core.actors import SYSTEM
from core.ids import new_id
from core.models import OutboxEvent
from core.refs import Ref
from risk.models import Decision
from tests.cases.builders import NOON, make_queue

pytestmark = pytest.mark.django_db


def make_decision(subject: Ref, *, queue_code: str = "") -> Decision:
    return Decision.objects.create(
        subject_kind=subject.kind,
        subject_id=subject.id,
        merchant_id=7,
        as_of=NOON,
        outcome="review",
        score=0.4,
        queue_code=queue_code,
        features=b"",
        feature_hash="0" * 64,
        snapshot={},
        code_version="test",
        created_at=NOON,
    )


def open_for(subject: Ref, *, queue_code: str = "") -> ReviewCase:
    decision = make_decision(subject, queue_code=queue_code)
    return open_case(decision, subject=subject, title="T-1", value_minor=5_000, at=NOON)


@pytest.mark.parametrize(
    ("kind", "queue", "hours"),
    [
        ("order", "orders", 12),
        ("listing", "listings", 24),
        ("application", "applications", 48),
        ("merchant", "merchant_alerts", 72),
    ],
)
def test_each_subject_has_its_default_queue_and_clock(kind: str, queue: str, hours: int) -> None:
    case = open_for(Ref(kind, 1))
    assert case.queue.code == queue
    assert case.due_at == NOON + timedelta(hours=hours)
    assert case.sort_key == sort_key(case.due_at, 5_000)
    assert case.merchant_id == 7


def test_rule_routes_to_the_queue_it_names() -> None:
    ensure_default_queues()
    wanted = Queue.objects.create(code="card_testing", name_en="Card testing", subject="order")
    assert open_for(Ref("order", 1), queue_code="card_testing").queue == wanted


@pytest.mark.parametrize("code", ["no_such_queue", "listings"], ids=["unknown", "of another subject"])
def test_queue_that_does_not_fit_falls_back_to_the_default(code: str) -> None:
    ensure_default_queues()
    assert open_for(Ref("order", 1), queue_code=code).queue.code == "orders"


def test_default_queues_are_made_once_and_keep_what_staff_changed() -> None:
    ensure_default_queues()
    Queue.objects.filter(code="orders").update(resolve_hours=3)
    ensure_default_queues()
    assert Queue.objects.count() == len(DEFAULT_QUEUES)
    assert Queue.objects.get(code="orders").resolve_hours == 3


def test_own_default_queue_is_not_replaced() -> None:
    own = make_queue("my_orders")
    ensure_default_queues()
    assert list(Queue.objects.filter(subject="order", is_default=True)) == [own]


def test_open_case_of_a_subject_is_brought_up_to_date_not_doubled() -> None:
    subject = Ref("order", new_id())
    first = open_for(subject)
    second = open_for(subject)
    assert second.pk == first.pk
    assert second.evidence_version == first.evidence_version + 1
    assert second.decision_id != first.decision_id


def test_a_case_without_a_paused_clock_returns_to_its_old_place() -> None:
    subject = Ref("application", new_id())
    case = open_for(subject)
    ReviewCase.objects.filter(pk=case.pk).update(status=CaseStatus.AWAITING_SUBJECT)
    returned = open_for(subject)
    assert (returned.pk, returned.status) == (case.pk, CaseStatus.QUEUED)
    assert (returned.sort_key, returned.evidence_version) == (case.sort_key, 2)


def test_closed_case_does_not_hinder_a_new_one() -> None:
    subject = Ref("order", new_id())
    first = open_for(subject)
    assert cancel_case_of(subject, actor=SYSTEM, at=NOON, reason_code="withdrawn") == first
    assert open_for(subject).pk != first.pk


def test_cancelling_without_an_open_case_changes_nothing() -> None:
    assert cancel_case_of(Ref("order", 1), actor=SYSTEM, at=NOON) is None


def test_cases_are_announced_to_the_operator_not_to_merchants() -> None:
    open_for(Ref("order", 1))
    event = OutboxEvent.objects.get()
    assert (event.type, event.merchant_id) == ("review_case.created", None)
