"""Write hundreds of thousands of plain rows: COPY on PostgreSQL, executemany on SQLite."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from itertools import islice
from typing import Any

from django.db import connection, models

# A batch is some megabytes of text: large enough that the round trip is nothing, small enough to hold.
_BATCH_ROWS = 20_000
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def insert_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of texts, numbers, bytes, aware moments and None in the caller's transaction.

    Every column without a database default has to be named; constraints are
    the database's, model defaults are not looked at.
    """
    table, names = model._meta.db_table, ", ".join(columns)
    for batch in _batches(rows):
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                text = StringIO("".join(["\t".join(map(_as_copied, row)) + "\n" for row in batch]))
                with connection.wrap_database_errors:
                    cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", text)
            else:
                marks = ", ".join(["%s"] * len(columns))
                sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 (names are our own)
                cursor.executemany(sql, [[_as_adapted(value) for value in row] for row in batch])


def _batches(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH_ROWS)):
        yield batch


def _as_copied(value: Any) -> str:
    """Return a value in COPY's text format."""
    if value is None:
        return r"\N"
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value).translate(_ESCAPES)


def _as_adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
