"""Facts of one order: what it carries itself, and the history of everyone in it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from core.limits import at_most
from core.money import exponent
from core.refs import Ref
from orders.models import Order
from risk.busy import busy_entities
from risk.features.declarations import ORDER_FEATURES, ORDER_RATIOS, Entity, input_names, schema_hash
from risk.features.direct import OrderColumns, direct_columns
from risk.features.link_sql import (
    ALONE,
    LINK_PARAMETERS,
    LinksQuery,
    bind_links,
    build_near_subselect,
    read_link_row,
)
from risk.features.links import ORDER_LINKS
from risk.features.online import Beside, Dialect, OnlineQuery, add_ratios, build_query

from . import Facts

ORDER_INPUT_NAMES = input_names()
ORDER_FEATURE_HASH = schema_hash(ORDER_INPUT_NAMES)
# A partner waits. It is a hundred times what the statement takes, so beyond it something is wrong with it.
HISTORY_LIMIT_MS = 250


@dataclass(frozen=True)
class HistoryRead:
    """What one read of history gave.

    values    every history feature by name, NaN where its entity is missing
    mark      which transactions the read saw (pg_current_snapshot), None on SQLite, where writers take turns
    """

    values: Mapping[str, float]
    mark: str | None


def gather(order: Order, *, as_of: datetime, sees_history: bool = True) -> Facts:
    """Return the facts of an order; one query, or TookTooLong.

    sees_history    False leaves the history out as failed: what is for an order whose history takes too long
    """
    inputs = _own_inputs(order)
    keys = keys_of(order)
    history = _read_in_time(keys, as_of=as_of) if sees_history else _UNREAD
    inputs.update(history.values)
    add_ratios(ORDER_RATIOS, inputs)
    direct = direct_values(order)
    return Facts(
        subject=Ref("order", order.pk),
        merchant_id=order.merchant_id,
        as_of=as_of,
        values={**inputs, **direct},
        direct=direct,
        vector=np.array([inputs[name] for name in ORDER_INPUT_NAMES]),
        feature_hash=ORDER_FEATURE_HASH,
        failed=() if sees_history else ("history",),
        keys={entity.value: key for entity, key in keys.items()},
        mark=history.mark,
    )


_UNREAD = HistoryRead(
    dict.fromkeys([*(one.name for one in ORDER_FEATURES), *(link.name for link in ORDER_LINKS)], math.nan),
    mark=None,
)


def _read_in_time(keys: Mapping[Entity, int | None], *, as_of: datetime) -> HistoryRead:
    with at_most(HISTORY_LIMIT_MS):
        return read_history(keys, as_of=as_of)


def keys_of(order: Order) -> dict[Entity, int | None]:
    """Return who is in the order, None for who is not supplied."""
    return {
        Entity.BUYER: order.buyer_key,
        Entity.DEVICE: order.device_key,
        Entity.CARD: order.card_key,
        Entity.ADDRESS: order.address_key,
        Entity.IP: order.ip_key,
        Entity.MERCHANT: order.merchant_id,
    }


def read_history(keys: Mapping[Entity, int | None], *, as_of: datetime) -> HistoryRead:
    """Return every history feature of these keys as of a moment; one query, two if buyers are linked."""
    query = history_query(connection.vendor, _rolled(keys))
    values = {**query.bind(as_of, keys), **bind_links(as_of, keys, query.dialect)}
    row = _fetch(query, values)
    found = query.read(row, keys, as_of=as_of)
    (near_by,) = query.read_beside(row)
    links = _fetch(links_query(connection.vendor), values) if near_by else ALONE
    found.update(read_link_row(links, keys))
    return HistoryRead(found, query.read_mark(row))


def _fetch(query: OnlineQuery | LinksQuery, values: Mapping[str, Any]) -> Sequence[object]:
    with connection.cursor() as cursor:
        if query.dialect is Dialect.POSTGRESQL:
            cursor.execute(query.execute(_prepared(connection, query)), values)
        else:
            cursor.execute(query.sql, values)
        row: Sequence[object] = cursor.fetchone()
    return row


def direct_values(order: Order) -> dict[str, object]:
    """Return what the rules may read of the order itself."""
    return {
        "order.amount": order.base_total_minor / 10 ** exponent(settings.BASE_CURRENCY),
        "order.currency": order.currency,
        "order.placed_at": order.occurred_at,
        "order.payment_status": order.payment_status,
        "order.shipping_country": order.shipping_country or None,
        "order.billing_country": order.billing_country or None,
        "order.card_country": order.card_country or None,
        "order.has_device": order.device_key is not None,
        "order.has_card": order.card_key is not None,
        "buyer.signed_up_at": order.buyer_signed_up_at,
        "order.buyer": order.buyer_key,
        "order.device": order.device_key,
        "order.card": order.card_key,
        "order.address": order.address_key,
        "order.ip": order.ip_key,
    }


def _own_inputs(order: Order) -> dict[str, float]:
    signed_up = order.buyer_signed_up_at
    columns = direct_columns(
        OrderColumns(
            placed_at=np.array([_microseconds(order.occurred_at)]),
            amount_minor=np.array([order.base_total_minor]),
            line_count=np.array([order.line_count or np.nan]),
            item_count=np.array([order.item_count or np.nan]),
            billing_country=np.array([order.billing_country]),
            shipping_country=np.array([order.shipping_country]),
            buyer_signed_up_at=np.array([np.nan if signed_up is None else float(_microseconds(signed_up))]),
        )
    )
    return {name: float(column[0]) for name, column in columns.items()}


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


_NOBODY: frozenset[Entity] = frozenset()
_MERCHANT, _EVERYBODY = frozenset({Entity.MERCHANT}), frozenset(Entity)


def _rolled(keys: Mapping[Entity, int | None]) -> frozenset[Entity]:
    """Return whose rollups to read, one of three choices: nobody's, the merchant's, everybody's."""
    if connection.vendor != "postgresql":
        return _NOBODY
    busy = busy_entities(keys)
    return busy if busy <= _MERCHANT else _EVERYBODY


@cache
def history_query(vendor: str, rolled: frozenset[Entity] = _EVERYBODY) -> OnlineQuery:
    """Return the statement that reads an order's history on an engine.

    rolled    whose rollups it reads: what it does not name costs the server nothing to set up
    """
    dialect = Dialect(vendor)
    near = Beside("near_by", build_near_subselect(dialect), LINK_PARAMETERS)
    return build_query(ORDER_FEATURES, dialect, rolled=rolled, beside=[near])


@cache
def links_query(vendor: str) -> LinksQuery:
    """Return the statement that follows an order's links for two steps."""
    return LinksQuery(Dialect(vendor))


def _prepared(wrapper: BaseDatabaseWrapper, query: OnlineQuery | LinksQuery) -> str:
    """Return the name under which a connection has planned the query.

    Planning costs ten times what running it does, so each text is planned once per connection.
    """
    raw = wrapper.connection
    planned: tuple[object, dict[object, str]] | None = getattr(wrapper, "_history_planned", None)
    if planned is None or planned[0] is not raw:
        planned = raw, {}
        wrapper._history_planned = planned  # type: ignore[attr-defined]
    name = planned[1].get(query)
    if name is None:
        name = f"order_history_{len(planned[1])}"
        with wrapper.cursor() as cursor:
            cursor.execute(query.prepare(name))
        planned[1][query] = name
    return name
