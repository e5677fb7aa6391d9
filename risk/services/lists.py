"""Writes on lists: every change is a version with its author, and every version can come back."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any

from django.db import connection

from accounts.actors import actor_of
from accounts.models import User
from accounts.permissions import Permission, require
from core import audit, journal
from core.bulk import insert_rows
from core.encryption import decrypt, encrypt
from core.errors import Conflict, FieldError, NotFound, ValidationFailed
from core.ids import new_id
from core.refs import Ref
from risk import live
from risk.list_files import COLUMNS, NewEntry, RowProblem, read_entries
from risk.list_values import BadValue, compared, normalise
from risk.models import EntityList, ListEntry, ListKind, ListVersion
from risk.rulesets import list_users_of

# What one list may hold: a process that asks it keeps all of it in memory, about 100 bytes an entry.
MAX_ENTRIES = 500_000
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ENTRY_COLUMNS = ("id", "list_id", "text", "key", "sealed", "note", "added_in", "expires_at")


@dataclass(frozen=True)
class ListImport:
    """What a file did to a list. `version` is None if it changed nothing.

    added       entries that were not in the list, or had another note or expiry
    removed     entries that left it, those that came again with another note or expiry included
    unchanged   rows that were in it just so
    problems    the first rows that were left out, of `problem_count`
    """

    version: ListVersion | None
    row_count: int
    added: int
    removed: int
    unchanged: int
    problems: tuple[RowProblem, ...]
    problem_count: int


def create_list(code: str, name: str, *, kind: str, author: User, description: str = "") -> EntityList:
    """Return a new, empty list; ValidationFailed if its code is taken or no code."""
    require(author, Permission.EDIT_RULES)
    errors = []
    if not _CODE.fullmatch(code):
        detail = "A code has small letters, digits and underscores."
        errors.append(FieldError("/code", "invalid_code", detail))
    elif EntityList.objects.filter(code=code).exists():
        errors.append(FieldError("/code", "code_taken", "There is a list with this code."))
    if kind not in ListKind.values:
        errors.append(FieldError("/kind", "unknown_kind", "There is no such kind of list."))
    if not name.strip():
        errors.append(FieldError("/name", "required", "The list needs a name."))
    if errors:
        raise ValidationFailed(errors)
    with journal.unit():
        created = EntityList.objects.create(
            code=code, name=name.strip(), kind=kind, description=description.strip()
        )
        audit.record(
            "list.created",
            actor=actor_of(author),
            subject=Ref("list", created.pk),
            detail={"code": code, "kind": kind},
        )
    live.look_again()
    return created


def update_list(entity_list: EntityList, *, name: str, description: str, author: User) -> None:
    """Change what people read about a list; its code and kind are given once."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        entity_list.name, entity_list.description = name.strip(), description.strip()
        entity_list.save(update_fields=["name", "description"])
        audit.record("list.described", actor=actor_of(author), subject=Ref("list", entity_list.pk))


def add_entries(
    entity_list: EntityList, entries: Sequence[NewEntry], *, author: User, comment: str = ""
) -> ListVersion:
    """Add entries as a new version; one that is there already gets the new note and expiry.

    ValidationFailed names every value that cannot be in the list, Conflict if
    nothing would change.
    """
    require(author, Permission.EDIT_RULES)
    wanted = _checked(entity_list.kind, entries)
    with journal.unit():
        change = _Change(_lock(entity_list))
        change.add(wanted)
        version = change.write(author, comment)
        if version is None:
            raise Conflict("The list has these entries already.", code="nothing_changed")
    entity_list.version = version.number
    live.look_again()
    return version


def remove_entries(
    entity_list: EntityList, values: Sequence[str], *, author: User, comment: str = ""
) -> ListVersion:
    """Take values out as a new version; NotFound if none of them is in the list."""
    require(author, Permission.EDIT_RULES)
    leaving = _checked(entity_list.kind, [NewEntry(value) for value in values])
    with journal.unit():
        change = _Change(_lock(entity_list))
        change.remove(leaving)
        version = change.write(author, comment)
        if version is None:
            raise NotFound("The list has none of these entries.")
    entity_list.version = version.number
    live.look_again()
    return version


