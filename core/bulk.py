"""Write hundreds of thousands of plain rows: COPY on PostgreSQL, executemany on SQLite."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO, StringIO
from itertools import islice
from typing import Any

import numpy as np
from django.db import connection, models
from numpy.typing import NDArray

# A batch is some megabytes of text: large enough that the round trip is nothing, small enough to hold.
_BATCH_ROWS = 20_000
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
# COPY's binary format: a signature, two empty fields, then rows of (number of fields, (length, value) …).
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_WIDTH = 8
_BINARY_TYPES = {"i": ">i8", "f": ">f8", "M": ">i8"}
_POSTGRES_EPOCH = np.datetime64("2000-01-01", "us")


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


def insert_arrays(model: type[models.Model], columns: Mapping[str, NDArray[Any]]) -> None:
    """Insert columns of 64-bit integers, floats and moments (datetime64[us], UTC), each (n,), none null.

    As `insert_rows`, without a Python object for each value on PostgreSQL.
    """
    table, names = model._meta.db_table, ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            stream = BytesIO(_as_binary(list(columns.values())))
            with connection.wrap_database_errors:
                cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN (FORMAT binary)", stream)
        else:
            marks = ", ".join(["%s"] * len(columns))
            rows = zip(*(_as_list(column) for column in columns.values()), strict=True)
            sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 (names are our own)
            cursor.executemany(sql, list(rows))


def read_binary(stream: bytes, widths: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Return the columns of COPY's binary format, each (n, width) bytes, the highest of a number first.

    widths    bytes of each column; ValueError unless every row has them
    """
    row = np.dtype(
        [("fields", ">i2")]
        + [
            part
            for number, width in enumerate(widths)
            for part in ((f"length{number}", ">i4"), (f"value{number}", "u1", (width,)))
        ]
    )
    body = len(stream) - len(_SIGNATURE) - len(_END)
    if body % row.itemsize:
        raise ValueError("The rows of this table differ in length.")
    table = np.frombuffer(stream, dtype=row, count=body // row.itemsize, offset=len(_SIGNATURE))
    for number, width in enumerate(widths):
        if not (table[f"length{number}"] == width).all():
            raise ValueError("The rows of this table differ in length.")
    return [table[f"value{number}"] for number in range(len(widths))]


def _as_binary(columns: Sequence[NDArray[Any]]) -> bytes:
    """Return (n,) columns as COPY's binary format; every value is eight bytes, the highest first."""
    row = np.dtype(
        [("fields", ">i2")]
        + [
            part
            for number, column in enumerate(columns)
            for part in ((f"length{number}", ">i4"), (f"value{number}", _BINARY_TYPES[column.dtype.kind]))
        ]
    )
    table = np.empty(len(columns[0]), dtype=row)
    table["fields"] = len(columns)
    for number, column in enumerate(columns):
        table[f"length{number}"] = _WIDTH
        is_moment = column.dtype.kind == "M"
        table[f"value{number}"] = (column - _POSTGRES_EPOCH).astype(np.int64) if is_moment else column
    return _SIGNATURE + table.tobytes() + _END


def _as_list(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind != "M":
        return list(column.tolist())
    return [_as_adapted(moment.replace(tzinfo=UTC)) for moment in column.tolist()]


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
