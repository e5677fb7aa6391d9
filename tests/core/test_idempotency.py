"""One answer per credential and key: replayed, never given twice, never stored for a failure."""

from datetime import timedelta
from threading import Event

import pytest

from core.errors import Conflict
from core.idempotency import RETENTION, Answer, InFlight, KeyReused, delete_expired, run_once
from core.models import IdempotencyKey
from orders.models import Order
from tests.core.racing import at_once, on_postgresql
from tests.make import make_merchant, make_order


class Work:
    """Counts how often it is done."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Answer:
        self.times += 1
        return Answer(201, b'{"id": "ord_%d"}' % self.times)


@pytest.mark.django_db
class TestAnswers:
    def test_a_repeat_gets_the_first_answer_without_the_work(self) -> None:
        work = Work()
        first = run_once("key:1", "A", b"{}", work)
        again = run_once("key:1", "A", b"{}", work)
        assert (first.status, first.body, first.is_replay) == (201, b'{"id": "ord_1"}', False)
        assert (again.status, again.body, again.is_replay) == (201, b'{"id": "ord_1"}', True)
        assert work.times == 1

    def test_another_payload_under_the_same_key_is_refused(self) -> None:
        work = Work()
        run_once("key:1", "A", b'{"total": "1"}', work)
        with pytest.raises(KeyReused) as caught:
            run_once("key:1", "A", b'{"total": "2"}', work)
        assert (caught.value.code, caught.value.http_status) == ("idempotency_key_reused", 422)
        assert work.times == 1

    @pytest.mark.parametrize(("credential", "key"), [("key:2", "A"), ("key:1", "B")])
    def test_another_credential_or_key_is_another_request(self, credential: str, key: str) -> None:
        work = Work()
        run_once("key:1", "A", b"{}", work)
        assert run_once(credential, key, b"{}", work).body == b'{"id": "ord_2"}'

    def test_a_refusal_that_a_repeat_would_get_too_is_stored(self) -> None:
        assert run_once("key:1", "A", b"{}", lambda: Answer(422, b"no")).status == 422
        assert run_once("key:1", "A", b"{}", Work()).status == 422

    @pytest.mark.parametrize("failure", [Conflict("Changed meanwhile."), RuntimeError("fell over")])
    def test_a_conflict_or_a_failure_is_not_stored_and_may_be_tried_again(self, failure: Exception) -> None:
        def fail() -> Answer:
            make_order()
            raise failure

        with pytest.raises(type(failure)):
            run_once("key:1", "A", b"{}", fail)
        assert not IdempotencyKey.objects.exists()
        assert not Order.objects.exists()
        assert run_once("key:1", "A", b"{}", Work()).status == 201

    def test_answers_are_forgotten_after_their_retention(self) -> None:
        run_once("key:1", "old", b"{}", Work())
        now = IdempotencyKey.objects.get().created_at
        assert delete_expired(at=now + RETENTION) == 0
        assert delete_expired(at=now + RETENTION + timedelta(seconds=1)) == 1


class TestInFlight:
    pytestmark = on_postgresql

    def test_a_repeat_while_the_first_is_worked_on_is_told_to_come_back(self) -> None:
        started, refused = Event(), Event()

        def slow() -> Answer:
            started.set()
            assert refused.wait(10)
            return Answer(201, b"first")

        def call(number: int) -> object:
            if number == 0:
                return run_once("key:1", "A", b"{}", slow).body
            started.wait(10)
            try:
                run_once("key:1", "A", b"{}", Work())
            except InFlight as refusal:
                return refusal.extra
            finally:
                refused.set()
            return "was let in"

        assert at_once(2, call) == [b"first", {"retry_after": 1}]
        assert run_once("key:1", "A", b"{}", Work()).body == b"first"

    def test_of_many_at_once_the_work_is_done_once(self) -> None:
        merchant = make_merchant()

        def place() -> Answer:
            return Answer(201, str(make_order(merchant).pk).encode())

        answers = at_once(8, lambda number: run_once("key:1", "A", b"{}", place).body)
        assert Order.objects.count() == 1
        assert {str(Order.objects.get().pk).encode()} <= set(answers)
        assert set(answers) - {str(Order.objects.get().pk).encode()} <= {"request_in_flight"}
