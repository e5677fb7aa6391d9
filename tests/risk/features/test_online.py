"""The SQL of one subject against the set-based computation, on both engines."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg2
import psycopg2.extras
import pytest
from hypothesis import HealthCheck, given, settings

from risk.features import online, setwise
from risk.features.declarations import ORDER_FEATURES, ORDER_RATIOS, Entity, Unit
from risk.features.online import Bound, OnlineQuery, build_query
from risk.features.tables import LABEL_KEYS, ORDER_KEYS, Dialect
from tests.risk.features import streams
from tests.risk.features.streams import Event, Question, Rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STREAM = (streams.orders(), streams.labels(), streams.QUESTIONS)
Ask = Callable[[OnlineQuery, dict[str, Bound]], Sequence[object]]


@settings(max_examples=40, deadline=None)
@given(*STREAM)
def test_sqlite_answers_like_the_setwise_computation(
    orders: list[Event], labels: list[Event], questions: list[Question]
) -> None:
    connection = sqlite3.connect(":memory:")
    for statement in _schema(Dialect.SQLITE):
        connection.execute(statement)
    for table, values in _stored(orders, labels, Dialect.SQLITE).items():
        if values:
            marks = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)

    def ask(query: OnlineQuery, values: dict[str, Bound]) -> Sequence[object]:
        named = query.sql % {name: f":{name}" for name in query.parameters}
        row: tuple[object, ...] = connection.execute(named, values).fetchone()
        return row

    rows = streams.rows_of(orders, labels)
    _assert_same(build_query(ORDER_FEATURES, Dialect.SQLITE), ask, rows, questions)
    connection.close()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[psycopg2.extensions.connection]:
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        pytest.skip("DATABASE_URL does not name a PostgreSQL database.")
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        for statement in _schema(Dialect.POSTGRESQL):
            cursor.execute(statement)
        cursor.execute(build_query(ORDER_FEATURES, Dialect.POSTGRESQL).prepare("order_features"))
    yield connection
    connection.close()


@pytest.mark.postgresql
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(*STREAM)
def test_postgresql_answers_like_the_setwise_computation(
    postgresql: psycopg2.extensions.connection,
    orders: list[Event],
    labels: list[Event],
    questions: list[Question],
) -> None:
    cursor = postgresql.cursor()
    for table, values in _stored(orders, labels, Dialect.POSTGRESQL).items():
        cursor.execute(f"TRUNCATE {table}")
        psycopg2.extras.execute_values(cursor, f"INSERT INTO {table} VALUES %s", values)

    def ask(query: OnlineQuery, values: dict[str, Bound]) -> Sequence[object]:
        cursor.execute(query.execute("order_features"), values)
        prepared = cursor.fetchone()
        cursor.execute(query.sql, values)
        unprepared = cursor.fetchone()
        assert prepared is not None
        assert unprepared is not None
        assert unprepared[:-1] == prepared[:-1]  # the last is the snapshot, which others move
        return prepared

    rows = streams.rows_of(orders, labels)
    _assert_same(build_query(ORDER_FEATURES, Dialect.POSTGRESQL), ask, rows, questions)


def test_sqlite_reads_each_source_through_the_index_of_its_entity() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in _schema(Dialect.SQLITE):
        connection.execute(statement)
    query = build_query(ORDER_FEATURES, Dialect.SQLITE)
    named = query.sql % {name: f":{name}" for name in query.parameters}
    plan = connection.execute(f"EXPLAIN QUERY PLAN {named}", query.bind(EPOCH, {})).fetchall()
    searches = [step for *_, step in plan if step.startswith("SEARCH")]
    assert len(searches) == len({(feature.source, feature.entity) for feature in ORDER_FEATURES})
    assert all(">? AND" in step and "<?" in step for step in searches)


def _assert_same(query: OnlineQuery, ask: Ask, rows: Rows, questions: Sequence[Question]) -> None:
    columns = setwise.compute_columns(
        ORDER_FEATURES, streams.as_questions(questions), streams.all_events(rows)
    )
    columns["order_amount_minor"] = np.full(len(questions), 4990.0)
    setwise.add_ratios(ORDER_RATIOS, columns)
    for number, question in enumerate(questions):
        as_of = _moment(question.as_of)
        row = ask(query, query.bind(as_of, question.keys))
        values = query.read(row, question.keys, as_of=as_of) | {"order_amount_minor": 4990.0}
        online.add_ratios(ORDER_RATIOS, values)
        np.testing.assert_equal(values, {name: column[number] for name, column in columns.items()})


_ORDERS = {
    "occurred_at": "timestamptz", "known_at": "timestamptz", "base_total_minor": "bigint",
    "card_country": "text", "shipping_country": "text", **dict.fromkeys(ORDER_KEYS.values(), "bigint"),
}  # fmt: skip
_LABELS = {
    "known_at": "timestamptz", "superseded_at": "timestamptz", "subject_occurred_at": "timestamptz",
    "subject_kind": "text", "is_bad": "boolean", **dict.fromkeys(LABEL_KEYS.values(), "bigint"),
}  # fmt: skip

_SUMS = ("total", "high_high", "high_low", "low_low", "largest")
_ROLLUPS = {
    "risk_rollup": "id bigint, source text, entity text, key bigint, watermark timestamptz",
    "risk_rollupbucket": "rollup_id bigint, level int, at timestamptz, stream text, newest timestamptz, "
    + ", ".join(f"{name} bigint" for name in _SUMS)
    + ", n int, pairs_0 int, pairs_1 int, pairs_2 int",
    "risk_rolluppair": "rollup_id bigint, of text, other bigint, last_at timestamptz",
}


def _schema(dialect: Dialect) -> list[str]:
    """Return temporary tables on either engine, with the indexes that the query is built for."""
    statements = []
    for table, columns in (("orders_order", _ORDERS), ("risk_label", _LABELS)):
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        if dialect is Dialect.POSTGRESQL:  # what is read beside rollups asks for it
            listed += ", id bigint DEFAULT 1"
        statements.append(f"CREATE TEMPORARY TABLE {table} ({listed})")
    indexed = [("orders_order", key, "occurred_at") for key in ORDER_KEYS.values()]
    indexed += [("risk_label", key, "known_at") for key in LABEL_KEYS.values()]
    indexed += [("risk_label", key, "subject_occurred_at") for key in ("buyer_key", "merchant_id")]
    statements += [
        f"CREATE INDEX {table}_{key}_{moment} ON {table} ({key}, {moment})" for table, key, moment in indexed
    ]
    if dialect is Dialect.POSTGRESQL:  # without rollups; with them, see tests/risk/test_rollups.py
        statements += [f"CREATE TEMPORARY TABLE {table} ({columns})" for table, columns in _ROLLUPS.items()]
    return statements


def _stored(
    orders: Sequence[Event], labels: Sequence[Event], dialect: Dialect
) -> dict[str, list[tuple[object, ...]]]:
    def moment(at: int | None) -> object:
        if at is None or dialect is Dialect.POSTGRESQL:
            return None if at is None else _moment(at)
        return str(_moment(at).replace(tzinfo=None))

    return {
        "orders_order": [
            (
                moment(order.occurred_at), moment(order.known_at), order.amount_minor, order.card_country,
                order.shipping_country, *(order.keys[entity] for entity in ORDER_KEYS),
            )
            for order in orders
        ],
        "risk_label": [
            (
                moment(label.known_at), moment(label.superseded_at), moment(label.placed_at), "order",
                label.is_bad, *(label.keys[entity] for entity in LABEL_KEYS),
            )
            for label in labels
        ],
    }  # fmt: skip


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def test_an_entity_that_was_not_supplied_is_missing_and_not_zero() -> None:
    query = build_query([f for f in ORDER_FEATURES if f.entity is Entity.CARD], Dialect.SQLITE)
    width = 1 + max(position for positions in query.features.values() for position in positions)
    row = [0] * width
    counts = [feature.name for feature in query.features if feature.unit is Unit.COUNT]
    query = replace(query, features={f: at for f, at in query.features.items() if f.unit is Unit.COUNT})
    assert query.read(row, {Entity.CARD: 5}, as_of=EPOCH) == dict.fromkeys(counts, 0.0)
    assert all(np.isnan(value) for value in query.read(row, {}, as_of=EPOCH).values())
