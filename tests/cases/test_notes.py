"""Notes on a case: whom they call, what they carry, and that they stay."""

import struct
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from accounts.models import User
from cases.colleagues import CaseNote, NoteFile, NoteMention
from cases.models import Queue
from cases.notes import (
    MAX_FILES,
    MAX_FILES_OF_CASE,
    REMOVABLE_FOR,
    TEXT_LENGTH,
    add_note,
    delete_removed_files,
    find_mentioned,
    get_note_file,
    list_colleagues,
    remove_note,
)
from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from core.models import AuditEntry, OutboxEvent
from merchants.models import Membership
from tests.cases.builders import NOON, make_case, make_queue, make_reviewer
from tests.make import make_image, make_merchant, make_upload

pytestmark = pytest.mark.django_db


def upload(content: bytes, name: str = "x.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/png")


def huge_png() -> bytes:
    """Return a small file that claims to be 60,000 by 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data))
            + kind
            + data
            + struct.pack(">I", zlib.crc32(kind + data) & 0xFFFFFFFF)
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class TestMentions:
    def test_a_note_calls_whom_it_names_and_nobody_else(self) -> None:
        author, robin, maya = (make_reviewer(f"{name}@example.com") for name in ("lin", "robin.park", "maya"))
        make_reviewer("robin@example.com")
        note = add_note(
            make_case(),
            text="@robin.park, please ask @MAYA. Not me@robin, @nobody, @lin.",
            author=author,
            at=NOON,
        )
        assert {one.user: one.handle for one in note.mentions.all()} == {robin: "robin.park", maya: "MAYA"}
        event = OutboxEvent.objects.get(type="review_case.note_added")
        assert sorted(event.payload["mentions"]) == sorted([robin.pk, maya.pk])
        assert event.merchant_id is None

    def test_who_may_not_see_the_case_is_neither_called_nor_offered(self) -> None:
        merchant = make_merchant()
        queue = make_queue()
        case = make_case(queue=queue, merchant_id=merchant.pk)
        author, seller, left = (make_reviewer(f"{name}@example.com") for name in ("lin", "seller", "left"))
        Membership.objects.create(user=seller, merchant=merchant, role="owner")
        User.objects.filter(pk=left.pk).update(is_active=False)
        User.objects.create_user("stranger@example.com")
        assert find_mentioned(case, "@seller @left @stranger", author=author) == {}
        assert list_colleagues(case, author=author) == []
        Queue.objects.filter(pk=queue.pk).update(needs_senior=True)
        case.refresh_from_db()
        maya = make_reviewer("maya@example.com", role="senior_reviewer")
        make_reviewer("junior@example.com")
        assert find_mentioned(case, "@maya @junior", author=author) == {"maya": maya}

    def test_one_handle_of_two_people_needs_the_whole_address(self) -> None:
        author = make_reviewer()
        one, other = make_reviewer("sam@example.com"), make_reviewer("sam@elsewhere.example")
        case = make_case()
        assert find_mentioned(case, "@sam", author=author) == {}
        assert find_mentioned(case, "@sam@example.com.", author=author) == {"sam@example.com": one}
        assert dict(list_colleagues(case, author=author, q="sa")) == {
            one: "sam@example.com",
            other: "sam@elsewhere.example",
        }

    def test_colleagues_are_found_by_any_word_of_their_name(self) -> None:
        author, robin = make_reviewer(), make_reviewer("rp@example.com")
        User.objects.filter(pk=robin.pk).update(name="Robin Park")
        case = make_case()
        for q in ("rob", "PAR", "rp"):
            assert list_colleagues(case, author=author, q=q) == [(robin, "rp")]
        assert list_colleagues(case, author=author, q="obin") == []


class TestKeeping:
    def test_a_note_stays_as_it_was_written(self) -> None:
        note = add_note(make_case(), text="Seen.", author=make_reviewer(), at=NOON)
        for change in ({"text": "Not seen."}, {"created_at": NOON + timedelta(1)}):
            with pytest.raises(IntegrityError), transaction.atomic():
                CaseNote.objects.filter(pk=note.pk).update(**change)
        with pytest.raises(IntegrityError), transaction.atomic():
            CaseNote.objects.filter(pk=note.pk).delete()

    def test_its_author_takes_it_back_in_time_and_a_tombstone_stays(
        self, django_capture_on_commit_callbacks: Callable[..., Any]
    ) -> None:
        author, other = make_reviewer(), make_reviewer("sam@example.com")
        note = add_note(make_case(), text="Oh.", files=[make_image()], author=author, at=NOON)
        file = note.files.get()
        assert file.file.storage.exists(str(file.file.name))
        with pytest.raises(PermissionDenied):
            remove_note(note, user=other, at=NOON)
        with django_capture_on_commit_callbacks() as callbacks:
            remove_note(note, user=author, at=NOON + REMOVABLE_FOR)
        assert len(callbacks) == 1  # the deletion is asked for, after the commit
        assert (delete_removed_files(), delete_removed_files()) == (1, 0)
        note.refresh_from_db()
        assert (note.text, note.removed_at) == ("", NOON + REMOVABLE_FOR)
        assert not file.file.storage.exists(str(file.file.name))
        with pytest.raises(NotFound):
            get_note_file(file.pk, author)
        assert AuditEntry.objects.get(action="case.note_removed").detail == {"note": note.pk}
        with pytest.raises(IntegrityError), transaction.atomic():
            CaseNote.objects.filter(pk=note.pk).update(removed_at=None)

    def test_later_it_is_too_late(self) -> None:
        author = make_reviewer()
        note = add_note(make_case(), text="Oh.", author=author, at=NOON)
        with pytest.raises(Conflict) as refusal:
            remove_note(note, user=author, at=NOON + REMOVABLE_FOR + timedelta(seconds=1))
        assert refusal.value.code == "too_late"

    @pytest.mark.parametrize("text", ["", "  \n", "x" * (TEXT_LENGTH + 1)], ids=["none", "blank", "long"])
    def test_a_note_says_something_and_not_too_much(self, text: str) -> None:
        with pytest.raises(ValidationFailed):
            add_note(make_case(), text=text, author=make_reviewer(), at=NOON)
        assert not CaseNote.objects.exists()

    def test_a_stranger_writes_none(self) -> None:
        case = make_case(queue=make_queue("above", senior=True))
        with pytest.raises(NotFound):
            add_note(case, text="Hello.", author=make_reviewer(), at=NOON)
        with pytest.raises(PermissionDenied):
            add_note(case, text="Hello.", author=User.objects.create_user("x@example.com"), at=NOON)


class TestFiles:
    def test_pictures_are_made_anew_and_papers_kept(self) -> None:
        hidden = upload(make_image().read() + b"<script>alert(1)</script>MZ")
        note = add_note(
            make_case(), text="See.", files=[hidden, make_upload()], author=make_reviewer(), at=NOON
        )
        picture, paper = note.files.order_by("pk")
        assert (picture.content_type, paper.content_type) == ("image/png", "application/pdf")
        assert b"script" not in picture.file.read()
        assert "x.png" not in str(picture.file.name)

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"MZ\x90\x00" + b"\0" * 500, "file_type"),
            (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "file_type"),
            (b"GIF89a" + b"\0" * 500, "file_type"),
            (b"\x89PNG\r\n\x1a\n" + b"MZ" * 400, "file_unreadable"),
            (b"%PDF-1.7 cut off", "file_unreadable"),
            (huge_png(), "file_unreadable"),
            (b"", "file_empty"),
        ],
        ids=["exe", "svg", "gif", "exe_behind_a_png_head", "cut_pdf", "huge_dimensions", "empty"],
    )
    def test_what_is_not_what_it_says_is_refused(self, content: bytes, code: str) -> None:
        with pytest.raises(ValidationFailed) as refusal:
            add_note(make_case(), text="See.", files=[upload(content)], author=make_reviewer(), at=NOON)
        assert [error.code for error in refusal.value.errors] == [code]
        assert refusal.value.errors[0].pointer == "/files/0"
        assert not CaseNote.objects.exists()

    def test_too_large_is_refused(self, settings: Any) -> None:
        settings.UPLOAD_MAX_BYTES = 1_000
        with pytest.raises(ValidationFailed) as refusal:
            add_note(
                make_case(), text="See.", files=[make_upload(b"x" * 1_000)], author=make_reviewer(), at=NOON
            )
        assert refusal.value.errors[0].code == "file_too_large"

    def test_too_many_are_refused_of_a_note_and_of_a_case(self) -> None:
        case, author = make_case(), make_reviewer()
        many = [make_upload() for _ in range(MAX_FILES + 1)]
        with pytest.raises(ValidationFailed) as refusal:
            add_note(case, text="See.", files=many, author=author, at=NOON)
        assert refusal.value.errors[0].code == "too_many_files"
        note = CaseNote.objects.create(case=case, author=author, text="x", created_at=NOON)
        NoteFile.objects.bulk_create(
            NoteFile(note=note, content_type="image/png", size_bytes=1, sha256="x", created_at=NOON)
            for _ in range(MAX_FILES_OF_CASE)
        )
        with pytest.raises(ValidationFailed) as refusal:
            add_note(case, text="See.", files=[make_upload()], author=author, at=NOON)
        assert refusal.value.errors[0].code == "too_many_files"
        assert not NoteMention.objects.exists()
