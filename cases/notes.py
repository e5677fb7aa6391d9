"""Notes on a case: what colleagues write to each other, whom they call, and the files they add.

A note is written once. Its author can take it back for a few minutes; a
tombstone stays, and the files are gone. Nothing of it ever reaches a merchant.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.core.files.base import ContentFile
from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal, outbox
from core.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from core.outbox import TaskCall
from core.refs import Ref
from core.uploads import CleanFile, Upload, clean_document

from .announcing import announce
from .claims import lock_case
from .colleagues import CaseNote, NoteFile, NoteMention
from .models import ReviewCase
from .open_queues import people_of
from .selectors import may_see

TEXT_LENGTH = 4_000
# What a reviewer adds is a screenshot or a letter; more goes into one PDF.
MAX_FILES = 3
MAX_FILES_OF_CASE = 50
# A note to more people is for a meeting.
MAX_MENTIONS = 10
REMOVABLE_FOR = timedelta(minutes=10)
# Of people offered while an @ is typed.
OFFERED = 8

# The part of an e-mail address before its @, or all of it; not within a word, so that addresses call nobody.
_HANDLE = re.compile(r"(?<![\w.@])@([\w.+-]+(?:@[\w-]+(?:\.[\w-]+)+)?)")


def add_note(
    case: ReviewCase, *, text: str, author: User, at: datetime, files: Sequence[Upload] = ()
) -> CaseNote:
    """Write a note and call whom it mentions; whoever may see the case may write one, open or closed.

    Raises NotFound for whoever may not, and ValidationFailed.
    """
    _require_may_see(author, case)
    clean = _cleaned(text, files)
    with journal.unit():
        case = lock_case(case.pk)
        if clean and NoteFile.objects.filter(note__case=case).count() + len(clean) > MAX_FILES_OF_CASE:
            detail = _("There are too many files already.")
            raise ValidationFailed([FieldError("/files", "too_many_files", detail)])
        note = CaseNote.objects.create(case=case, author=author, text=text.strip(), created_at=at)
        called = find_mentioned(case, note.text, author=author)
        for handle, user in called.items():
            NoteMention.objects.create(note=note, user=user, handle=handle)
        _store_files(note, clean, at)
        audit.record(
            "case.note_added",
            actor=actor_of(author),
            subject=Ref("case", case.pk),
            detail={
                "note": note.pk,
                "mentions": [user.pk for user in called.values()],
                "files": [file.sha256 for file in clean],
            },
        )
        mentions = [user.pk for user in called.values()]
        announce(case, "note_added", {"note": note.pk, "by": author.pk, "mentions": mentions})
    return note


def remove_note(note: CaseNote, *, user: User, at: datetime) -> None:
    """Take a note back; Conflict (`too_late`) after a while, PermissionDenied for anybody but its author."""
    with journal.unit():
        note = CaseNote.objects.select_for_update().get(pk=note.pk)
        if note.author_id != user.pk:
            raise PermissionDenied(_("Only who wrote a note takes it back."), code="not_yours")
        if not is_removable(note, user, at=at):
            raise Conflict(_("It is too late to take this note back."), code="too_late")
        note.text, note.removed_at = "", at
        note.save(update_fields=["text", "removed_at"])
        # After the commit: a rollback must not leave a row without its file.
        outbox.send(TaskCall("cases.tasks.delete_removed_files"))
        audit.record(
            "case.note_removed",
            actor=actor_of(user),
            subject=Ref("case", note.case_id),
            detail={"note": note.pk},
        )


def delete_removed_files(*, limit: int = 100) -> int:
    """Delete the files of notes that were taken back; return how many. Their rows stay, without them."""
    removed = NoteFile.objects.filter(note__removed_at__isnull=False).exclude(file="")
    files = list(removed.order_by("pk")[:limit])
    for kept in files:
        kept.file.delete(save=False)  # a file that is gone already is no error
        NoteFile.objects.filter(pk=kept.pk).update(file="")
    return len(files)


def is_removable(note: CaseNote, user: User, *, at: datetime) -> bool:
    return note.author_id == user.pk and note.removed_at is None and at <= note.created_at + REMOVABLE_FOR


def list_notes(case: ReviewCase) -> list[CaseNote]:
    """List a case's newest hundred notes with authors, files and mentions, oldest first; three queries."""
    newest = (
        CaseNote.objects.filter(case=case)
        .select_related("author")
        .prefetch_related(
            Prefetch("files", NoteFile.objects.order_by("pk")),
            Prefetch("mentions", NoteMention.objects.select_related("user")),
        )
        .order_by("-pk")[:100]
    )
    return list(reversed(newest))


