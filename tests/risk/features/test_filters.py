"""Filters on events: one tree, and SQL and columns that agree about it on whatever the events hold."""

import sqlite3
from typing import Any

import numpy as np
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.features.declarations import ABROAD, ORDER_FEATURES, Filter, Source
from risk.features.filters import SCHEMAS, Values, fields_of, is_true, read_filter, to_sql
from risk.rules.errors import ExpressionError

COLUMNS = {"amount_minor": "amount", "line_count": "nullif(lines, 0)", "currency": "nullif(currency, '')"} | {
    name: f"nullif({name}, '')" for name in ("card_country", "shipping_country")
}
TEXTS = [
    "amount_minor < 1000",
    "amount_minor >= 0.5 and line_count != 2",
    "card_country != shipping_country",
    "not (card_country == 'DE' or line_count > 1)",
    "card_country in ['DE', 'O''Neill'] or currency is missing".replace("'O''Neill'", '"100%"'),
    "card_country not in ['CN', 'US']",
    "default(line_count, 7) == 7 and card_country is not missing",
    "line_count is missing or default(card_country, shipping_country) == 'CN'",
    "(line_count > 1) == (amount_minor > 5)",
]
ROW = st.fixed_dictionaries(
    {
        "amount": st.sampled_from([0, 1, 5, 999, 1_000, 10**12]),
        "lines": st.integers(0, 3),
        "currency": st.sampled_from(["", "CNY", "EUR"]),
        "card_country": st.sampled_from(["", "CN", "DE", "100%"]),
        "shipping_country": st.sampled_from(["", "CN", "DE"]),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=10))
def test_sql_and_columns_select_the_same_events(rows: list[dict[str, Any]]) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE event (amount, lines, currency, card_country, shipping_country)")
    database.executemany(
        "INSERT INTO event VALUES (:amount, :lines, :currency, :card_country, :shipping_country)", rows
    )
    for text in TEXTS:
        where = Filter("x", text)
        condition = to_sql(where, Source.ORDERS, COLUMNS).replace("%%", "%")
        found = database.execute(f"SELECT rowid FROM event WHERE {condition} ORDER BY rowid").fetchall()
        columns = {name: _values(name, rows) for name in fields_of(where, Source.ORDERS)}
        assert [row - 1 for (row,) in found] == np.flatnonzero(
            is_true(where, Source.ORDERS, columns)
        ).tolist()
    database.close()


def _values(name: str, rows: list[dict[str, Any]]) -> Values:
    stored = {"amount_minor": "amount", "line_count": "lines"}.get(name, name)
    values = np.array([row[stored] for row in rows])
    empty: Any = 0 if stored == "lines" else ""
    is_missing = np.zeros(len(rows), dtype=np.bool_) if stored == "amount" else values == empty
    return Values(values, is_missing)


@pytest.mark.django_db
@pytest.mark.parametrize("text", TEXTS)
def test_the_engine_reads_every_filter(text: str) -> None:
    condition = to_sql(Filter("x", text), Source.ORDERS, COLUMNS)
    row: dict[str, Any] = {
        "amount": 5,
        "lines": 0,
        "currency": "",
        "card_country": "100%",
        "shipping_country": "CN",
    }
    shown = ", ".join(f"%({name})s AS {name}" for name in row)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {condition} FROM (SELECT {shown}) AS event", row)
        (found,) = cursor.fetchone()
    columns = {name: _values(name, [row]) for name in fields_of(Filter("x", text), Source.ORDERS)}
    assert bool(found) == is_true(Filter("x", text), Source.ORDERS, columns).item()


def test_a_missing_field_is_not_true_and_neither_is_its_opposite() -> None:
    missing = Values(np.array([""]), np.array([True]))
    known = Values(np.array(["CN"]), np.array([False]))
    columns = {"card_country": missing, "shipping_country": known}
    for text in (ABROAD.text, f"not ({ABROAD.text})"):
        assert is_true(Filter("x", text), Source.ORDERS, columns).tolist() == [False]


@pytest.mark.parametrize(
    ("text", "error"),
    [("amount_minor + 1 > 2", ValueError), ("payment_status == 'paid'", ExpressionError)],
    ids=["calculates", "changes later"],
)
def test_what_history_could_not_repeat_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_filter(Filter("x", text), Source.ORDERS)


def test_every_declared_filter_can_be_read() -> None:
    declared = {(feature.where, feature.source) for feature in ORDER_FEATURES if feature.where is not None}
    assert len({where.code for where, _ in declared}) == len({where.text for where, _ in declared}) >= 3
    for where, source in declared:
        assert set(fields_of(where, source)) <= {field.name for field in SCHEMAS[source].fields}
        assert len(where.code) <= 12
