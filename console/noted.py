"""Notes as the case page shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from accounts.models import User
from cases.colleagues import CaseNote
from cases.models import ReviewCase
from cases.notes import REMOVABLE_FOR, is_removable, list_notes
from core.ids import encode


@dataclass(frozen=True)
class ShownNote:
    """One note. `parts` are pieces of its text, each with whether it calls somebody."""

    note: CaseNote
    public_id: str
    parts: tuple[tuple[str, bool], ...]
    files: tuple[dict[str, Any], ...]
    is_removable: bool


def read_notes(case: ReviewCase, user: User, *, at: datetime) -> list[ShownNote]:
    """Return a case's notes, oldest first; three queries."""
    return [_shown(note, user, at) for note in list_notes(case)]


def removable_minutes() -> int:
    return int(REMOVABLE_FOR.total_seconds() // 60)


def _shown(note: CaseNote, user: User, at: datetime) -> ShownNote:
    return ShownNote(
        note=note,
        public_id=encode("not", note.pk),
        parts=tuple(split_mentions(note.text, [mention.handle for mention in note.mentions.all()])),
        files=() if note.removed_at else tuple(_file(file) for file in note.files.all()),
        is_removable=is_removable(note, user, at=at),
    )


def _file(file: Any) -> dict[str, Any]:
    return {
        "href": reverse("console:note-file", args=[encode("nfl", file.pk)]),
        "kind": file.content_type.rpartition("/")[2].upper(),
        "size_kb": max(1, file.size_bytes // 1024),
        "is_image": file.content_type.startswith("image/"),
    }


def split_mentions(text: str, handles: list[str]) -> list[tuple[str, bool]]:
    """Split a text at the handles that call somebody.

    >>> split_mentions("Ask @robin, not @robinson.", ["robin"])
    [('Ask ', False), ('@robin', True), (', not @robinson.', False)]
    """
    parts: list[tuple[str, bool]] = []
    rest = text
    while rest:
        found = [(place, handle) for handle in handles if (place := _place(rest, f"@{handle}")) >= 0]
        if not found:
            parts.append((rest, False))
            break
        place, handle = min(found, key=lambda one: (one[0], -len(one[1])))
        end = place + len(handle) + 1
        if place:
            parts.append((rest[:place], False))
        parts.append((rest[place:end], True))
        rest = rest[end:]
    return parts


def _place(text: str, mention: str) -> int:
    """Return where a mention stands as a whole word, -1 if nowhere."""
    place = text.find(mention)
    while place >= 0:
        after = text[place + len(mention) : place + len(mention) + 1]
        if not (after.isalnum() or after in {"_", "+", "-"}) or after == "":
            return place
        place = text.find(mention, place + 1)
    return -1
