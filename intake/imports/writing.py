"""Write and look up many rows at once: COPY on PostgreSQL, executemany on SQLite, behind one surface."""

import json
from io import BytesIO
from typing import Any, Protocol

import polars as pl
from django.db import connection, models

from orders.models import Order, OrderKey
from risk.models import Label, Subject

from .tables import COMPARED

_MOMENT_COLUMNS = ("occurred_at", "buyer_signed_up_at")
_ORDERS, _KEYS, _LABELS = (model._meta.db_table for model in (Order, OrderKey, Label))
_FOUND_COLUMNS = ", ".join(f"found.{name}" for name in COMPARED)
_TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys(COMPARED, pl.Int64()),
    **dict.fromkeys(
        ("market_order_id", "currency", "buyer_ref", "card_country", "shipping_country", "billing_country"),
        pl.String(),
    ),
    **dict.fromkeys(_MOMENT_COLUMNS, pl.String()),
}
_FOUND_SCHEMA = pl.Schema({"merchant_id": pl.Int64(), "external_id": pl.String(), "id": pl.Int64(), **_TYPES})
_LABEL_SCHEMA = pl.Schema({"id": pl.Int64, "label_source": pl.String, "known_is_bad": pl.Int64})


class Writer(Protocol):
    """What an import needs of a database. Everything runs in the caller's transaction."""

    def insert(self, model: type[models.Model], rows: pl.DataFrame) -> None:
        """Add rows; django.db.IntegrityError if one breaks a constraint."""

    def find_orders(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Return merchant_id, external_id, id and COMPARED of the `wanted` (merchant_id, external_id)."""

    def find_labels(self, orders: pl.DataFrame) -> pl.DataFrame:
        """Return id, label_source and known_is_bad (0 or 1) of the standing labels of these orders (id)."""


def choose_writer() -> Writer:
    """Return the writer of the default database."""
    return PostgresWriter() if connection.vendor == "postgresql" else SqliteWriter()


class PostgresWriter:
    """COPY in both directions."""

    def insert(self, model: type[models.Model], rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        table, columns = model._meta.db_table, ", ".join(rows.columns)
        self._copy(f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT csv)", as_copy_text(rows))

    def find_orders(self, wanted: pl.DataFrame) -> pl.DataFrame:
        sql = f"""
            SELECT found.merchant_id, found.external_id, found.id, {_FOUND_COLUMNS}
            FROM unnest(%s::bigint[], %s::text[]) AS wanted (merchant_id, external_id)
            JOIN {_KEYS} AS key USING (merchant_id, external_id)
            JOIN {_ORDERS} AS found ON found.id = key.order_id"""  # noqa: S608 (names are our own)
        found = self._select(
            sql, [wanted["merchant_id"].to_list(), wanted["external_id"].to_list()], _FOUND_SCHEMA
        )
        moment = (
            pl.col(_MOMENT_COLUMNS)
            .str.replace(r"\+00$", "")
            .str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC")
        )
        return found.with_columns(moment)

    def find_labels(self, orders: pl.DataFrame) -> pl.DataFrame:
        sql = f"""
            SELECT subject_id, source, is_bad::int FROM {_LABELS}
            WHERE subject_kind = %s AND subject_id = ANY(%s) AND superseded_at IS NULL"""  # noqa: S608 (names are our own)
        return self._select(sql, [Subject.ORDER.value, orders["id"].to_list()], _LABEL_SCHEMA)

    def _select(self, sql: str, parameters: list[Any], schema: pl.Schema) -> pl.DataFrame:
        with connection.cursor() as cursor:
            query = cursor.mogrify(sql, parameters).decode()
        answer = BytesIO()
        self._copy(f"COPY ({query}) TO STDOUT WITH (FORMAT csv)", answer)
        if not answer.tell():
            return schema.to_frame()
        answer.seek(0)
        # COPY quotes an empty text and leaves NULL bare, and read_csv keeps them apart.
        return pl.read_csv(answer, has_header=False, schema=schema)

    def _copy(self, command: str, stream: BytesIO) -> None:
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.execute("SET LOCAL TimeZone = 'UTC'")
            cursor.copy_expert(command, stream)


class SqliteWriter:
    """executemany in the caller's one large transaction; lists travel as JSON.

    CROSS JOIN fixes the order of the loops: SQLite has no idea how long a
    JSON list is, and otherwise walks through it once for every row of the table.
    """

    def insert(self, model: type[models.Model], rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        table, columns = model._meta.db_table, ", ".join(rows.columns)
        marks = ", ".join(["%s"] * rows.width)
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", _as_sqlite(rows).rows())  # noqa: S608

    def find_orders(self, wanted: pl.DataFrame) -> pl.DataFrame:
        sql = f"""
            SELECT found.merchant_id, found.external_id, found.id, {_FOUND_COLUMNS}
            FROM json_each(%s) AS wanted
            CROSS JOIN {_KEYS} AS key ON key.merchant_id = json_extract(wanted.value, '$[0]')
                AND key.external_id = json_extract(wanted.value, '$[1]')
            JOIN {_ORDERS} AS found ON found.id = key.order_id"""  # noqa: S608 (names are our own)
        pairs = json.dumps(wanted.select("merchant_id", "external_id").rows())
        # The driver makes naive moments of these columns, in UTC as Django stores them.
        schema = pl.Schema({**_FOUND_SCHEMA, **dict.fromkeys(_MOMENT_COLUMNS, pl.Datetime("us"))})
        found = self._select(sql, [pairs], schema)
        return found.with_columns(pl.col(_MOMENT_COLUMNS).dt.replace_time_zone("UTC"))

    def find_labels(self, orders: pl.DataFrame) -> pl.DataFrame:
        sql = f"""
            SELECT subject_id, source, is_bad + 0 FROM json_each(%s) AS wanted
            CROSS JOIN {_LABELS} ON subject_kind = %s AND subject_id = wanted.value
            WHERE superseded_at IS NULL"""  # noqa: S608
        return self._select(sql, [json.dumps(orders["id"].to_list()), Subject.ORDER.value], _LABEL_SCHEMA)

    def _select(self, sql: str, parameters: list[Any], schema: pl.Schema) -> pl.DataFrame:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return pl.DataFrame(cursor.fetchall(), schema=schema, orient="row")


def as_copy_text(rows: pl.DataFrame) -> BytesIO:
    """Return rows as CSV for COPY: NULL is bare, an empty text is quoted, moments carry their offset."""
    text = BytesIO()
    rows.write_csv(text, include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00")
    text.seek(0)
    return text


def _as_sqlite(rows: pl.DataFrame) -> pl.DataFrame:
    """Return moments as Django writes them, without the fraction where it is zero: SQLite compares texts."""
    moments = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.Datetime)]
    return rows.with_columns(
        pl.when(pl.col(name).dt.microsecond() == 0)
        .then(pl.col(name).dt.to_string("%Y-%m-%d %H:%M:%S"))
        .otherwise(pl.col(name).dt.to_string("%Y-%m-%d %H:%M:%S%.6f"))
        .alias(name)
        for name in moments
    )
