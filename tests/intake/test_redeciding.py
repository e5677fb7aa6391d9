"""What a braked rule held is decided again, and nothing else is touched."""

from datetime import timedelta

import pytest

from accounts.models import Role
from cases.claims import claim_next
from cases.models import ReviewCase
from core.actors import SYSTEM
from intake import pipeline
from intake.pipeline import submit_order
from intake.redeciding import redecide_held
from orders.models import Order
from risk import live
from risk.models import Brake, Decision
from risk.rules.engine import Effect
from risk.services import pull_brake, release_brake
from tests.make import (
    NOON,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_new_order,
    make_rule,
    make_user,
)

pytestmark = pytest.mark.django_db

WIDE = make_rule("order.amount > 1", Effect.REVIEW, code="R-WIDE")
NARROW = make_rule("order.amount > 500", Effect.REVIEW, code="R-NARROW")


@pytest.fixture
def merchant():
    from cases.services import ensure_default_queues

    ensure_default_queues()
    make_live_ruleset(WIDE, NARROW)
    make_model()
    return make_merchant()


def hold(merchant, total="49.90") -> Order:
    order = submit_order(merchant, make_new_order(total=total), actor=SYSTEM, at=NOON).order
    assert order.is_held
    return order


def brake(rule_code="R-WIDE") -> Brake:
    return pull_brake("order", rule_code=rule_code, by=make_user(Role.RISK_ANALYST), at=NOON)


def status_of(order: Order) -> tuple[str, str]:
    found = Order.objects.get(pk=order.pk)
    return found.status, found.hold_kind


def test_what_only_the_braked_rule_held_goes_on(merchant):
    order = hold(merchant)

    assert redecide_held(brake().pk, at=NOON) == 1

    assert status_of(order) == ("awaiting_acceptance", "")
    assert ReviewCase.objects.get().status == "cancelled"
    first, second = Decision.objects.order_by("id")
    assert (first.outcome, second.outcome) == ("review", "approve")
    assert second.as_of == first.as_of
    assert second.snapshot["evaluation"]["muted"] == {"R-WIDE": "braked"}


def test_what_another_rule_held_as_well_stays_in_its_place(merchant):
    order = hold(merchant, total="900.00")
    before = ReviewCase.objects.get()

    assert redecide_held(brake().pk, at=NOON) == 0

    after = ReviewCase.objects.get()
    assert status_of(order) == ("received", "risk")
    assert (after.status, after.sort_key) == ("queued", before.sort_key)
    assert after.decision_id != before.decision_id


def test_what_somebody_is_working_on_stays_theirs(merchant):
    order = hold(merchant)
    claim_next(make_user(Role.REVIEWER), at=NOON)

    assert redecide_held(brake().pk, at=NOON) == 0

    assert status_of(order) == ("received", "risk")
    assert Decision.objects.count() == 1


def test_what_another_rule_held_is_not_looked_at(merchant):
    hold(merchant)

    assert redecide_held(brake("R-NARROW").pk, at=NOON) == 0

    assert Decision.objects.count() == 1


def test_a_repeat_and_a_released_brake_change_nothing(merchant):
    hold(merchant)
    pulled = brake()
    redecide_held(pulled.pk, at=NOON)
    assert redecide_held(pulled.pk, at=NOON) == 0

    pulled.refresh_from_db()
    assert pulled.redecided_at == NOON
    release_brake(pulled, by=make_user(Role.RISK_ANALYST), at=NOON + timedelta(hours=1))
    assert redecide_held(pulled.pk, at=NOON) == 0
    assert Decision.objects.count() == 2


def test_one_that_cannot_be_decided_does_not_keep_the_others_waiting(merchant, monkeypatch):
    orders = [hold(merchant) for _ in range(3)]
    pulled = brake()
    live.look_again()
    decide = pipeline.decide_held_order

    def fail_on_second(order, *, at):
        if order.pk == orders[1].pk:
            raise RuntimeError("the second cannot be decided")
        return decide(order, at=at)

    monkeypatch.setattr(pipeline, "decide_held_order", fail_on_second)
    assert redecide_held(pulled.pk, at=NOON) == 2
    assert [status_of(order)[0] for order in orders] == [
        "awaiting_acceptance",
        "received",
        "awaiting_acceptance",
    ]
