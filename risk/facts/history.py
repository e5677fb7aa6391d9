"""History as columns: what set-based features, training and parity read, millions of rows at once."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection

from risk.features.columns import NEVER, Events, Flags, Floats, Ints, Keys
from risk.features.declarations import ORDER_FEATURES, Entity, Source
from risk.features.direct import OrderColumns
from risk.features.filters import Values, fields_of, is_true
from risk.features.tables import LABEL_KEYS, ORDER_KEYS, OUTCOME_KEYS, TABLES

_MOMENTS = (
    "occurred_at", "known_at", "buyer_signed_up_at", "superseded_at", "subject_occurred_at", "created_at",
)  # fmt: skip
_ORDER_COLUMNS = (
    "id", *ORDER_KEYS.values(), "occurred_at", "known_at", "created_at", "base_total_minor", "line_count",
    "item_count", "currency", "card_country", "billing_country", "shipping_country", "buyer_signed_up_at",
)  # fmt: skip
_OWN_COLUMNS = (
    "id", *ORDER_KEYS.values(), "occurred_at", "buyer_signed_up_at", "base_total_minor", "currency",
    "card_country", "shipping_country", "billing_country",
)  # fmt: skip
_LABEL_COLUMNS = (
    "id", "subject_id", *LABEL_KEYS.values(), "known_at", "superseded_at", "subject_occurred_at",
    "created_at", "is_bad", "weight",
)  # fmt: skip
_FETCHED_ROWS = 50_000  # at a time from SQLite
_TYPES = {
    "currency": pl.String,
    "card_country": pl.String,
    "billing_country": pl.String,
    "shipping_country": pl.String,
    "is_bad": pl.Int8,
    "weight": pl.Float64,
}
# Later than any moment, and early enough that a window of half a year still fits behind it.
_TOO_LATE = NEVER // 2


@dataclass(frozen=True, eq=False)
class OrderHistory:
    """Orders in the order of their ids: as events, and what each carries itself.

    written_at    (n,) when each row was written, microseconds since the epoch
    """

    events: Events
    own: OrderColumns
    written_at: Ints

    def __len__(self) -> int:
        return len(self.events.ids)


@dataclass(frozen=True, eq=False)
class LabelHistory:
    """Labels of orders in the order of their ids, as events that occur when they become known.

    outcomes       the same as events that occur when the order was placed; never, if that is not known
    subject_ids    (n,) order ids
    weight         (n,) trust in the source, 0–1
    written_at     (n,) when each row was written, microseconds since the epoch
    """

    events: Events
    outcomes: Events
    subject_ids: Ints
    weight: Floats
    written_at: Ints

    def stood_at(self, moment: datetime) -> Flags:
        """Return which of them were not yet corrected at a moment."""
        assert self.events.superseded_at is not None
        return self.events.superseded_at >= round(moment.timestamp() * 1_000_000)


def read_orders(*, before: datetime, since: datetime | None = None) -> OrderHistory:
    """Return orders that occurred before a moment (and from another one on), about 150 bytes each."""
    where, values = "occurred_at < %s", [before]
    if since is not None:
        where, values = f"{where} AND occurred_at >= %s", [before, since]
    return _order_history(_read("orders_order", _ORDER_COLUMNS, where, values))


def read_order_labels(*, before: datetime) -> LabelHistory:
    """Return the labels of orders that were known before a moment, corrected ones included."""
    where = "subject_kind = %s AND known_at < %s"
    return _label_history(_read("risk_label", _LABEL_COLUMNS, where, ["order", before]))


def read_own(*, since: datetime, before: datetime) -> pl.DataFrame:
    """Return what only rules read of the orders known in [since, before), by id."""
    return _read("orders_order", _OWN_COLUMNS, "known_at >= %s AND known_at < %s", [since, before])


def read_orders_by_id(ids: Sequence[int]) -> OrderHistory:
    """Return these orders, in the order of their ids."""
    where, values = _among("id", ids)
    return _order_history(_read("orders_order", _ORDER_COLUMNS, where, [values]))


def read_orders_of(entity: Entity, keys: Sequence[int], *, since: datetime, before: datetime) -> OrderHistory:
    """Return the orders of some keys that occurred in a span, through their index."""
    where, values = _among(ORDER_KEYS[entity], keys)
    where = f"{where} AND occurred_at >= %s AND occurred_at < %s"
    return _order_history(_read("orders_order", _ORDER_COLUMNS, where, [values, since, before]))


def read_labels_of(
    entity: Entity, keys: Sequence[int], *, since: datetime, before: datetime, source: Source = Source.LABELS
) -> LabelHistory:
    """Return the orders' labels of some keys that occurred in a span, as labels or as outcomes."""
    where, values = _among(LABEL_KEYS[entity], keys)
    at = TABLES[source].occurred_at
    where = f"{where} AND subject_kind = 'order' AND {at} >= %s AND {at} < %s"
    return _label_history(_read("risk_label", _LABEL_COLUMNS, where, [values, since, before]))


