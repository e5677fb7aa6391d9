"""Insert model rows without the query compiler.

`bulk_create` resolves every field of every row as an expression; for the seven
small inserts of a decision that was half of its Python time. Rows written here
are plain values, so one cached statement per model and row count will do.
Constraints, column types and defaults stay the database's and the model's.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import orjson
from django.db import connection, models
from django.db.models.fields import Field

Prepare = Callable[[Any], Any]

# Fields whose Python value is what PostgreSQL's driver takes; anything else goes through the field.
_PLAIN = (
    models.BigIntegerField,
    models.IntegerField,
    models.BooleanField,
    models.CharField,
    models.TextField,
    models.FloatField,
    models.DateTimeField,
    models.DecimalField,
    models.ForeignKey,
)


def insert(*rows: models.Model) -> None:
    """Write rows of one model in one statement; their primary keys are set already. No signals."""
    insert_all([rows])


def insert_all(groups: Iterable[Sequence[models.Model]]) -> None:
    """Write groups of rows, each of one model, in order: one INSERT a group, one round trip in all.

    SQLite's driver takes one statement at a time; a call costs it next to nothing.
    """
    vendor, alias = connection.vendor, connection.alias  # each asks for this thread's connection
    statements = [_filled(rows, vendor, alias) for rows in groups if rows]
    if not statements:
        return
    with connection.cursor() as cursor:
        if vendor == "postgresql":
            texts, values = zip(*statements, strict=True)
            cursor.execute("; ".join(texts), [value for group in values for value in group])
        else:
            for text, group in statements:
                cursor.execute(text, group)


def _filled(rows: Sequence[models.Model], vendor: str, alias: str) -> tuple[str, list[Any]]:
    """Return the INSERT of rows of one model and its values; from here on they count as written."""
    head, mark, fields = _statement(type(rows[0]), vendor)
    values: list[Any] = []
    for row in rows:
        for field, attribute, prepare in fields:
            value = field.pre_save(row, True) if attribute is None else getattr(row, attribute)
            values.append(value if prepare is None else prepare(value))
        row._state.adding, row._state.db = False, alias
    return f"{head} {', '.join([mark] * len(rows))}", values


@cache
def _statement(
    model: type[models.Model], vendor: str
) -> "tuple[str, str, Sequence[tuple[Field[Any, Any], str | None, Prepare | None]]]":
    """Return the start of the INSERT, the marks of one row, and how to read each column's value."""
    quote = connection.ops.quote_name
    fields = model._meta.concrete_fields
    columns = ", ".join(quote(str(field.column)) for field in fields)
    head = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES"
    return head, f"({', '.join(['%s'] * len(fields))})", [_reading(field, vendor) for field in fields]


def _reading(field: "Field[Any, Any]", vendor: str) -> "tuple[Field[Any, Any], str | None, Prepare | None]":
    sets_itself = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return field, None if sets_itself else field.attname, _preparing(field, vendor)


def _preparing(field: "Field[Any, Any]", vendor: str) -> Prepare | None:
    """Return what makes a value the driver's, None where it is already."""
    if vendor == "postgresql" and isinstance(field, _PLAIN):
        return None
    if vendor == "postgresql" and isinstance(field, models.JSONField) and field.encoder is None:
        return _as_json
    return lambda value: field.get_db_prep_save(value, connection)


def _as_json(value: object) -> str | None:
    # The database reads the text as its column's type. None is NULL, as Django has it.
    return None if value is None else orjson.dumps(value).decode()
