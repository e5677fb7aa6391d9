"""Notes on the case page: shown escaped, sent without leaving, their files on record and for nobody else."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cases.colleagues import CaseNote, NoteFile
from cases.notes import add_note
from core.ids import encode
from core.models import AuditEntry
from merchants.models import Membership, Merchant
from tests.cases.builders import NOON, make_queue, make_reviewer
from tests.console.conftest import SignIn
from tests.console.scenes import held_case
from tests.make import make_image

pytestmark = pytest.mark.django_db


def href(name: str, prefix: str, pk: int) -> str:
    return reverse(f"console:{name}", args=[encode(prefix, pk)])


def test_what_is_written_is_shown_escaped_with_whom_it_calls(page: Client, reviewer: User) -> None:
    case = held_case()
    make_reviewer("maya@example.com")
    url = href("case-note", "cas", case.pk)
    answer = page.post(url, {"text": "<img src=x> @maya look"}, headers={"HX-Request": "true"})
    html = answer.content.decode()
    assert "&lt;img src=x&gt;" in html
    assert '<b class="con-mention">@maya</b>' in html
    assert "<html" not in html
    whole = page.get(href("case", "cas", case.pk)).content.decode()
    assert whole.count("&lt;img src=x&gt;") == 2  # among the notes, and in the history
    assert "<img src=x>" not in whole


def test_without_scripts_it_leads_back_to_the_case(page: Client) -> None:
    case = held_case()
    answer = page.post(href("case-note", "cas", case.pk), {"text": "Seen."})
    assert answer.status_code == 302
    assert answer.headers["Location"] == href("case", "cas", case.pk) + "#notes"
    refused = page.post(href("case-note", "cas", case.pk), {"text": " "})
    assert refused.status_code == 422
    assert "Write something." in refused.content.decode()


def test_a_disguised_file_comes_back_with_the_text(page: Client) -> None:
    case = held_case()
    evil = SimpleUploadedFile("photo.png", b"MZ\x90\x00" + b"\0" * 200, "image/png")
    answer = page.post(
        href("case-note", "cas", case.pk), {"text": "See.", "files": evil}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "See.</textarea>" in html
    assert "Please choose" in html
    assert not CaseNote.objects.exists()


def test_ones_own_note_is_taken_back_and_a_colleagues_not(
    page: Client, reviewer: User, sign_in: SignIn
) -> None:
    case = held_case()
    page.post(href("case-note", "cas", case.pk), {"text": "Oh dear."})
    note = CaseNote.objects.get()
    other = sign_in(user=make_reviewer("sam@example.com"))
    assert other.post(href("note-remove", "not", note.pk)).status_code == 403
    answer = page.post(href("note-remove", "not", note.pk), headers={"HX-Request": "true"})
    assert "Taken back by its author." in answer.content.decode()
    assert "Oh dear." not in page.get(href("case", "cas", case.pk)).content.decode()


def test_each_look_at_a_file_is_on_record_and_strangers_find_none(
    page: Client, reviewer: User, sign_in: SignIn
) -> None:
    case = held_case()
    add_note(case, text="See.", files=[make_image()], author=reviewer, at=NOON)
    url = href("note-file", "nfl", NoteFile.objects.get().pk)
    for _ in range(2):
        answer = page.get(url)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    entries = AuditEntry.objects.filter(action="document.opened", subject_kind="note_file")
    assert [entry.actor_id for entry in entries] == [str(reviewer.pk)] * 2

    seller = make_reviewer("seller@example.com")
    Membership.objects.create(user=seller, merchant=Merchant.objects.get(), role="owner")
    assert sign_in(user=seller).get(url).status_code == 404
    assert sign_in(user=User.objects.create_user("nobody@example.com")).get(url).status_code == 404
    case.queue = make_queue("orders_above", senior=True)
    case.save()
    assert page.get(url).status_code == 404
    assert entries.count() == 2


def test_colleagues_are_offered_by_what_was_typed(page: Client) -> None:
    case = held_case()
    make_reviewer("maya@example.com")
    make_reviewer("sam@example.com")
    url = href("case-colleagues", "cas", case.pk)
    assert page.get(url, {"q": "ma"}).json() == {"people": [{"name": "Maya", "handle": "maya"}]}
