"""Insert model rows without the query compiler.

`bulk_create` resolves every field of every row as an expression; for the seven
small inserts of a decision that was half of its Python time. Rows written here
are plain values, so one cached statement per model and row count will do.
Constraints, column types and defaults stay the database's and the model's.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

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
    models.ForeignKey,
)


def insert(*rows: models.Model) -> None:
    """Write rows of one model in one statement; their primary keys are set already. No signals."""
    insert_all([rows])


def insert_all(groups: Iterable[Sequence[models.Model]]) -> None:
    """Write groups of rows, each of one model, in order: one INSERT a group, one round trip in all.

    SQLite's driver takes one statement at a time; a call costs it next to nothing.
    """
    statements = [_filled(rows) for rows in groups if rows]
    if not statements:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            texts, values = zip(*statements, strict=True)
            cursor.execute("; ".join(texts), [value for group in values for value in group])
        else:
            for text, group in statements:
                cursor.execute(text, group)


def _filled(rows: Sequence[models.Model]) -> tuple[str, list[Any]]:
    """Return the INSERT of rows of one model and its values; from here on they count as written."""
    head, mark, fields = _statement(type(rows[0]), connection.vendor)
    values: list[Any] = []
    for row in rows:
        for field, attribute, prepare in fields:
            value = field.pre_save(row, True) if attribute is None else getattr(row, attribute)
            values.append(value if prepare is None else prepare(value))
        row._state.adding, row._state.db = False, connection.alias
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
    is_plain = vendor == "postgresql" and isinstance(field, _PLAIN)
    prepare = None if is_plain else lambda value: field.get_db_prep_save(value, connection)
    return field, None if sets_itself else field.attname, prepare
