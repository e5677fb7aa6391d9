"""The sequencer: no gap, no double, no number that ever changes."""

from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction

from core import journal, outbox
from core.ids import first_id_at, new_id
from core.models import OutboxEvent
from core.refs import Ref
from delivery import sequencer
from delivery.sequencer import sequence
from tests.core.racing import at_once, on_postgresql
from tests.make import NOON


def announce(count: int = 1) -> None:
    with journal.unit():
        for number in range(count):
            outbox.record("order.placed", subject=Ref("order", number), merchant_id=1)


def add_event(id: int) -> int:
    OutboxEvent.objects.create(
        id=id, type="order.placed", subject_kind="order", subject_id=1, created_at=NOON
    )
    return id


def numbered() -> list[tuple[int, int]]:
    """Return (sequence, id) in the order that readers see."""
    rows = OutboxEvent.objects.exclude(sequence=None).order_by("sequence")
    return [(row.sequence or 0, row.pk) for row in rows]


@pytest.mark.django_db
class TestNumbers:
    def test_events_are_numbered_without_a_gap_in_the_order_of_their_ids(self) -> None:
        announce(5)
        assert sequence() == 5
        ids = list(OutboxEvent.objects.order_by("id").values_list("pk", flat=True))
        assert numbered() == list(enumerate(ids, start=1))

    def test_a_second_run_goes_on_where_the_first_stopped(self) -> None:
        announce(2)
        sequence()
        before = numbered()
        announce(3)
        assert sequence() == 3
        assert numbered()[:2] == before
        assert [number for number, _ in numbered()] == [1, 2, 3, 4, 5]

    def test_without_news_nothing_happens(self) -> None:
        assert sequence() == 0

    def test_an_older_event_that_commits_late_comes_after_those_already_numbered(self) -> None:
        newer = add_event(new_id())
        sequence()
        older = add_event(first_id_at(NOON - timedelta(days=1)))
        sequence()
        assert numbered() == [(1, newer), (2, older)]

    def test_a_backlog_is_numbered_in_batches_to_its_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sequencer, "BATCH", 10)
        announce(25)
        assert sequence() == 25
        assert [number for number, _ in numbered()] == list(range(1, 26))

    def test_a_full_batch_costs_a_bounded_number_of_statements(
        self, django_assert_max_num_queries: object
    ) -> None:
        announce(sequencer.BATCH)
        with django_assert_max_num_queries(20):  # type: ignore[operator]
            assert sequence() == sequencer.BATCH


class TestRacing:
    pytestmark = on_postgresql

    def test_sequencers_and_writers_at_the_same_time_leave_no_gap(self) -> None:
        def work(number: int) -> int:
            for _ in range(20):
                announce()
                sequence()
            return 20

        at_once(6, work)
        sequence()
        assert [number for number, _ in numbered()] == list(range(1, 121))

    def test_an_event_of_an_open_transaction_is_numbered_only_after_its_commit(self) -> None:
        written, passed = Event(), Event()

        def work(number: int) -> int:
            if number == 0:
                with transaction.atomic():
                    announce()
                    written.set()
                    assert passed.wait(10)
                return 0
            assert written.wait(10)
            try:
                announce()
                return sequence()
            finally:
                passed.set()

        assert at_once(2, work) == [0, 1]
        (first,) = numbered()
        assert sequence() == 1
        assert numbered()[0] == first
        assert numbered()[1][1] < first[1]

    def test_who_finds_another_at_work_goes_away_at_once(self) -> None:
        holding, tried = Event(), Event()
        announce()

        def work(number: int) -> int:
            if number == 0:
                with transaction.atomic():
                    done = sequence()
                    holding.set()
                    assert tried.wait(10)
                return done
            assert holding.wait(10)
            try:
                return sequence()
            finally:
                tried.set()

        assert at_once(2, work) == [1, 0]
