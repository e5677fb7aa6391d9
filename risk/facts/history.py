"""History as columns: what set-based features and training read, millions of rows at once."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection

from risk.features.columns import Events, Floats, Ints, Keys
from risk.features.direct import OrderColumns
from risk.features.online import LABEL_KEYS, ORDER_KEYS

_MOMENTS = ("occurred_at", "known_at", "buyer_signed_up_at")
_ORDER_COLUMNS = (
    "id", *ORDER_KEYS.values(), "occurred_at", "known_at", "base_total_minor", "line_count", "item_count",
    "billing_country", "shipping_country", "buyer_signed_up_at",
)  # fmt: skip
_LABEL_COLUMNS = ("id", "subject_id", *LABEL_KEYS.values(), "known_at", "is_bad", "weight")
_TYPES = {
    "billing_country": pl.String,
    "shipping_country": pl.String,
    "is_bad": pl.Int8,
    "weight": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class OrderHistory:
    """Orders in the order of their ids: as events, and what each carries itself."""

    events: Events
    own: OrderColumns

    def __len__(self) -> int:
        return len(self.events.ids)


@dataclass(frozen=True, eq=False)
class LabelHistory:
    """Labels as events, with the order each is about.

    subject_ids    (n,) order ids
    weight         (n,) trust in the source, 0–1
    """

    events: Events
    subject_ids: Ints
    weight: Floats


def read_orders(*, before: datetime, since: datetime | None = None) -> OrderHistory:
    """Return orders that occurred before a moment (and from another one on), about 150 bytes each."""
    where, values = "occurred_at < %s", [before]
    if since is not None:
        where, values = f"{where} AND occurred_at >= %s", [before, since]
    frame = _read("orders_order", _ORDER_COLUMNS, where, values)
    keys = {entity: _keys(frame, column) for entity, column in ORDER_KEYS.items()}
    amount = _ints(frame, "base_total_minor")
    events = Events(
        ids=_ints(frame, "id"),
        occurred_at=_ints(frame, "occurred_at"),
        known_at=_ints(frame, "known_at"),
        keys=keys,
        amount_minor=amount,
    )
    own = OrderColumns(
        placed_at=events.occurred_at,
        amount_minor=amount,
        line_count=_count(frame, "line_count"),
        item_count=_count(frame, "item_count"),
        billing_country=_texts(frame, "billing_country"),
        shipping_country=_texts(frame, "shipping_country"),
        buyer_signed_up_at=frame["buyer_signed_up_at"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
    )
    return OrderHistory(events, own)


def read_order_labels(*, before: datetime) -> LabelHistory:
    """Return the labels of orders that were known before a moment."""
    frame = _read("risk_label", _LABEL_COLUMNS, "subject_kind = %s AND known_at < %s", ["order", before])
    known_at = _ints(frame, "known_at")
    events = Events(
        ids=_ints(frame, "id"),
        occurred_at=known_at,
        known_at=known_at,
        keys={entity: _keys(frame, column) for entity, column in LABEL_KEYS.items()},
        is_bad=frame["is_bad"].to_numpy() == 1,
    )
    return LabelHistory(events, _ints(frame, "subject_id"), frame["weight"].to_numpy())


def _read(table: str, columns: Sequence[str], where: str, values: Sequence[object]) -> pl.DataFrame:
    """Return rows by id; moments as microseconds since the epoch."""
    types = {name: _TYPES.get(name, pl.Int64) for name in columns}
    if connection.vendor == "postgresql":
        return _copy(table, columns, where, values, types)
    # CAST keeps SQLite's driver from turning each value into a Python object.
    shown = ", ".join(
        f"CAST({name} AS TEXT)" if name in _MOMENTS else f"{name} + 0" if name == "is_bad" else name
        for name in columns
    )
    select = f"SELECT {shown} FROM {table} WHERE {where} ORDER BY id"  # noqa: S608 - constants
    with connection.cursor() as cursor:
        cursor.execute(select, [_as_stored(value) for value in values])
        rows = cursor.fetchall()
    texts = {name: pl.String if name in _MOMENTS else type_ for name, type_ in types.items()}
    frame = pl.DataFrame(rows, schema=texts, orient="row")
    moments = [
        pl.col(name).str.to_datetime("%F %T%.f", time_unit="us").cast(pl.Int64)
        for name in _MOMENTS
        if name in columns
    ]
    return frame.with_columns(moments)


def _copy(
    table: str,
    columns: Sequence[str],
    where: str,
    values: Sequence[object],
    types: dict[str, type[pl.DataType]],
) -> pl.DataFrame:
    """COPY is several times faster than fetching rows, and holds no Python object for each."""
    shown = ", ".join(_shown(name) for name in columns)
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        select = cursor.cursor.mogrify(f"SELECT {shown} FROM {table} WHERE {where} ORDER BY id", values)  # noqa: S608
        cursor.cursor.copy_expert(b"COPY (%b) TO STDOUT (FORMAT csv, HEADER)" % select, buffer)
    buffer.seek(0)
    return pl.read_csv(buffer, schema_overrides=types)


def _shown(name: str) -> str:
    if name in _MOMENTS:
        return f"(extract(epoch from {name}) * 1000000)::bigint AS {name}"
    return f"{name}::int" if name == "is_bad" else name


def _as_stored(value: object) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _keys(frame: pl.DataFrame, column: str) -> Keys:
    series = frame[column]
    return Keys(series.fill_null(0).to_numpy(), series.is_not_null().to_numpy())


def _ints(frame: pl.DataFrame, column: str) -> Ints:
    return frame[column].to_numpy()


def _count(frame: pl.DataFrame, column: str) -> Floats:
    """Return a count as the features see it: an order whose lines are unknown says 0, which is missing."""
    return frame[column].cast(pl.Float64).replace(0.0, None).fill_null(np.nan).to_numpy()


def _texts(frame: pl.DataFrame, column: str) -> npt.NDArray[np.str_]:
    return frame[column].fill_null("").to_numpy().astype(np.str_)