def import_entries(
    entity_list: EntityList, content: bytes, *, author: User, mode: str = "add", comment: str = ""
) -> ListImport:
    """Apply the good rows of a CSV or Excel file as one version, and report the bad ones.

    mode    "add" keeps what is there, "replace" leaves only the file's good rows

    ValidationFailed if the file cannot be read at all, and for "replace" if no row is good:
    a wrong file must not empty a list.
    """
    require(author, Permission.EDIT_RULES)
    if mode not in {"add", "replace"}:
        raise ValidationFailed([FieldError("/mode", "unknown_mode", "The mode is add or replace.")])
    read = read_entries(content, kind=entity_list.kind)
    if mode == "replace" and not read.entries:
        raise ValidationFailed([FieldError("/file", "no_good_rows", "The file has no row to keep.")])
    wanted = {compared(entity_list.kind, entry.value): entry for entry in read.entries}
    with journal.unit():
        change = _Change(_lock(entity_list))
        if mode == "replace":
            change.keep_only(wanted)
        change.add(wanted)
        version = change.write(author, comment)
    if version is not None:
        entity_list.version = version.number
        live.look_again()
    added, removed = (version.added, version.removed) if version else (0, 0)
    return ListImport(
        version, read.row_count, added, removed, len(wanted) - added, read.problems, read.problem_count
    )


def restore_version(entity_list: EntityList, number: int, *, author: User, comment: str = "") -> ListVersion:
    """Make the list what it was in an earlier version, as a new one; 0 is the empty list.

    NotFound for a version it never had, Conflict if nothing would change.
    """
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        row = _lock(entity_list)
        if not 0 <= number <= row.version:
            raise NotFound("The list has no such version.")
        change = _Change(row)
        change.restore(number)
        version = change.write(author, comment)
        if version is None:
            raise Conflict("The list is already like that.", code="nothing_changed")
    entity_list.version = version.number
    live.look_again()
    return version


def archive_list(entity_list: EntityList, *, author: User, at: datetime) -> None:
    """Put a list away; Conflict names a live, scheduled or draft version whose rules ask it."""
    require(author, Permission.EDIT_RULES)
    with journal.unit():
        row = _lock(entity_list)
        users = list_users_of(row.code)
        if users:
            names = ", ".join(f"{ruleset} ({', '.join(codes)})" for ruleset, codes in users)
            raise Conflict(
                f"Rules still ask this list: {names}.",
                code="list_in_use",
                extra={"rulesets": [ruleset.pk for ruleset, _ in users]},
            )
        row.archived_at = at
        row.save(update_fields=["archived_at"])
        audit.record("list.archived", actor=actor_of(author), subject=Ref("list", row.pk))
    entity_list.archived_at = at
    live.look_again()


def export_list(entity_list: EntityList, *, author: User) -> bytes:
    """Return the list's entries as CSV that `import_entries` reads; audited, because values are in clear."""
    require(author, Permission.EDIT_RULES)
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    with journal.unit():
        standing = ListEntry.objects.filter(list=entity_list, removed_in=None).order_by("pk")
        for text, sealed, note, expires_at in standing.values_list(
            "text", "sealed", "note", "expires_at"
        ).iterator(5_000):
            value = text if sealed is None else decrypt(sealed)
            writer.writerow([value, note, expires_at.isoformat() if expires_at else ""])
        audit.record(
            "list.exported",
            actor=actor_of(author),
            subject=Ref("list", entity_list.pk),
            detail={"version": entity_list.version},
        )
    return out.getvalue().encode("utf-8-sig")


