"""Read a file of list entries: CSV or Excel, every bad row reported with its number and its reason."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from io import BytesIO, StringIO
from zipfile import BadZipFile, ZipFile

from django.utils.translation import gettext as _

from core.errors import FieldError, ValidationFailed

from .list_values import BadValue, normalise

COLUMNS = ("value", "note", "expires_at")
MAX_ROWS = 500_000
MAX_FILE_BYTES = 50 * 1024 * 1024  # half a million rows of a hundred bytes
_MAX_UNPACKED_BYTES = 400 * 1024 * 1024  # of an Excel file, which is a zip: what a bomb must not exceed
_MAX_NOTE = 200
REPORTED_PROBLEMS = 1_000  # more are counted, not listed: nobody reads them one by one


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One entry to be: the value as people write it. expires_at None = for good."""

    value: str
    note: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row was left out. `row` counts from 1, the header included, as a spreadsheet shows it."""

    row: int
    column: str
    code: str
    detail: str


@dataclass(frozen=True)
class ReadEntries:
    """What a file holds. The problems listed are the first REPORTED_PROBLEMS of `problem_count`."""

    entries: list[NewEntry]
    problems: tuple[RowProblem, ...]
    problem_count: int
    row_count: int


def read_entries(content: bytes, *, kind: str) -> ReadEntries:
    """Return the good rows, values normalised, and the problems of the others.

    ValidationFailed if the file cannot be read at all, lacks the column
    `value`, has a column nobody knows, or is too large.
    """
    if len(content) > MAX_FILE_BYTES:
        raise _refuse(
            "file_too_large", _("The file is larger than %(limit)s MB.") % {"limit": MAX_FILE_BYTES // 2**20}
        )
    rows = _excel_rows(content) if content.startswith(b"PK\x03\x04") else _csv_rows(content)
    places = _places(next(rows, ()))
    entries: list[NewEntry] = []
    problems: list[RowProblem] = []
    first_rows: dict[str, int] = {}
    count = problem_count = 0
    for number, row in enumerate(rows, start=2):
        if not "".join(row).strip():
            continue
        count += 1
        if count > MAX_ROWS:
            raise _refuse("too_many_rows", _("The file has more than %(limit)s rows.") % {"limit": MAX_ROWS})
        try:
            entry = _entry_of(row, places, kind)
            _require_first(first_rows, entry.value, number)
        except _BadCell as bad:
            problem_count += 1
            if len(problems) < REPORTED_PROBLEMS:
                problems.append(RowProblem(number, bad.column, bad.code, str(bad)))
        else:
            entries.append(entry)
    return ReadEntries(entries, tuple(problems), problem_count, count)


class _BadCell(BadValue):
    def __init__(self, column: str, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.column = column


def _entry_of(row: Sequence[str], places: dict[str, int], kind: str) -> NewEntry:
    cells = {column: row[place].strip() if place < len(row) else "" for column, place in places.items()}
    if len(row) > len(places) and "".join(row[len(places) :]).strip():
        raise _BadCell("", "too_many_cells", _("The row has more cells than the header."))
    try:
        value = normalise(kind, cells["value"])
    except BadValue as bad:
        raise _BadCell("value", bad.code, str(bad)) from None
    note = cells.get("note", "")
    if len(note) > _MAX_NOTE:
        raise _BadCell(
            "note", "too_long", _("A note has at most %(length)s characters.") % {"length": _MAX_NOTE}
        )
    return NewEntry(value, note, _moment_of(cells.get("expires_at", "")))


def _require_first(first_rows: dict[str, int], value: str, number: int) -> None:
    first = first_rows.setdefault(value, number)
    if first != number:
        raise _BadCell("value", "repeated", _("Row %(row)s has this value already.") % {"row": first})


def _moment_of(text: str) -> datetime | None:
    """Read an ISO 8601 moment, in UTC unless it says otherwise; a date alone includes that whole day."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        sentence = _("Write the moment like 2026-12-31 or 2026-12-31T18:00:00Z.")
        raise _BadCell("expires_at", "not_a_moment", sentence) from None
    if len(text) == len("2026-12-31"):
        moment = datetime.combine(moment.date(), time()) + timedelta(days=1)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _places(header: Sequence[str]) -> dict[str, int]:
    names = [cell.strip().lower() for cell in header]
    while names and not names[-1]:
        names.pop()
    if "value" not in names:
        raise _refuse("missing_column", _("The file needs a column “value” in its first row."))
    strangers = [name for name in names if name not in COLUMNS]
    if strangers or len(set(names)) < len(names):
        wrong = strangers[0] if strangers else next(name for name in names if names.count(name) > 1)
        sentence = _("The column “%(name)s” is not one of value, note and expires_at, once each.")
        raise _refuse("unknown_column", sentence % {"name": wrong[:40]})
    return {name: place for place, name in enumerate(names)}


def _csv_rows(content: bytes) -> Iterator[Sequence[str]]:
    text = _decode(content)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        yield from csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise _refuse("file_unreadable", _("The file is not readable CSV.")) from error


def _decode(content: bytes) -> str:
    # GB 18030 is what a Chinese Excel writes as CSV; UTF-8 almost never reads as it by chance.
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise _refuse("file_unreadable", _("The file is neither CSV in UTF-8 nor an Excel workbook."))


def _excel_rows(content: bytes) -> Iterator[Sequence[str]]:
    import fastexcel  # loads Arrow and Polars, which nothing else of a request needs

    try:
        with ZipFile(BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > _MAX_UNPACKED_BYTES:
            raise _refuse("file_too_large", _("The workbook is too large when unpacked."))
        sheet = fastexcel.read_excel(content).load_sheet(0, header_row=None, dtypes="string")
        rows = sheet.to_polars().rows()
    except (BadZipFile, fastexcel.FastExcelError) as error:
        raise _refuse("file_unreadable", _("The workbook cannot be read. Please save it again.")) from error
    yield from (tuple(cell or "" for cell in row) for row in rows)


def _refuse(code: str, detail: str) -> ValidationFailed:
    return ValidationFailed([FieldError("/file", code, detail)])
