"""Tables of a size at which plans are those of a marketplace at work.

What an empty table seems to cost is a matter of who counted it last, so no plan of one can be relied on.
"""

from datetime import timedelta

from django.db import connection, models

from core.refs import Ref
from orders.models import Order
from risk.models import Label, LabelSource
from risk.services import record_label
from tests.make import NOON, make_order

_ROWS = 5_000
_MINUTES_AGO = "{column} - n * interval '1 minute'"


def store_marketplace() -> Order:
    """Store _ROWS orders of one merchant, a minute apart up to an hour before NOON; return the newest.

    Everybody else is new to each. Every tenth is labelled, and every tenth label is bad. PostgreSQL only.
    """
    at = NOON - timedelta(hours=1)
    order = make_order(at=at)
    record_label(
        Ref("order", order.pk),
        is_bad=False,
        source=LabelSource.CHARGEBACK,
        occurred_at=at,
        known_at=at,
        order=order,
    )
    keys = ("buyer_key", "device_key", "card_key", "address_key", "ip_key")
    moments = ("occurred_at", "known_at", "created_at")
    of_orders = {key: f"{key} + n" for key in ("id", *keys)} | _earlier(moments)
    _multiply(Order, _ROWS, of_orders | {"external_id": "external_id || '-' || n"})
    of_labels = {key: f"{key} + n * 10" for key in ("id", "subject_id", *keys[:3])}
    of_labels |= _earlier((*moments, "subject_occurred_at"))
    _multiply(Label, _ROWS // 10, of_labels | {"is_bad": "n % 10 = 0"})
    return order


def _earlier(columns: tuple[str, ...]) -> dict[str, str]:
    return {column: _MINUTES_AGO.format(column=column) for column in columns}


def _multiply(model: type[models.Model], times: int, changed: dict[str, str]) -> None:
    """Store so many more rows like the one that is there, and let PostgreSQL count them.

    changed    SQL of what a column holds in row n, from 1; columns that are left out stay as they are
    """
    columns = [str(field.column) for field in model._meta.concrete_fields]
    values = ", ".join(changed.get(column, column) for column in columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)})"
            f" SELECT {values} FROM {table}, generate_series(1, {times}) AS n"
        )
        cursor.execute(f"ANALYZE {table}")
