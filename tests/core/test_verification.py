"""Verifying the audit chain: whatever was touched after sealing is found, and named."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.forms.models import model_to_dict
from django.utils import timezone

from core import anchors, audit
from core.chain import hash_of, list_digests, rows_of
from core.models import AuditBlock, AuditEntry, TransitionRecord
from core.verification import Break, Damage, verify
from tests.core.test_audit import LATER, write
from tests.make import NOON, make_order

pytestmark = pytest.mark.django_db


def seal_blocks(count: int = 3) -> None:
    for _ in range(count):
        write()
        audit.seal(at=LATER)


def found() -> Break | None:
    return verify(at=LATER).broken


def entry(block: int, subject: int) -> AuditEntry:
    return AuditEntry.objects.get(block_id=block, subject_id=subject)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def forget_heads() -> None:
    for name in anchors._names():
        default_storage.delete(f"{anchors.FOLDER}/{name}")


def test_an_untouched_chain_is_whole() -> None:
    make_order()
    seal_blocks()
    seen: list[int] = []
    result = verify(at=LATER, progress=seen.append)
    assert (result.is_whole, result.blocks, seen) == (True, 4, [1, 2, 3, 4])
    assert result.rows == AuditEntry.objects.count() + TransitionRecord.objects.count()


def test_nothing_sealed_yet_is_whole() -> None:
    assert verify(at=LATER).is_whole


class TestRows:
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
    def test_an_altered_row_is_found_and_named(self, change: dict[str, Any]) -> None:
        seal_blocks()
        touched = entry(2, 1)
        AuditEntry.objects.filter(pk=touched.pk).update(**change)
        assert found() == Break(2, Damage.ROW_ALTERED, "audit", (touched.pk,))

    def test_an_altered_transition_is_found(self) -> None:
        make_order()
        audit.seal(at=LATER)
        TransitionRecord.objects.update(reason_code="spotless")
        assert (broken := found()) is not None
        assert (broken.damage, broken.journal) == (Damage.ROW_ALTERED, "transition")

    def test_a_removed_row_is_found_and_named(self) -> None:
        seal_blocks()
        removed = entry(1, 2).pk
        AuditEntry.objects.filter(pk=removed).delete()
        assert found() == Break(1, Damage.ROW_MISSING, "audit", (removed,))

    def test_a_row_slipped_into_a_sealed_block_is_found_and_named(self) -> None:
        seal_blocks()
        write(1)
        slipped = AuditEntry.objects.get(block=None)
        AuditEntry.objects.filter(pk=slipped.pk).update(block_id=2)
        assert found() == Break(2, Damage.ROW_INSERTED, "audit", (slipped.pk,))

    def test_a_row_replaced_by_another_is_found(self) -> None:
        seal_blocks()
        removed = entry(2, 0)
        AuditEntry.objects.filter(pk=removed.pk).delete()
        write(1)
        AuditEntry.objects.filter(block=None).update(block_id=2)
        assert (broken := found()) is not None
        assert (broken.block, broken.damage, broken.rows) == (2, Damage.ROW_MISSING, (removed.pk,))

    def test_two_blocks_that_swap_a_row_are_found(self) -> None:
        seal_blocks()
        one, other = entry(1, 0).pk, entry(2, 0).pk
        AuditEntry.objects.filter(pk=one).update(block_id=2)
        AuditEntry.objects.filter(pk=other).update(block_id=1)
        assert found() == Break(1, Damage.ROW_MISSING, "audit", (one,))

    def test_a_row_taken_out_of_its_block_to_be_sealed_anew_is_found(self) -> None:
        seal_blocks()
        taken = entry(2, 1)
        AuditEntry.objects.filter(pk=taken.pk).update(block=None, action="merchant.praised")
        audit.seal(at=LATER)
        assert found() == Break(2, Damage.ROW_MISSING, "audit", (taken.pk,))


class TestBlocks:
    @pytest.mark.parametrize(
        "change",
        [
            {"row_count": 4},
            {"hash": "1" * 64},
            {"previous_hash": "1" * 64},
            {"sealed_at": NOON},
            {"journal": "transition"},
            {"journal": "gone"},
            {"digests": b"\x00" * 40},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_an_altered_block_is_found(self, change: dict[str, Any]) -> None:
        seal_blocks()
        AuditBlock.objects.filter(number=2).update(**change)
        assert (broken := found()) is not None
        assert (broken.block, broken.damage) == (2, Damage.BLOCK_ALTERED)

    def test_a_removed_block_is_found(self) -> None:
        seal_blocks()
        AuditEntry.objects.filter(block_id=2).delete()
        execute("DELETE FROM core_auditblock WHERE number = 2")
        assert found() == Break(2, Damage.BLOCK_MISSING)

    def test_a_removed_block_whose_place_was_closed_is_found(self) -> None:
        seal_blocks()
        AuditEntry.objects.filter(block_id=2).delete()
        AuditEntry.objects.filter(block_id=3).update(block_id=2)
        execute("DELETE FROM core_auditblock WHERE number = 2")
        execute("UPDATE core_auditblock SET number = 2 WHERE number = 3")
        assert (broken := found()) is not None
        assert (broken.block, broken.damage) == (2, Damage.BLOCK_ALTERED)

    def test_blocks_in_another_order_are_found(self) -> None:
        seal_blocks()
        rows = {number: list(AuditEntry.objects.filter(block_id=number)) for number in (2, 3)}
        second, third = (AuditBlock.objects.get(number=number) for number in (2, 3))
        for block, number in ((second, 3), (third, 2)):
            block.number = number
            block.save()
        for number, other in ((2, 3), (3, 2)):
            AuditEntry.objects.filter(pk__in=[row.pk for row in rows[number]]).update(block_id=other)
        assert (broken := found()) is not None
        assert (broken.block, broken.damage) == (2, Damage.BLOCK_ALTERED)

    def test_a_block_sealed_anew_after_a_change_breaks_the_next_one(self) -> None:
        seal_blocks()
        reseal(1)
        assert found() == Break(2, Damage.BLOCK_ALTERED, "audit")


class TestEnd:
    def test_a_removed_last_block_is_found(self) -> None:
        seal_blocks()
        AuditEntry.objects.filter(block_id=3).delete()
        execute("DELETE FROM core_auditblock WHERE number = 3")
        assert found() == Break(3, Damage.END_MISSING)

    def test_a_removed_tail_is_found_though_it_grows_again(self) -> None:
        seal_blocks(4)
        AuditEntry.objects.filter(block_id__gte=3).delete()
        execute("DELETE FROM core_auditblock WHERE number >= 3")
        write()
        audit.seal(at=LATER + timedelta(days=1))
        assert (broken := found()) is not None
        assert (broken.block, broken.damage) == (4, Damage.END_MISSING)
        for _ in range(2):
            write()
            audit.seal(at=LATER + timedelta(days=1))
        assert found() == Break(4, Damage.END_REPLACED, "audit")

    def test_a_last_block_sealed_anew_after_a_change_is_found(self) -> None:
        seal_blocks()
        reseal(3)
        assert found() == Break(3, Damage.END_REPLACED, "audit")

    def test_a_chain_removed_whole_is_found(self) -> None:
        seal_blocks()
        AuditEntry.objects.all().delete()
        AuditBlock.objects.all().delete()
        assert found() == Break(1, Damage.END_MISSING)

    def test_without_any_head_outside_the_end_cannot_be_proved(self) -> None:
        seal_blocks()
        forget_heads()
        AuditEntry.objects.filter(block_id=3).delete()
        execute("DELETE FROM core_auditblock WHERE number = 3")
        assert found() is None


class TestHeads:
    def test_each_days_last_head_is_kept(self) -> None:
        for day in range(2):
            for _ in range(3):
                write()
                audit.seal(at=LATER + timedelta(days=day))
        blocks = {block.number: block.hash for block in AuditBlock.objects.filter(number__in=(3, 6))}
        assert anchors.read_heads() == blocks

    def test_a_head_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", "core.anchors")
        seal_blocks(1)
        (record,) = [record for record in caplog.records if record.message == "audit_sealed"]
        block = AuditBlock.objects.get()
        assert (record.__dict__["block"], record.__dict__["hash"]) == (1, block.hash)

    def test_a_storage_that_is_away_does_not_stop_the_sealer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object, **kwargs: object) -> str:
            raise OSError("no such host")

        monkeypatch.setattr(default_storage, "save", refuse)
        seal_blocks(2)
        assert AuditBlock.objects.count() == 2
        monkeypatch.undo()
        seal_blocks(1)
        assert anchors.read_heads().keys() == {3}
        assert found() is None

    def test_other_files_in_the_folder_are_no_heads(self) -> None:
        seal_blocks(1)
        default_storage.save(f"{anchors.FOLDER}/notes.txt", ContentFile(b"notes"))
        assert anchors.read_heads().keys() == {1}


class TestUnsealed:
    def test_young_rows_are_waiting_and_no_break(self) -> None:
        seal_blocks()
        write(2)
        result = verify(at=timezone.now())
        assert (result.is_whole, result.waiting, result.overdue) == (True, 2, 0)

    def test_old_rows_are_overdue(self) -> None:
        write(2)
        result = verify(at=timezone.now() + timedelta(minutes=4))
        assert (result.is_whole, result.waiting, result.overdue) == (True, 0, 2)


class TestOldBlocks:
    """Blocks of before they kept digests, whose hash covers the rows themselves."""

    def seal(self) -> AuditBlock:
        write()
        rows = list(AuditEntry.objects.order_by("id"))
        digest = hashlib.sha256(f"{'0' * 64}:audit:{len(rows)}".encode())
        for row in rows:
            content = {"id": row.pk, **model_to_dict(row, exclude=["block"])}
            digest.update(json.dumps(content, sort_keys=True, default=str, ensure_ascii=False).encode())
        block = AuditBlock.objects.create(
            number=1,
            journal="audit",
            row_count=len(rows),
            previous_hash="0" * 64,
            hash=digest.hexdigest(),
            sealed_at=NOON,
        )
        AuditEntry.objects.update(block=block)
        return block

    def test_they_verify_and_new_ones_follow(self) -> None:
        self.seal()
        seal_blocks(2)
        assert found() is None

    @pytest.mark.parametrize(
        ("touch", "damage"),
        [
            (lambda: AuditEntry.objects.filter(subject_id=1).update(action="x"), Damage.ROW_ALTERED),
            (lambda: AuditEntry.objects.filter(subject_id=1).delete(), Damage.ROW_MISSING),
            (lambda: AuditBlock.objects.update(hash="1" * 64), Damage.ROW_ALTERED),
            (lambda: AuditBlock.objects.update(row_count=2), Damage.ROW_INSERTED),
            (lambda: AuditBlock.objects.update(journal="gone"), Damage.BLOCK_ALTERED),
        ],
        ids=["altered", "removed", "hash", "count", "journal"],
    )
    def test_what_was_touched_is_found(self, touch: Callable[[], object], damage: Damage) -> None:
        self.seal()
        touch()
        assert (broken := found()) is not None
        assert (broken.block, broken.damage) == (1, damage)


class TestCommand:
    def test_it_counts_what_matches_and_what_waits(self) -> None:
        seal_blocks()
        write(2)
        out = StringIO()
        call_command("verify_audit", stdout=out)
        assert "3 blocks with 9 rows match what was sealed." in out.getvalue()
        assert "2 rows are not sealed yet." in out.getvalue()

    def test_it_fails_at_the_first_broken_block_and_names_the_row(self) -> None:
        seal_blocks()
        touched = entry(2, 1).pk
        AuditEntry.objects.filter(subject_id=1, block_id__gte=2).update(action="merchant.praised")
        with pytest.raises(CommandError, match=rf"Block 2 of the journal 'audit': a row .* Row {touched}\."):
            call_command("verify_audit", stdout=StringIO())

    def test_it_names_no_endless_list(self) -> None:
        write(30)
        audit.seal(at=LATER)
        AuditEntry.objects.update(action="merchant.praised")
        with pytest.raises(CommandError, match="and 10 more"):
            call_command("verify_audit", stdout=StringIO())


def reseal(number: int) -> None:
    """Alter a row, and make its block match again, as somebody who knows the code would."""
    AuditEntry.objects.filter(block_id=number, subject_id=1).update(action="merchant.praised")
    block = AuditBlock.objects.get(number=number)
    block.digests = list_digests(rows_of("audit", block_id=number))
    block.hash = hash_of(block)
    block.save()
