"""The audit trail: rows say who did what, and are sealed in blocks without anybody waiting."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from core import audit, journal, requests
from core.actors import SYSTEM, Actor
from core.models import AuditBlock, AuditEntry, TransitionRecord
from core.refs import Ref
from core.verification import verify
from tests.core.racing import at_once, on_postgresql
from tests.make import NOON, make_order

LATER = NOON + timedelta(days=3650)  # after anything that a test writes at the time of its run


def write(count: int = 3) -> None:
    with journal.unit():
        for number in range(count):
            audit.record(
                "merchant.restricted",
                actor=Actor("user", "5"),
                subject=Ref("merchant", number),
                detail={"reason": "other", "share": 0.1, "名": "商家"},
            )


def is_whole() -> bool:
    return verify(at=LATER).is_whole


@pytest.mark.django_db
class TestChain:
    def test_an_entry_says_who_did_what_to_what_during_which_request(self) -> None:
        requests.begin("request-12345")
        write(1)
        entry = AuditEntry.objects.get()
        assert (entry.actor_kind, entry.actor_id, entry.action) == ("user", "5", "merchant.restricted")
        assert (entry.subject_kind, entry.subject_id, entry.request_id) == ("merchant", 0, "request-12345")

    def test_what_is_sealed_verifies(self) -> None:
        make_order()
        write()
        assert audit.seal(at=LATER) == 2
        write()
        assert audit.seal(at=LATER) == 1
        assert is_whole()
        assert [block.number for block in AuditBlock.objects.order_by("number")] == [1, 2, 3]
        assert not AuditEntry.objects.filter(block=None).exists()
        assert not TransitionRecord.objects.filter(block=None).exists()

    def test_sealing_again_makes_no_empty_block(self) -> None:
        write()
        audit.seal(at=LATER)
        assert audit.seal(at=LATER) == 0

    def test_rows_that_may_still_have_company_to_come_are_left_for_the_next_time(self) -> None:
        write()
        written_at = AuditEntry.objects.latest("id").created_at
        assert audit.seal(at=written_at + timedelta(seconds=29)) == 0
        assert audit.seal(at=written_at + timedelta(seconds=31)) == 1

    def test_a_backlog_is_sealed_in_blocks_of_bounded_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit, "BLOCK_ROWS", 2)
        write(5)
        assert audit.seal(at=LATER) == 3
        assert list(AuditBlock.objects.order_by("number").values_list("row_count", flat=True)) == [2, 2, 1]
        assert is_whole()

    def test_a_full_block_fits_the_engines_limits(self) -> None:
        write(audit.BLOCK_ROWS)
        assert audit.seal(at=LATER) == 1
        assert is_whole()


class TestSealersRacing:
    pytestmark = on_postgresql

    def test_sealers_at_the_same_time_make_one_chain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit, "BLOCK_ROWS", 10)
        write(100)
        made = at_once(6, lambda number: audit.seal(at=LATER))
        # Who found another at it went away; whatever is left is sealed at the next tick.
        left = audit.seal(at=LATER)
        assert sum(int(one) for one in made) + left == 10
        assert is_whole()
        assert not AuditEntry.objects.filter(block=None).exists()

    def test_writers_at_the_same_time_lose_no_row(self) -> None:
        def work(number: int) -> int:
            if number % 2:
                return audit.seal(at=LATER)
            write(20)
            return 0

        at_once(6, work)
        audit.seal(at=LATER)
        assert AuditEntry.objects.exclude(block=None).count() == 60
        assert is_whole()

    def test_writers_wait_for_no_sealer(self) -> None:
        write(50)
        with transaction.atomic():
            assert audit._seal_one("audit", LATER) is not None  # and keeps its transaction open

            def work(number: int) -> int:
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '1ms'")
                write(10)
                return 10

            assert at_once(3, work) == [10, 10, 10]
            assert AuditEntry.objects.filter(block=None).count() == 30
        assert is_whole()

    def test_the_sealer_waits_for_no_writer(self) -> None:
        write(50)
        with journal.unit():
            audit.record("merchant.praised", actor=SYSTEM, subject=Ref("merchant", 1))
            AuditEntry.objects.create(
                action="open",
                actor_kind="system",
                subject_kind="merchant",
                subject_id=1,
                created_at=NOON,
            )

            def work(number: int) -> int:
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '1ms'")
                return audit.seal(at=LATER)

            assert at_once(1, work) == [1]


def test_the_system_is_an_actor_without_an_id() -> None:
    assert (str(SYSTEM), str(Actor("user", "5")), str(Ref("order", 7))) == ("system", "user:5", "order:7")
