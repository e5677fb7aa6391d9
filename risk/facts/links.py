"""The buyers around an order, as of a moment."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

import numpy as np
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from risk.features.columns import NEVER
from risk.features.declarations import Entity
from risk.features.link_sets import BadLabels
from risk.features.link_sql import (
    bind_links,
    build_link_subselect,
    execute_links,
    prepare_links,
    read_link_row,
)
from risk.features.online import Dialect
from risk.models import Label, Subject

_STATEMENT = "order_links"


def read_links(keys: Mapping[Entity, int | None], *, as_of: datetime) -> dict[str, float]:
    """Return every link feature by name, NaN where nothing links; one query.

    keys    as `risk.facts.orders.keys_of` gives them; entities that links do not use are ignored
    """
    dialect = Dialect(connection.vendor)
    values = bind_links(as_of, keys, dialect)
    with connection.cursor() as cursor:
        if dialect is Dialect.POSTGRESQL:
            _prepare(connection)
            cursor.execute(execute_links(_STATEMENT), values)
        else:
            cursor.execute(_select(dialect), values)
        return read_link_row(cursor.fetchone(), keys)


def read_bad_labels(*, before: datetime) -> BadLabels:
    """Return the bad labels of orders that were known before a moment, for `link_columns`."""
    rows = Label.objects.filter(
        subject_kind=Subject.ORDER, is_bad=True, buyer_key__isnull=False, known_at__lt=before
    ).values_list("buyer_key", "known_at", "superseded_at")
    found = [
        (buyer, _microseconds(known_at), NEVER if superseded_at is None else _microseconds(superseded_at))
        for buyer, known_at, superseded_at in rows.iterator()
        if buyer is not None
    ]
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)
    return BadLabels(columns[:, 0], columns[:, 1], columns[:, 2])


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


@cache
def _select(dialect: Dialect) -> str:
    return f"SELECT * FROM {build_link_subselect(dialect)}"  # noqa: S608 - names come from the declarations


def _prepare(wrapper: BaseDatabaseWrapper) -> None:
    """Plan the statement once per connection: planning costs several times what running it does."""
    raw = wrapper.connection
    if getattr(wrapper, "_links_prepared_on", None) is raw:
        return
    with wrapper.cursor() as cursor:
        cursor.execute(prepare_links(_STATEMENT, _select(Dialect.POSTGRESQL)))
    wrapper._links_prepared_on = raw  # type: ignore[attr-defined]
