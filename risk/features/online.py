"""History features of one subject: one SQL text per engine, built from the declarations, one round trip.

One subselect per source and entity reads the index (entity, occurred_at) over the longest window; shorter
windows are FILTERs of that read. On PostgreSQL planning this text takes ten times as long as running it, so a
connection should PREPARE it once with `plan_cache_mode = force_generic_plan` and `jit = off`; a CTE or a
GROUP BY per different entity was measured slower than count(DISTINCT …).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby

from risk.features.declarations import Entity, Feature, Ratio, Source, Statistic, Where

Bound = datetime | str | int | None  # what a placeholder can take


class Dialect(StrEnum):
    """Database engines, by Django's vendor names."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


@dataclass(frozen=True)
class Table:
    """Where a source's events are stored; fields are column names."""

    name: str
    occurred_at: str
    known_at: str
    keys: Mapping[Entity, str]
    amount_minor: str | None = None
    is_bad: str | None = None


ORDER_KEYS = {
    Entity.BUYER: "buyer_key",
    Entity.DEVICE: "device_key",
    Entity.CARD: "card_key",
    Entity.ADDRESS: "address_key",
    Entity.IP: "ip_key",
    Entity.MERCHANT: "merchant_id",
}
LABEL_KEYS = {
    entity: ORDER_KEYS[entity] for entity in (Entity.BUYER, Entity.DEVICE, Entity.CARD, Entity.MERCHANT)
}

TABLES: Mapping[Source, Table] = {
    Source.ORDERS: Table(
        "orders_order", "occurred_at", "known_at", ORDER_KEYS, amount_minor="base_total_minor"
    ),
    # A label occurs when it becomes known, so its window reads the index (entity, known_at).
    Source.LABELS: Table("risk_label", "known_at", "known_at", LABEL_KEYS, is_bad="is_bad"),
}


@dataclass(frozen=True)
class OnlineQuery:
    """SQL that returns one row of features.

    sql              with named placeholders, as psycopg2 and Django's cursors on both engines take them
    features         in the order of the row's columns
    parameters       placeholder names, in the order of `prepare`
    """

    dialect: Dialect
    sql: str
    features: tuple[Feature, ...]
    parameters: tuple[str, ...]

    def prepare(self, name: str) -> str:
        """Return PostgreSQL's PREPARE statement, to run once per connection."""
        entities = _entities(self.features)
        types = ", ".join("bigint" if name in entities else "timestamptz" for name in self.parameters)
        numbered = {parameter: f"${number}" for number, parameter in enumerate(self.parameters, start=1)}
        return f"PREPARE {name} ({types}) AS {self.sql % numbered}"

    def execute(self, name: str) -> str:
        """Return the EXECUTE statement for `prepare(name)`; it takes the same `bind` values as `sql`."""
        return f"EXECUTE {name} ({', '.join(f'%({parameter})s' for parameter in self.parameters)})"

    def bind(self, as_of: datetime, keys: Mapping[Entity, int | None]) -> dict[str, Bound]:
        """Return the values of the placeholders; entities left out of `keys` are missing.

        as_of    aware
        """
        moments = {_since(hours): as_of - timedelta(hours=hours) for hours in _windows(self.features)}
        moments["as_of"] = as_of
        as_stored = {name: _stored(moment, self.dialect) for name, moment in moments.items()}
        return as_stored | {entity.value: keys.get(entity) for entity in _entities(self.features)}

    def read(self, row: Sequence[int], keys: Mapping[Entity, int | None]) -> dict[str, float]:
        """Return the features of a fetched row by name, NaN where the entity is missing."""
        return {
            feature.name: math.nan if keys.get(feature.entity) is None else float(value)
            for feature, value in zip(self.features, row, strict=True)
        }


def build_query(
    features: Iterable[Feature], dialect: Dialect, tables: Mapping[Source, Table] = TABLES
) -> OnlineQuery:
    """Return the query for these features; the same text serves every subject.

    >>> from risk.features.declarations import distinct_count
    >>> print(build_query([distinct_count(Entity.DEVICE, Entity.CARD, 24)], Dialect.POSTGRESQL).sql)
    SELECT * FROM (SELECT least(count(DISTINCT card_key) FILTER (WHERE occurred_at >= %(since_24h)s), 1000)
    FROM orders_order WHERE device_key = %(device)s AND known_at < %(as_of)s
    AND occurred_at >= %(since_24h)s AND occurred_at < %(as_of)s) AS orders_device
    """
    ordered = tuple(sorted(features, key=_group_of))
    subselects = [
        _subselect(list(group), tables[source], entity, dialect)
        for (source, entity), group in groupby(ordered, key=_group_of)
    ]
    sql = f"SELECT * FROM {' CROSS JOIN '.join(subselects)}"  # noqa: S608 - names come from the declarations
    moments = ("as_of", *(_since(hours) for hours in _windows(ordered)))
    return OnlineQuery(dialect, sql, ordered, (*moments, *_entities(ordered)))


def add_ratios(ratios: Iterable[Ratio], values: dict[str, float]) -> None:
    """Add each ratio to `values`, in order; the scalar twin of `setwise.add_ratios`."""
    for ratio in ratios:
        part, whole = values[ratio.part], values[ratio.whole]
        values[ratio.name] = part / whole if whole else math.nan


def _subselect(features: Sequence[Feature], table: Table, entity: Entity, dialect: Dialect) -> str:
    widest = max(feature.window_hours for feature in features)
    aggregates = ", ".join(_aggregate(feature, table, dialect) for feature in features)
    return (
        f"(SELECT {aggregates}\n"
        f"FROM {table.name} WHERE {table.keys[entity]} = %({entity})s AND {table.known_at} < %(as_of)s\n"
        f"AND {table.occurred_at} >= %({_since(widest)})s AND {table.occurred_at} < %(as_of)s)"
        f" AS {features[0].source}_{entity}"
    )


def _aggregate(feature: Feature, table: Table, dialect: Dialect) -> str:
    conditions = [f"{table.occurred_at} >= %({_since(feature.window_hours)})s"]
    if feature.where is Where.BAD:
        conditions.append(f"{table.is_bad}")
    among = f"FILTER (WHERE {' AND '.join(conditions)})"
    if feature.statistic is Statistic.SUM:
        return f"CAST(coalesce(sum({table.amount_minor}) {among}, 0) AS bigint)"
    if feature.of is None:
        return f"count(*) {among}"
    least = "least" if dialect is Dialect.POSTGRESQL else "min"
    return f"{least}(count(DISTINCT {table.keys[feature.of]}) {among}, {feature.cap})"


def _group_of(feature: Feature) -> tuple[Source, Entity]:
    return feature.source, feature.entity


def _windows(features: Iterable[Feature]) -> list[int]:
    return sorted({feature.window_hours for feature in features})


def _entities(features: Iterable[Feature]) -> list[Entity]:
    return sorted({feature.entity for feature in features})


def _since(hours: int) -> str:
    return f"since_{hours}h"


def _stored(moment: datetime, dialect: Dialect) -> datetime | str:
    """Return the moment as the engine compares it: Django keeps SQLite's moments as naive UTC text."""
    return moment if dialect is Dialect.POSTGRESQL else str(moment.astimezone(UTC).replace(tzinfo=None))
