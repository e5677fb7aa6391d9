"""The audit trail: what was sealed cannot be changed, removed or slipped in unnoticed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from core import audit, journal, requests
from core.actors import SYSTEM, Actor
from core.models import AuditBlock, AuditEntry, TransitionRecord
from core.refs import Ref
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
        assert audit.find_broken_block() is None
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
        assert audit.find_broken_block() is None

    def test_a_full_block_fits_the_engines_limits(self) -> None:
        write(audit.BLOCK_ROWS)
        assert audit.seal(at=LATER) == 1
        assert audit.find_broken_block() is None

    @pytest.mark.parametrize(
        "change",
        [
            {"detail": {"reason": "spotless"}},
            {"actor_id": "6"},
            {"action": "merchant.praised"},
            {"subject_id": 99},
            {"created_at": NOON},
            {"request_id": "another-one"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_a_changed_row_is_found(self, change: dict[str, Any]) -> None:
        write()
        audit.seal(at=LATER)
        write()
        audit.seal(at=LATER)
        AuditEntry.objects.filter(block_id=1, subject_id=1).update(**change)
        broken = audit.find_broken_block()
        assert broken is not None
        assert broken.number == 1

    def test_a_changed_transition_is_found(self) -> None:
        make_order()
        audit.seal(at=LATER)
        TransitionRecord.objects.update(reason_code="spotless")
        assert audit.find_broken_block() is not None

    def test_a_removed_row_is_found(self) -> None:
        write()
        audit.seal(at=LATER)
        AuditEntry.objects.filter(subject_id=2).delete()
        assert audit.find_broken_block() is not None

    def test_a_row_slipped_into_a_sealed_block_is_found(self) -> None:
        write()
        audit.seal(at=LATER)
        write(1)
        AuditEntry.objects.filter(block=None).update(block_id=1)
        assert audit.find_broken_block() is not None

    def test_a_removed_block_is_found_by_the_one_after_it(self) -> None:
        for _ in range(3):
            write()
            audit.seal(at=LATER)
        AuditEntry.objects.filter(block_id=2).delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM core_auditblock WHERE number = 2")
        broken = audit.find_broken_block()
        assert broken is not None
        assert broken.number == 3

    def test_a_block_that_is_sealed_anew_after_a_change_breaks_the_next_one(self) -> None:
        for _ in range(2):
            write()
            audit.seal(at=LATER)
        AuditEntry.objects.filter(block_id=1, subject_id=1).update(action="merchant.praised")
        forged = AuditBlock.objects.get(number=1)
        rows = list(AuditEntry.objects.filter(block=forged).order_by("id"))
        forged.hash = audit._hash(forged.previous_hash, "audit", rows)
        forged.save()
        broken = audit.find_broken_block()
        assert broken is not None
        assert broken.number == 2


class TestSealersRacing:
    pytestmark = on_postgresql

    def test_sealers_at_the_same_time_make_one_chain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit, "BLOCK_ROWS", 10)
        write(100)
        made = at_once(6, lambda number: audit.seal(at=LATER))
        # Who found another at it went away; whatever is left is sealed at the next tick.
        left = audit.seal(at=LATER)
        assert sum(int(one) for one in made) + left == 10
        assert audit.find_broken_block() is None
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
        assert audit.find_broken_block() is None


def test_the_system_is_an_actor_without_an_id() -> None:
    assert (str(SYSTEM), str(Actor("user", "5")), str(Ref("order", 7))) == ("system", "user:5", "order:7")