def get_note(note_id: int, user: User) -> CaseNote:
    """Return a note on a case that this person may see; for everybody else there is none."""
    note = CaseNote.objects.select_related("case__queue").filter(pk=note_id).first()
    if note is None or not may_see(user, note.case):
        raise NotFound("No such note.")
    return note


def get_note_file(file_id: int, user: User) -> NoteFile:
    """Return a file of a note that stands, on a case that this person may see."""
    found = NoteFile.objects.select_related("note__case").filter(pk=file_id).first()
    if found is None or found.note.removed_at is not None or not may_see(user, found.note.case):
        raise NotFound("No such file.")
    return found


def open_note_file(file: NoteFile, *, user: User) -> None:
    """Record that somebody opened the file; the door sends it only after this."""
    with journal.unit():
        audit.record("document.opened", actor=actor_of(user), subject=Ref("note_file", file.pk))


def list_colleagues(case: ReviewCase, *, author: User, q: str = "") -> list[tuple[User, str]]:
    """List whom a note on this case can call, by name, each with their handle; two queries.

    q   how a name, one of its words or the address begins; at most OFFERED people
    """
    people = _callable(case, author)
    if q:
        words = Q(name__istartswith=q) | Q(name__icontains=f" {q}") | Q(email__istartswith=q)
        people = people.filter(words)
    offered = list(people.order_by("name", "email")[:OFFERED])
    alike = Q(pk=None)
    for user in offered:
        alike |= Q(email__istartswith=f"{_handle_of(user)}@")
    emails = _callable(case, author).filter(alike).values_list("email", flat=True)
    counts = Counter(email.split("@", 1)[0].lower() for email in emails)
    # Where two share the part before the @, only the whole address says who is meant.
    return [
        (user, _handle_of(user) if counts[_handle_of(user).lower()] == 1 else user.email) for user in offered
    ]


def _handle_of(user: User) -> str:
    return user.email.split("@", 1)[0]


def find_mentioned(case: ReviewCase, text: str, *, author: User) -> dict[str, User]:
    """Return whom a text calls, by handle as written; at most one query.

    A handle that nobody has, or more than one, or only somebody who may not
    see the case, is text like any other; the whole address is never ambiguous.
    """
    handles = dict.fromkeys(match.rstrip(".-") for match in _HANDLE.findall(text))
    if not handles:
        return {}
    wanted = Q()
    for handle in handles:
        wanted |= Q(email__iexact=handle) if "@" in handle else Q(email__istartswith=f"{handle}@")
    people = list(_callable(case, author).filter(wanted))
    found: dict[str, User] = {}
    for handle in handles:
        who = [user for user in people if _is_called(user, handle)]
        if len(who) == 1 and who[0] not in found.values() and len(found) < MAX_MENTIONS:
            found[handle] = who[0]
    return found


def _is_called(user: User, handle: str) -> bool:
    return (user.email if "@" in handle else _handle_of(user)).lower() == handle.lower()


def _callable(case: ReviewCase, author: User) -> QuerySet[User]:
    people = people_of(case.queue).exclude(pk=author.pk)
    return people.exclude(memberships__merchant_id=case.merchant_id) if case.merchant_id else people


def _require_may_see(user: User, case: ReviewCase) -> None:
    require(user, Permission.REVIEW_CASES)
    if not may_see(user, case):
        raise NotFound("No such case.")


def _cleaned(text: str, files: Sequence[Upload]) -> list[CleanFile]:
    errors = []
    if not text.strip():
        errors.append(FieldError("/text", "required", _("Write something.")))
    elif len(text) > TEXT_LENGTH:
        detail = _("At most %(limit)s characters.") % {"limit": TEXT_LENGTH}
        errors.append(FieldError("/text", "too_long", detail))
    if len(files) > MAX_FILES:
        detail = _("At most %(limit)s files.") % {"limit": MAX_FILES}
        errors.append(FieldError("/files", "too_many_files", detail))
    if errors:
        raise ValidationFailed(errors)
    return [clean_document(upload, pointer=f"/files/{index}") for index, upload in enumerate(files)]


def _store_files(note: CaseNote, files: Iterable[CleanFile], at: datetime) -> None:
    """Write each file and its row. A later rollback leaves an orphan file, never an orphan row."""
    for clean in files:
        kept = NoteFile(
            note=note,
            content_type=clean.content_type,
            size_bytes=len(clean.content),
            sha256=clean.sha256,
            created_at=at,
        )
        # The uploader's file name is never kept: it may carry personal data, or a path.
        kept.file.save(f"{kept.pk}.{clean.extension}", ContentFile(clean.content), save=False)
        journal.add(kept)
