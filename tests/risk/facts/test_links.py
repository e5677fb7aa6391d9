"""The link query on the real tables: what it answers, and that it reads them through their indexes."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from core.refs import Ref
from orders.models import Order
from risk.facts.history import read_order_labels
from risk.facts.links import bad_labels_of
from risk.facts.orders import read_history
from risk.features.columns import MICROSECONDS_PER_HOUR, Questions
from risk.features.declarations import Entity
from risk.features.link_sets import BadLabels, link_columns
from risk.features.link_sql import LinksQuery, bind_links
from risk.features.links import ORDER_LINKS
from risk.features.online import Dialect
from risk.models import Label, LabelSource
from risk.services import record_label
from tests.make import NOON, make_merchant, make_order
from tests.risk.features.link_streams import (
    EPOCH,
    Event,
    Said,
    as_events,
    columns_at,
    moment,
    questions_of,
    random_labels,
    random_orders,
)
from tests.risk.volume import store_marketplace

pytestmark = pytest.mark.django_db
BUYERS, COMPONENT, BAD = (link.name for link in ORDER_LINKS)


def read_links(keys: Mapping[Entity, int | None], *, as_of: datetime) -> dict[str, float]:
    """Return the links as a decision reads them: in the one statement of its history."""
    values = read_history(keys, as_of=as_of).values
    return {link.name: values[link.name] for link in ORDER_LINKS}


def store(orders: Sequence[Event], labels: Sequence[Said]) -> None:
    merchant = make_merchant()
    Order.objects.bulk_create(
        Order(
            id=one.id,
            merchant=merchant,
            external_id=str(one.id),
            currency="CNY",
            total_minor=1,
            base_total_minor=1,
            fx_rate=1,
            occurred_at=moment(one.occurred_at),
            known_at=moment(one.known_at),
            **{f"{entity}_key": key for entity, key in one.keys.items()},
        )
        for one in orders
    )
    Label.objects.bulk_create(
        Label(
            subject_kind="order",
            subject_id=one.id,
            is_bad=one.is_bad,
            source="verdict",
            buyer_key=one.buyer,
            occurred_at=moment(one.known_at),
            known_at=moment(one.known_at),
            superseded_at=None if one.superseded_at is None else moment(one.superseded_at),
        )
        for one in labels
    )


@pytest.mark.parametrize(
    ("hours", "buyers", "keys"),
    [(5, 30, 4), (400, 600, 25), (1_500, 80, 20)],
    ids=["ties", "hubs", "late and long ago"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_query_answers_like_the_setwise_computation(
    seed: int, hours: int, buyers: int, keys: int
) -> None:
    orders = random_orders(seed, size=1_000, hours=hours, buyers=buyers, keys=keys)
    labels = random_labels(seed, size=200, hours=hours, buyers=buyers, corrected=True)
    store(orders, labels)
    events = as_events(orders)
    read = bad_labels_of(read_order_labels(before=moment(hours * MICROSECONDS_PER_HOUR)))
    epoch = round(EPOCH.timestamp() * 1_000_000)
    bad = BadLabels(read.buyers, read.known_at - epoch, np.maximum(read.superseded_at, epoch) - epoch)
    columns = link_columns(Questions(events.known_at, events.keys), events, bad)
    for number, question in enumerate(questions_of(orders)):
        if number % 12:
            continue
        found = read_links(question.keys, as_of=moment(question.as_of))
        np.testing.assert_equal(found, columns_at(columns, number), err_msg=f"order {number}")


def test_buyers_of_one_device_are_linked_and_the_order_is_not_its_own_neighbour() -> None:
    merchant = make_merchant()
    make_order(merchant, at=NOON - timedelta(days=1))
    order = make_order(merchant)
    other = {Entity.BUYER: 5, Entity.DEVICE: order.device_key}
    assert read_links({**other, Entity.BUYER: order.buyer_key}, as_of=NOON)[BUYERS] == 0
    assert read_links(other, as_of=NOON) == {BUYERS: 1, COMPONENT: 2, BAD: 0}
    assert math.isnan(read_links({Entity.BUYER: 5}, as_of=NOON)[COMPONENT])


def test_the_statement_is_one_query_once_it_is_prepared(django_assert_num_queries) -> None:
    read_links({Entity.DEVICE: 1}, as_of=NOON)
    with django_assert_num_queries(1):
        read_links({Entity.DEVICE: 1}, as_of=NOON)


def test_links_are_searched_and_not_scanned() -> None:
    """Guards the bound: a hub must be read from the end of its index, never as a whole."""
    query = LinksQuery(Dialect(connection.vendor))
    values = bind_links(NOON, {Entity.DEVICE: 1}, query.dialect)
    with connection.cursor() as cursor:
        if query.dialect is Dialect.SQLITE:
            cursor.execute(f"EXPLAIN QUERY PLAN {query.sql}", values)
            steps = [step for *_, step in cursor.fetchall()]
            assert not [step for step in steps if step.startswith(("SCAN orders_order", "SCAN risk_label"))]
            assert len([step for step in steps if "order_of_" in step and "=? AND" in step]) == 7
            assert any("bad_label_of_buyer" in step for step in steps)
            assert len([step for step in steps if "SEARCH found" in step and "(id=?)" in step]) == 4
        else:
            store_marketplace()
            cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            cursor.execute(query.prepare("guarded"))
            cursor.execute(f"EXPLAIN {query.execute('guarded')}", values)
            plan = "\n".join(step for (step,) in cursor.fetchall())
            cursor.execute("DEALLOCATE guarded")
            assert "Seq Scan" not in plan
            assert "bad_label_of_buyer" in plan
            assert plan.count("Index Scan Backward using order_of_") == 7


def test_a_corrected_label_counts_until_its_correction_is_known() -> None:
    order = make_order(make_merchant(), at=NOON - timedelta(days=1))
    keys = {Entity.BUYER: 5, Entity.DEVICE: order.device_key}
    for hours, is_bad in ((9, True), (0, False)):
        at = NOON - timedelta(hours=hours)
        record_label(
            Ref("order", order.pk),
            is_bad=is_bad,
            source=LabelSource.VERDICT,
            occurred_at=at,
            known_at=at,
            order=order,
        )
    assert read_links(keys, as_of=NOON)[BAD] == 1
    assert read_links(keys, as_of=NOON + timedelta(microseconds=1))[BAD] == 0