class _Change:
    """One version in the making: what leaves and what comes, against what stands."""

    def __init__(self, row: EntityList) -> None:
        self._list = row
        standing = ListEntry.objects.filter(list=row, removed_in=None)
        self._standing: dict[str | int, tuple[int, str, datetime | None]] = {
            text if key is None else key: (id, note, expires_at)
            for id, text, key, note, expires_at in standing.values_list(
                "pk", "text", "key", "note", "expires_at"
            ).iterator(20_000)
        }
        self._leaving: list[int] = []
        self._coming: list[tuple[str | int, bytes | None, str, datetime | None]] = []

    def add(self, wanted: dict[str | int, NewEntry]) -> None:
        for value, entry in wanted.items():
            found = self._standing.get(value)
            if found is not None and found[1:] == (entry.note, entry.expires_at):
                continue
            if found is not None:
                self._leaving.append(found[0])
            sealed = None if isinstance(value, str) else encrypt(entry.value)
            self._coming.append((value, sealed, entry.note, entry.expires_at))

    def remove(self, values: Iterable[str | int]) -> None:
        self._leaving += [self._standing[value][0] for value in values if value in self._standing]

    def keep_only(self, wanted: dict[str | int, NewEntry]) -> None:
        self.remove([value for value in self._standing if value not in wanted])

    def restore(self, number: int) -> None:
        """Bring back what stood in a version, sealed values as they are."""
        stood = ListEntry.objects.filter(list=self._list, added_in__lte=number)
        stood = stood.exclude(removed_in__lte=number)
        kept = set()
        for text, key, sealed, note, expires_at in stood.values_list(
            "text", "key", "sealed", "note", "expires_at"
        ).iterator(20_000):
            value = text if key is None else key
            kept.add(value)
            found = self._standing.get(value)
            if found is not None and found[1:] == (note, expires_at):
                continue
            if found is not None:
                self._leaving.append(found[0])
            self._coming.append((value, None if sealed is None else bytes(sealed), note, expires_at))
        self.remove([value for value in self._standing if value not in kept])

    def write(self, author: User, comment: str) -> ListVersion | None:
        """Write the version and its entries; None if nothing changes."""
        if not self._leaving and not self._coming:
            return None
        count = len(self._standing) - len(self._leaving) + len(self._coming)
        if count > MAX_ENTRIES:
            detail = f"A list holds at most {MAX_ENTRIES:,} entries."
            raise ValidationFailed([FieldError("/entries", "too_many_entries", detail)])
        number = self._list.version + 1
        _mark_removed(self._leaving, number)
        insert_rows(ListEntry, _ENTRY_COLUMNS, self._rows(number))
        EntityList.objects.filter(pk=self._list.pk).update(version=number)
        version = ListVersion.objects.create(
            list=self._list,
            number=number,
            comment=comment.strip()[:200],
            added=len(self._coming),
            removed=len(self._leaving),
            entry_count=count,
            author=author,
        )
        audit.record(
            "list.changed",
            actor=actor_of(author),
            subject=Ref("list", self._list.pk),
            detail={"version": number, "added": version.added, "removed": version.removed},
        )
        return version

    def _rows(self, number: int) -> Iterator[tuple[Any, ...]]:
        for value, sealed, note, expires_at in self._coming:
            text, key = (value, None) if isinstance(value, str) else ("", value)
            yield (new_id(), self._list.pk, text, key, sealed, note, number, expires_at)


def _mark_removed(ids: list[int], number: int) -> None:
    """Take entries out; SQLite's driver has no arrays, and a call of it costs next to nothing."""
    table = ListEntry._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = f"UPDATE {table} SET removed_in = %s WHERE id = ANY(%s)"  # noqa: S608 (our own name)
            cursor.execute(sql, [number, ids])
        else:
            sql = f"UPDATE {table} SET removed_in = %s WHERE id = %s"  # noqa: S608 (our own name)
            cursor.executemany(sql, [(number, id) for id in ids])


def _lock(entity_list: EntityList) -> EntityList:
    row = EntityList.objects.select_for_update().get(pk=entity_list.pk)
    if row.archived_at is not None:
        raise Conflict("An archived list does not change.", code="list_archived")
    return row


def _checked(kind: str, entries: Sequence[NewEntry]) -> dict[str | int, NewEntry]:
    wanted: dict[str | int, NewEntry] = {}
    errors: list[FieldError] = []
    for index, entry in enumerate(entries):
        try:
            value = normalise(kind, entry.value)
        except BadValue as bad:
            errors.append(FieldError(f"/entries/{index}/value", bad.code, str(bad)))
        else:
            wanted[compared(kind, value)] = NewEntry(value, entry.note.strip()[:200], entry.expires_at)
    if errors:
        raise ValidationFailed(errors)
    return wanted
