"""What a read of history leaves alone: the rows of a quiet merchant, and the labels of keys that are new."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models

from core.refs import Ref
from orders.models import Order
from risk.facts.orders import history_query, read_history
from risk.features.declarations import Entity
from risk.features.link_sql import bind_links
from risk.models import Label, LabelSource
from risk.services import record_label
from tests.make import NOON, make_order

pytestmark = pytest.mark.django_db
needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite's indexes carry no columns, and its tables are small."
)
CARRYING = {"order_of_merchant": Order, "label_of_merchant": Label, "outcome_of_merchant": Label}


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def explain(options: str, keys: Mapping[Entity, int]) -> list[Mapping[str, Any]]:
    """Return the nodes of the plan that read an index."""
    query = history_query("postgresql", frozenset())
    values = {**query.bind(NOON, keys), **bind_links(NOON, keys, query.dialect)}
    with connection.cursor() as cursor:
        # The tables are empty here: left to itself, the planner would read them.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON{options}) {query.sql}", values)
        ((found,),) = cursor.fetchall()
    return [node for node in nodes(found[0]["Plan"]) if "Index Name" in node]


@needs_postgresql
def test_a_quiet_merchants_history_is_read_from_indexes_alone() -> None:
    read = explain("", dict.fromkeys(Entity, 1))
    found = {node["Index Name"]: node["Node Type"] for node in read}
    assert {name: found[name] for name in CARRYING} == dict.fromkeys(CARRYING, "Index Only Scan")


@needs_postgresql
def test_no_label_is_looked_for_where_the_key_is_new() -> None:
    order = make_order(at=NOON - timedelta(days=200))
    assert order.buyer_key is not None
    loops = {}
    for key in (order.buyer_key, order.buyer_key + 1):
        read = explain(", ANALYZE", {Entity.BUYER: key, Entity.MERCHANT: order.merchant_id})
        (loops[key],) = (node["Actual Loops"] for node in read if node["Index Name"] == "label_of_buyer")
    assert loops == {order.buyer_key: 1, order.buyer_key + 1: 0}


def test_a_label_counts_however_long_ago_its_order_was() -> None:
    order = make_order(at=NOON - timedelta(days=200))
    yesterday = NOON - timedelta(days=1)
    record_label(
        Ref("order", order.pk),
        is_bad=True,
        source=LabelSource.CHARGEBACK,
        occurred_at=yesterday,
        known_at=yesterday,
        order=order,
    )
    found = read_history({Entity.BUYER: order.buyer_key}, as_of=NOON).values
    assert found["buyer_bad_labels_7d_count"] == 1
    assert found["buyer_orders_30d_count"] == 0


@needs_postgresql
@pytest.mark.parametrize(("name", "model"), CARRYING.items(), ids=list(CARRYING))
def test_the_migration_left_one_valid_index_that_carries_the_columns(
    name: str, model: type[models.Model]
) -> None:
    (index,) = [index for index in model._meta.indexes if index.name == name]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid, pg_get_indexdef(indexrelid) FROM pg_index"
            " JOIN pg_class ON pg_class.oid = indexrelid WHERE relname IN (%s, %s)",
            [name, f"{name}_new"],
        )
        ((found, is_valid, text),) = cursor.fetchall()
    assert found == name
    assert is_valid
    assert text.endswith(f"INCLUDE ({', '.join(index.include)})")
