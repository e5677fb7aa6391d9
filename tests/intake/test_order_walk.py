"""The walk of an order: received, judged, acted on, and never lost."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import ReviewCase
from core.actors import SYSTEM
from core.errors import Conflict, ValidationFailed
from core.models import OutboxEvent, TransitionRecord
from intake import pipeline
from intake.pipeline import decide_received_order, submit_order
from intake.sweeping import sweep
from orders.models import Order, OrderContact, OrderLine
from orders.placing import Contact, NewLine
from risk.facts import orders as order_facts
from risk.models import Decision
from risk.rules.engine import Effect
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_new_order, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def merchant():
    from cases.services import ensure_default_queues

    ensure_default_queues()
    return make_merchant()


def _submit(merchant, *, wait=True, at=NOON, **fields):
    return submit_order(merchant, make_new_order(at=at, **fields), actor=SYSTEM, at=at, wait=wait)


def test_a_good_order_is_approved_and_goes_to_the_merchant(merchant):
    make_live_ruleset()
    make_model(probability=0.01)

    order, decision = _submit(merchant).order, Decision.objects.get()

    assert decision.outcome == "approve"
    assert decision.score == pytest.approx(0.01)
    assert Order.objects.get(pk=order.pk).status == "awaiting_acceptance"
    assert [t.to_state for t in TransitionRecord.objects.order_by("id")] == [
        "received",
        "awaiting_acceptance",
    ]
    assert [e.type for e in OutboxEvent.objects.order_by("id")] == ["order.placed", "order.approved"]


def test_an_unpaid_order_waits_for_its_payment(merchant):
    make_live_ruleset()
    make_model(probability=0.01)

    order = _submit(merchant, payment_status="unpaid").order

    assert Order.objects.get(pk=order.pk).status == "awaiting_payment"


def test_a_rule_that_reviews_holds_the_order_and_opens_a_case(merchant):
    make_live_ruleset(make_rule("order.amount > 40", Effect.REVIEW, reason_code="amount_unusual"))
    make_model(probability=0.01)

    order = Order.objects.get(pk=_submit(merchant).order.pk)

    assert (order.status, order.hold_kind, order.hold_reason) == ("received", "risk", "amount_unusual")
    case = ReviewCase.objects.get()
    assert (case.subject_kind, case.subject_id, case.status) == ("order", order.pk, "queued")
    assert case.decision is not None
    assert list(case.decision.snapshot["evaluation"]["results"].values()) == [True]


def test_a_score_above_the_threshold_declines(merchant):
    make_live_ruleset()
    make_model(probability=0.9)

    order = Order.objects.get(pk=_submit(merchant).order.pk)

    assert order.status == "declined"
    assert not ReviewCase.objects.exists()


def test_without_a_model_nothing_is_approved(merchant):
    make_live_ruleset()

    decision = _submit(merchant).decision

    assert (decision.outcome, decision.reason_codes) == ("review", ["no_score"])


def test_without_a_ruleset_the_decision_is_degraded_and_reviewed(merchant):
    make_model(probability=0.01)

    decision = _submit(merchant).decision

    assert (decision.outcome, decision.degraded) == ("review", ["ruleset"])


def test_a_failing_model_degrades_the_decision_and_loses_nothing(merchant, monkeypatch):
    make_live_ruleset()
    make_model(probability=0.01)
    monkeypatch.setattr("risk.scoring.LiveModel.score", _fail)

    submission = _submit(merchant)

    assert (submission.decision.outcome, submission.decision.degraded) == ("review", ["score"])
    assert Order.objects.get().hold_kind == "risk"


def test_a_failing_judgement_leaves_the_order_received_for_the_sweeper(merchant, monkeypatch):
    make_live_ruleset()
    make_model(probability=0.01)
    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "decide_order", _fail)
        submission = _submit(merchant)

    assert submission.decision is None
    assert Order.objects.get().status == "received"
    assert not Decision.objects.exists()
    assert [t.to_state for t in TransitionRecord.objects.all()] == ["received"]

    order = Order.objects.get()
    assert sweep(at=order.created_at + timedelta(minutes=1)) == 1
    assert Order.objects.get().status == "awaiting_acceptance"


def test_an_order_that_is_not_waited_for_is_decided_by_the_worker_as_of_its_arrival(
    merchant, sent_tasks, django_capture_on_commit_callbacks
):
    make_live_ruleset()
    make_model(probability=0.01)
    with django_capture_on_commit_callbacks(execute=True):
        order = _submit(merchant, wait=False).order

    assert sent_tasks == [("intake.tasks.decide_order", [order.pk])]
    decision = decide_received_order(order.pk, at=NOON + timedelta(hours=3))
    assert decision is not None
    assert decision.as_of == NOON


def test_deciding_twice_changes_nothing(merchant):
    make_live_ruleset()
    make_model(probability=0.01)
    order = _submit(merchant).order

    assert decide_received_order(order.pk, at=NOON) is None
    assert Decision.objects.count() == 1


def test_a_held_order_is_not_decided_again(merchant):
    make_live_ruleset(make_rule("order.amount > 0"))
    make_model(probability=0.01)
    order = _submit(merchant).order

    assert decide_received_order(order.pk, at=NOON) is None
    assert sweep(at=NOON + timedelta(days=400)) == 0


@pytest.mark.django_db(transaction=True)
def test_a_known_order_number_is_a_conflict_and_leaves_nothing(merchant):
    make_live_ruleset()
    make_model(probability=0.01)
    _submit(merchant, external_id="A-1")

    with pytest.raises(Conflict) as caught:
        _submit(merchant, external_id="A-1")

    assert caught.value.code == "duplicate_order"
    assert Order.objects.count() == 1
    assert OutboxEvent.objects.filter(type="order.placed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_decided_order_costs_few_statements_and_one_commit(merchant):
    make_live_ruleset(make_rule("device_orders_1h_count > 40"))
    make_model(probability=0.01)
    _submit(merchant)  # loads the versions, prepares the history's statement

    with CaptureQueriesContext(connection) as queries:
        _submit(merchant)

    sent = [query["sql"] for query in queries]
    if connection.vendor == "postgresql":
        # BEGIN and SAVEPOINT travel with the history, RELEASE with the inserts of all tables.
        history, rows, commit = sent
        assert history.startswith("BEGIN; SAVEPOINT")
        assert rows.count("INSERT INTO") == 6
        assert commit == "COMMIT"
    else:
        # One by one: order number, order, line, decision, trail, events. A statement costs no round trip.
        verbs = [text.split(maxsplit=1)[0] for text in sent]
        assert verbs == ["BEGIN", "SAVEPOINT", "SELECT", "RELEASE", *["INSERT"] * 6, "COMMIT"]


def test_a_history_that_takes_too_long_degrades_the_decision_and_a_person_looks(merchant, monkeypatch):
    make_live_ruleset(make_rule("order.amount > 1000", Effect.DECLINE))
    make_model(probability=0.01)
    monkeypatch.setattr(order_facts, "HISTORY_LIMIT_MS", 20)
    monkeypatch.setattr(order_facts, "read_history", _count_for_ever)

    submission = _submit(merchant)

    assert (submission.decision.outcome, submission.decision.degraded) == ("review", ["history"])
    assert Order.objects.get().hold_kind == "risk"
    assert Decision.objects.get().snapshot["evaluation"]["results"].keys()
    assert ReviewCase.objects.count() == 1


def test_a_worker_gives_up_a_history_that_takes_too_long_as_well(merchant, monkeypatch):
    make_live_ruleset()
    make_model(probability=0.01)
    order = _submit(merchant, wait=False).order
    monkeypatch.setattr(order_facts, "HISTORY_LIMIT_MS", 20)
    monkeypatch.setattr(order_facts, "read_history", _count_for_ever)

    decision = decide_received_order(order.pk, at=NOON)
    assert decision is not None
    assert decision.degraded == ["history"]


def test_a_failing_judgement_takes_back_what_it_changed_in_memory(merchant, monkeypatch):
    make_live_ruleset(make_rule("order.amount > 40", Effect.REVIEW))
    make_model(probability=0.01)
    monkeypatch.setattr(pipeline, "open_case", _fail)

    submission = _submit(merchant)

    assert submission.decision is None
    assert (submission.order.hold_kind, submission.order.decided_at) == ("", None)
    stored = Order.objects.get()
    assert (stored.status, stored.hold_kind, stored.decided_at) == ("received", "", None)
    assert not Decision.objects.exists()


def test_two_merchants_may_use_the_same_order_number(merchant):
    make_live_ruleset()
    _submit(merchant, external_id="A-1")
    _submit(make_merchant(), external_id="A-1")

    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lines": ()}, "no_lines"),
        ({"lines": (NewLine("Pot", 0, 100),)}, "too_small"),
        ({"lines": (NewLine("Pot", 1, -1),)}, "negative"),
        ({"lines": (NewLine("Pot", 2, 10**12),)}, "amount_too_large"),
        ({"placed_at": NOON + timedelta(seconds=1)}, "in_future"),
        ({"external_id": ""}, "required"),
        ({"currency": "USD", "fx_rate": None}, "no_exchange_rate"),
    ],
)
def test_an_impossible_order_is_refused_before_anything_is_written(merchant, change, code):
    new = replace(make_new_order(), **change)

    with pytest.raises(ValidationFailed) as caught:
        submit_order(merchant, new, actor=SYSTEM, at=NOON)

    assert code in [error.code for error in caught.value.errors]
    assert not Order.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_personal_data_is_encrypted_and_signals_are_fingerprints(merchant):
    make_live_ruleset()
    order = _submit(merchant, contact=Contact("Ann Lee", "ann@example.com", "+86 1", "1 Tea Street")).order

    sealed = bytes(OrderContact.objects.get(order_id=order.pk).sealed)
    assert b"Ann" not in sealed
    row = Order.objects.filter(pk=order.pk).values().get()
    assert "device-1" not in map(str, row.values())
    assert row["device_key"] is not None


def test_an_amount_of_zero_is_valid(merchant):
    make_live_ruleset()
    make_model(probability=0.01)

    order = _submit(merchant, total="0.00").order

    assert order.total_minor == 0
    assert OrderLine.objects.get().unit_price_minor == 0


def test_velocity_counts_earlier_orders_and_never_the_order_itself(merchant):
    make_live_ruleset()
    make_model(probability=0.01)
    for minute in range(3):
        decision = _submit(merchant, at=NOON + timedelta(minutes=minute)).decision

    from risk.selectors import features_of

    values = features_of(decision)
    assert values["device_orders_1h_count"] == 2
    assert values["card_amount_24h_sum"] == 2 * 4990
    assert values["buyer_cards_7d_distinct"] == 1


def test_a_share_of_approvals_is_reviewed_blind_without_holding_the_order(merchant):
    make_live_ruleset(review_share=1.0)
    make_model(probability=0.01)

    submission = _submit(merchant)

    assert submission.decision.is_sampled
    assert Order.objects.get().status == "awaiting_acceptance"
    assert ReviewCase.objects.get().is_blind


def _count_for_ever(keys, *, as_of):
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
            " SELECT count(*) FROM n"
        )


def _fail(*args, **kwargs):
    raise RuntimeError("the model fell over")
