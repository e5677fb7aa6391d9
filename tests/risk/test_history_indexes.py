"""What a read of history leaves alone: the rows of a quiet merchant, and the labels of keys that are new."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models

from core.refs import Ref
from orders.models import Order
from risk.facts.orders import history_query, keys_of, read_history
from risk.features.declarations import Entity
from risk.features.link_sql import bind_links
from risk.models import Label, LabelSource
from risk.services import record_label
from tests.make import NOON, make_order
from tests.risk.volume import store_marketplace

pytestmark = pytest.mark.django_db
needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite's indexes carry no columns, and its tables are small."
)
CARRYING = {"order_of_merchant": Order, "label_of_merchant": Label, "outcome_of_merchant": Label}
NEW_KEY = 1


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def explain(
    options: str, keys: Mapping[Entity, int | None], rolled: frozenset[Entity] = frozenset()
) -> list[Mapping[str, Any]]:
    """Return the nodes of the plan that read an index."""
    query = history_query("postgresql", rolled)
    values = {**query.bind(NOON, keys), **bind_links(NOON, keys, query.dialect)}
    with connection.cursor() as cursor:
        # Bitmaps are for small tables: here they cost about the same.
        cursor.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(query.prepare("explained"))
        cursor.execute(f"EXPLAIN (FORMAT JSON{options}) {query.execute('explained')}", values)
        ((found,),) = cursor.fetchall()
        cursor.execute("DEALLOCATE explained")
    return [node for node in nodes(found[0]["Plan"]) if "Index Name" in node]


@needs_postgresql
@pytest.mark.parametrize("rolled", [frozenset(), frozenset({Entity.MERCHANT})], ids=["quiet", "rolled up"])
def test_a_merchants_window_is_read_once_from_indexes_alone(rolled: frozenset[Entity]) -> None:
    """What is read beside a rollup has indexes of its own: walking through a million entries costs 130 ms."""
    read = explain("", keys_of(store_marketplace()), rolled)
    walks = [(node["Index Name"], node["Node Type"]) for node in read if node["Index Name"] in CARRYING]
    assert sorted(walks) == [(name, "Index Only Scan") for name in sorted(CARRYING)]


@needs_postgresql
def test_no_label_is_looked_for_where_the_key_is_new() -> None:
    known = keys_of(store_marketplace())
    loops = {key: _loops_of_labels(known | {Entity.BUYER: key}) for key in (known[Entity.BUYER], NEW_KEY)}
    assert loops == {known[Entity.BUYER]: {1}, NEW_KEY: {0}}


def _loops_of_labels(keys: Mapping[Entity, int | None]) -> set[int]:
    """Return how often the labels of a buyer were looked for, by whichever of its indexes."""
    read = explain(", ANALYZE", keys)
    indexes = {index.name for index in Label._meta.indexes if index.fields[0] == "buyer_key"}
    return {node["Actual Loops"] for node in read if node["Index Name"] in indexes}


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
