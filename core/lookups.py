"""Read one row by its primary key without the query compiler.

Building the query for one row takes the ORM several times as long as the
database takes to find it. Here one cached statement per model will do, with
the conversions of values that the ORM would apply.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


def find_row(model: type[M], id: int) -> M | None:
    """Return the row with that primary key, or None; one query."""
    statement, names, converters = _statement(model, connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(statement, [id])
        row = cursor.fetchone()
    if row is None:
        return None
    values = list(row)
    for position, convert in converters:
        values[position] = convert(values[position])
    return model.from_db(connection.alias, names, values)


@cache
def _statement(
    model: type[models.Model], vendor: str
) -> tuple[str, Sequence[str], Sequence[tuple[int, Callable[[Any], Any]]]]:
    """Return the SELECT, the fields it reads, and which columns have to be converted."""
    quote = connection.ops.quote_name
    fields, key = model._meta.concrete_fields, model._meta.pk
    assert key is not None
    columns = ", ".join(quote(str(field.column)) for field in fields)
    statement = f"SELECT {columns} FROM {quote(model._meta.db_table)} WHERE {quote(str(key.column))} = %s"  # noqa: S608
    names = [str(field.attname) for field in fields]
    converters = [(position, _conversion(field)) for position, field in enumerate(fields)]
    return statement, names, [(position, one) for position, one in converters if one is not None]


def _conversion(field: "models.Field[Any, Any]") -> Callable[[Any], Any] | None:
    column = field.cached_col
    steps = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    if not steps:
        return None

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert
