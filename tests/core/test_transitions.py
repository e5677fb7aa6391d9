"""Machines: only declared moves happen, each is journalled, and of two movers one is refused."""

from threading import Barrier
from typing import Any

import pytest

from core import journal
from core.actors import SYSTEM, Actor
from core.errors import InvalidTransition
from core.models import Effect, TransitionRecord
from core.transitions import Machine, Move
from orders.models import Order
from orders.services import about
from orders.states import ORDER
from tests.core.racing import at_once, on_postgresql
from tests.make import make_order, make_statement

LAMP = Machine(
    "lamp",
    [
        Move("light", ("off",), "on", "MX"),
        Move("put_out", ("on", "flickering"), "off", "M"),
        Move("flicker", ("on",), "flickering", "X"),
        Move("break", ("on", "off"), "broken", "X"),
    ],
)


def test_states_are_named_in_table_order() -> None:
    assert LAMP.states == ["off", "on", "flickering", "broken"]


@pytest.mark.parametrize(
    ("state", "by", "actions"),
    [
        ("off", "M", ["light"]),
        ("off", "X", ["light", "break"]),
        ("on", "M", ["put_out"]),
        ("on", "X", ["flicker", "break"]),
        ("broken", "X", []),
        ("unheard of", "M", []),
        ("off", "R", []),
    ],
)
def test_an_actor_is_offered_what_the_table_allows(state: str, by: str, actions: list[str]) -> None:
    assert LAMP.actions(state, by) == actions


@pytest.mark.parametrize("action", ["put_out", "explode"], ids=["not from here", "unknown"])
def test_a_move_that_is_not_declared_is_refused_with_those_that_are(action: str) -> None:
    with pytest.raises(InvalidTransition) as caught:
        LAMP.find("off", action)
    assert caught.value.extra == {"allowed": ["light", "break"], "state": "off", "action": action}
    assert (caught.value.code, caught.value.http_status) == ("invalid_transition", 409)


def test_an_action_may_lead_to_different_states() -> None:
    fork = Machine("case", [Move("close", ("open",), "closed", "R"), Move("close", ("new",), "void", "R")])
    assert fork.find("new", "close").target == "void"
    assert fork.find("open", "close").target == "closed"


@pytest.mark.django_db
class TestMoving:
    def test_a_move_writes_state_columns_and_journal(self) -> None:
        order = make_order()
        with journal.unit():
            ORDER.move(
                order,
                "decline",
                actor=Actor("user", "5"),
                reason_code="stolen_card",
                comment="As the bank says.",
                hold_reason="stolen_card",
                decline_statement=make_statement(about(order), Effect.DECLINED),
            )
        stored = Order.objects.get()
        assert (order.status, order.hold_reason) == (stored.status, stored.hold_reason)
        assert (stored.status, stored.hold_reason) == ("declined", "stolen_card")
        record = TransitionRecord.objects.latest("id")
        assert (record.from_state, record.to_state, record.action) == ("received", "declined", "decline")
        assert (record.actor_kind, record.actor_id, record.reason_code) == ("user", "5", "stolen_card")
        assert (record.subject_kind, record.subject_id) == ("order", order.pk)
        assert record.comment == "As the bank says."

    def test_a_refused_move_changes_nothing(self) -> None:
        order = make_order()
        with pytest.raises(InvalidTransition), journal.unit():
            ORDER.move(order, "accept", actor=SYSTEM)
        assert Order.objects.get().status == order.status == "received"
        assert [record.action for record in TransitionRecord.objects.all()] == ["place"]

    def test_who_read_the_row_before_somebody_moved_it_is_refused(self) -> None:
        order = make_order()
        stale = Order.objects.get()
        with journal.unit():
            ORDER.move(order, "cancel", actor=SYSTEM)
        with pytest.raises(InvalidTransition) as caught, journal.unit():
            ORDER.move(stale, "await_acceptance", actor=SYSTEM)
        assert caught.value.code == "stale_state"
        assert Order.objects.get().status == "cancelled"

    def test_a_mark_keeps_the_state_and_is_journalled(self) -> None:
        order = make_order()
        with journal.unit():
            statement = make_statement(about(order), Effect.HELD)
            changes = {"hold_kind": "risk", "hold_statement": statement}
            ORDER.mark(order, "hold", actor=SYSTEM, reason_code="other", **changes)
        assert (Order.objects.get().status, Order.objects.get().hold_kind) == ("received", "risk")
        record = TransitionRecord.objects.latest("id")
        assert (record.from_state, record.to_state, record.action) == ("received", "received", "hold")

    def test_a_mark_on_a_row_that_moved_on_is_refused(self) -> None:
        order = make_order()
        stale = Order.objects.get()
        with journal.unit():
            ORDER.move(order, "cancel", actor=SYSTEM)
        with pytest.raises(InvalidTransition), journal.unit():
            ORDER.mark(stale, "hold", actor=SYSTEM, hold_kind="risk")
        assert Order.objects.get().hold_kind == ""


class TestRacing:
    pytestmark = on_postgresql

    def test_of_movers_who_read_the_same_state_exactly_one_wins(self) -> None:
        order = make_order()
        have_read = Barrier(6)

        def move(number: int) -> Any:
            mine = Order.objects.get(pk=order.pk)
            have_read.wait()
            with journal.unit():
                ORDER.move(mine, ("cancel", "await_payment")[number % 2], actor=SYSTEM)
            return "moved"

        assert sorted(at_once(6, move)) == ["moved", *["stale_state"] * 5]
        assert TransitionRecord.objects.filter(from_state="received").count() == 1
