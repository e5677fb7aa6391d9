"""The SQL of one subject against the set-based computation, on both engines."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg2
import psycopg2.extras
import pytest
from hypothesis import HealthCheck, given, settings

from risk.features import online, setwise
from risk.features.declarations import ORDER_FEATURES, ORDER_RATIOS, Entity, Source
from risk.features.online import TABLES, Bound, Dialect, OnlineQuery, Table, build_query
from tests.risk.features import streams
from tests.risk.features.streams import Event, Question

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
STREAM = (streams.orders(), streams.labels(), streams.QUESTIONS)
Rows = Mapping[Source, Sequence[streams.Event]]
Ask = Callable[[OnlineQuery, dict[str, Bound]], Sequence[int]]


@settings(max_examples=40, deadline=None)
@given(*STREAM)
def test_sqlite_answers_like_the_setwise_computation(
    orders: list[Event], labels: list[Event], questions: list[Question]
) -> None:
    connection = sqlite3.connect(":memory:")
    for statement in _schema():
        connection.execute(statement)
    rows = {Source.ORDERS: orders, Source.LABELS: labels}
    for source, events in rows.items():
        values = [_row(event, source, Dialect.SQLITE) for event in events]
        if values:
            marks = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {TABLES[source].name} VALUES ({marks})", values)

    def ask(query: OnlineQuery, values: dict[str, Bound]) -> Sequence[int]:
        named = query.sql % {name: f":{name}" for name in query.parameters}
        row: tuple[int, ...] = connection.execute(named, values).fetchone()
        return row

    _assert_same(build_query(ORDER_FEATURES, Dialect.SQLITE), ask, rows, questions)
    connection.close()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[psycopg2.extensions.connection]:
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        pytest.skip("DATABASE_URL does not name a PostgreSQL database.")
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        for statement in _schema():
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
    rows = {Source.ORDERS: orders, Source.LABELS: labels}
    cursor = postgresql.cursor()
    for source, events in rows.items():
        name = TABLES[source].name
        cursor.execute(f"TRUNCATE {name}")
        values = [_row(event, source, Dialect.POSTGRESQL) for event in events]
        psycopg2.extras.execute_values(cursor, f"INSERT INTO {name} VALUES %s", values)

    def ask(query: OnlineQuery, values: dict[str, Bound]) -> Sequence[int]:
        cursor.execute(query.execute("order_features"), values)
        prepared = cursor.fetchone()
        cursor.execute(query.sql, values)
        assert prepared is not None
        assert cursor.fetchone() == prepared
        return prepared

    _assert_same(build_query(ORDER_FEATURES, Dialect.POSTGRESQL), ask, rows, questions)


def test_sqlite_reads_each_source_through_the_index_of_its_entity() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in _schema():
        connection.execute(statement)
    query = build_query(ORDER_FEATURES, Dialect.SQLITE)
    named = query.sql % {name: f":{name}" for name in query.parameters}
    plan = connection.execute(f"EXPLAIN QUERY PLAN {named}", query.bind(EPOCH, {})).fetchall()
    searches = [step for *_, step in plan if step.startswith("SEARCH")]
    assert len(searches) == len({(feature.source, feature.entity) for feature in ORDER_FEATURES})
    assert all(">? AND" in step and "<?" in step for step in searches)


def _assert_same(query: OnlineQuery, ask: Ask, rows: Rows, questions: Sequence[streams.Question]) -> None:
    columns = setwise.compute_columns(
        ORDER_FEATURES,
        streams.as_questions(questions),
        {source: streams.as_events(events) for source, events in rows.items()},
    )
    columns["order_amount_minor"] = np.full(len(questions), 4990.0)
    setwise.add_ratios(ORDER_RATIOS, columns)
    for number, question in enumerate(questions):
        row = ask(query, query.bind(_moment(question.as_of), question.keys))
        values = query.read(row, question.keys) | {"order_amount_minor": 4990.0}
        online.add_ratios(ORDER_RATIOS, values)
        np.testing.assert_equal(values, {name: column[number] for name, column in columns.items()})


def _schema() -> list[str]:
    """Return temporary tables on either engine, with the indexes that the query is built for."""
    statements = []
    for table in TABLES.values():
        columns = [f"{name} {kind}" for name, kind in _columns(table).items()]
        statements.append(f"CREATE TEMPORARY TABLE {table.name} ({', '.join(columns)})")
        statements += [
            f"CREATE INDEX {table.name}_{key} ON {table.name} ({key}, {table.occurred_at})"
            for key in table.keys.values()
        ]
    return statements


def _columns(table: Table) -> dict[str, str]:
    times = {table.occurred_at: "timestamptz", table.known_at: "timestamptz"}
    value = {table.amount_minor: "bigint"} if table.amount_minor else {str(table.is_bad): "boolean"}
    return times | dict.fromkeys(table.keys.values(), "bigint") | value


def _row(event: streams.Event, source: Source, dialect: Dialect) -> tuple[object, ...]:
    table = TABLES[source]
    moments = {table.occurred_at: event.occurred_at, table.known_at: event.known_at}
    stored: list[object] = [_moment(at) for at in moments.values()]
    if dialect is Dialect.SQLITE:
        stored = [str(_moment(at).replace(tzinfo=None)) for at in moments.values()]
    value = event.amount_minor if table.amount_minor else event.is_bad
    return (*stored, *(event.keys[entity] for entity in table.keys), value)


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def test_an_entity_that_was_not_supplied_is_missing_and_not_zero() -> None:
    query = build_query([f for f in ORDER_FEATURES if f.entity is Entity.CARD], Dialect.SQLITE)
    row = [0] * len(query.features)
    assert set(query.read(row, {Entity.CARD: 5}).values()) == {0.0}
    assert all(np.isnan(value) for value in query.read(row, {}).values())
