"""The same key from many threads at once. SQLite has one writer, so there is no race to lose there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connection

from accounts.permissions import SCOPES
from cases.services import ensure_default_queues
from core.actors import SYSTEM
from core.ids import encode
from core.models import IdempotencyKey, OutboxEvent
from orders.handling import accept_order
from orders.models import Order, Refund
from orders.services import approve_order
from risk.models import Decision
from risk.rules.engine import Effect
from tests.api.calls import Partner
from tests.api.test_orders import body
from tests.make import (
    NOON,
    make_key,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_order,
    make_rule,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs DATABASE_URL on PostgreSQL"),
]
THREADS = 8
T = TypeVar("T")


def at_once(work: Callable[[int], T]) -> list[T]:
    """Run the work in every thread with its own connection, all starting together."""
    barrier = Barrier(THREADS)

    def run(number: int) -> T:
        barrier.wait()
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@pytest.mark.parametrize("attempt", range(3))
def test_one_key_from_eight_threads_is_one_order(attempt: int) -> None:
    make_live_ruleset(make_rule("order.amount > 1000", Effect.REVIEW))
    make_model(probability=0.01)
    ensure_default_queues()
    merchant = make_merchant()
    token, content = make_key(merchant, scopes=SCOPES), body(merchant)
    answers = at_once(lambda _: Partner(token).post("orders", content, key="k"))
    outcomes = {(answer.status_code, answer.get("Idempotent-Replayed", "")) for answer in answers}
    assert outcomes <= {(201, ""), (201, "true"), (409, "")}
    fresh = [one for one in answers if one.status_code == 201 and not one.has_header("Idempotent-Replayed")]
    assert len(fresh) == 1
    assert all(answer["Retry-After"] for answer in answers if answer.status_code == 409)
    assert Order.objects.count() == Decision.objects.count() == IdempotencyKey.objects.count() == 1
    assert OutboxEvent.objects.filter(type="order.placed").count() == 1
    again = Partner(token).post("orders", content, key="k")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")


def test_one_number_under_eight_keys_is_one_order() -> None:
    merchant = make_merchant()
    token, content = make_key(merchant, scopes=SCOPES), body(merchant)
    answers = at_once(lambda number: Partner(token).post("orders?wait=false", content, key=f"k{number}"))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * (THREADS - 1)
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"duplicate_order"}
    assert Order.objects.count() == 1


def test_eight_refunds_of_one_piece_are_one_refund() -> None:
    merchant = make_merchant()
    token, order = make_key(merchant, scopes=SCOPES), make_order(merchant)
    approve_order(order, actor=SYSTEM, at=NOON)
    accept_order(order, actor=SYSTEM, at=NOON)
    line = encode("lin", order.lines.get().pk)
    wanted = {"reason": "damaged", "lines": [{"line": line, "quantity": 1}]}
    url = f"orders/{encode('ord', order.pk)}/refunds"
    answers = at_once(lambda _: Partner(token).post(url, wanted))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * (THREADS - 1)
    assert Refund.objects.count() == 1