def _among(column: str, keys: Sequence[int]) -> tuple[str, object]:
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", list(keys)
    return f"{column} IN (SELECT value FROM json_each(%s))", json.dumps(list(keys))  # noqa: S608 - a constant


def _order_history(frame: pl.DataFrame) -> OrderHistory:
    keys = {entity: _keys(frame, column) for entity, column in ORDER_KEYS.items()}
    amount = _ints(frame, "base_total_minor")
    texts = ("currency", "card_country", "billing_country", "shipping_country")
    fields = {name: _text_values(frame, name) for name in texts}
    fields["amount_minor"] = Values(amount, np.zeros(len(amount), dtype=np.bool_))
    for name in ("line_count", "item_count"):
        counts = _ints(frame, name)
        fields[name] = Values(counts, counts == 0)
    for name, entity in (("has_device", Entity.DEVICE), ("has_card", Entity.CARD)):
        fields[name] = Values(keys[entity].is_present, np.zeros(len(amount), dtype=np.bool_))
    events = Events(
        ids=_ints(frame, "id"),
        occurred_at=_ints(frame, "occurred_at"),
        known_at=_ints(frame, "known_at"),
        keys=keys,
        amount_minor=amount,
        passes=_passes(Source.ORDERS, fields),
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
    return OrderHistory(events, own, _ints(frame, "created_at"))


def _label_history(frame: pl.DataFrame) -> LabelHistory:
    known_at = _ints(frame, "known_at")
    is_bad = frame["is_bad"].to_numpy() == 1
    fields = {"is_bad": Values(is_bad, np.zeros(len(is_bad), dtype=np.bool_))}
    events = Events(
        ids=_ints(frame, "id"),
        occurred_at=known_at,
        known_at=known_at,
        keys={entity: _keys(frame, column) for entity, column in LABEL_KEYS.items()},
        passes=_passes(Source.LABELS, fields),
        superseded_at=frame["superseded_at"].fill_null(NEVER).to_numpy(),
    )
    # A label whose order's moment is not known occurs so late that no window reaches it.
    outcomes = replace(
        events,
        occurred_at=frame["subject_occurred_at"].fill_null(_TOO_LATE).to_numpy(),
        keys={entity: events.keys[entity] for entity in OUTCOME_KEYS},
        passes=_passes(Source.OUTCOMES, fields),
    )
    return LabelHistory(
        events=events,
        outcomes=outcomes,
        subject_ids=_ints(frame, "subject_id"),
        weight=frame["weight"].to_numpy(),
        written_at=_ints(frame, "created_at"),
    )


def _passes(source: Source, fields: Mapping[str, Values]) -> dict[str, Flags]:
    """Return which events each declared filter of a source counts."""
    declared = {feature.where for feature in ORDER_FEATURES if feature.source is source} - {None}
    return {
        where.code: is_true(where, source, {name: fields[name] for name in fields_of(where, source)})
        for where in declared
        if where is not None
    }


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
        frames = [_typed([], types)]
        # A million rows as Python objects would be gigabytes at once.
        while rows := cursor.fetchmany(_FETCHED_ROWS):
            frames.append(_typed(rows, types))
    return pl.concat(frames)


def _typed(rows: Sequence[tuple[Any, ...]], types: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    texts = {name: pl.String if name in _MOMENTS else type_ for name, type_ in types.items()}
    frame = pl.DataFrame(rows, schema=texts, orient="row", infer_schema_length=None)
    moments = [
        pl.col(name).str.to_datetime("%F %T%.f", time_unit="us").cast(pl.Int64)
        for name in _MOMENTS
        if name in types
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


def _text_values(frame: pl.DataFrame, column: str) -> Values:
    texts = _texts(frame, column)
    return Values(texts, texts == "")


def _texts(frame: pl.DataFrame, column: str) -> npt.NDArray[np.str_]:
    return frame[column].fill_null("").to_numpy().astype(np.str_)
