"""Link features of one order: one subselect per engine, bounded whatever hub the order touches.

The placeholders are those of `online`, so that the text can be CROSS JOINed into the history statement and
costs no round trip of its own.
"""

# ruff: noqa: S608 - every name is a constant of this module
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TypeAlias

from risk.features.declarations import Entity
from risk.features.links import (
    BUYER_ORDERS,
    FOLLOWED_BUYERS,
    FOLLOWED_KEYS,
    KEY_ORDERS,
    LINK_WINDOW_HOURS,
    LINKED_BAD_BUYERS,
    LINKED_BUYERS,
    LINKED_COMPONENT,
    ORDER_LINKS,
    OWN_ORDERS,
    STEP_BUYERS,
)
from risk.features.online import Dialect

Value: TypeAlias = datetime | str | int | None  # what a placeholder can take

LINK_ENTITIES = (Entity.DEVICE, Entity.CARD, Entity.ADDRESS)
# Placeholders and their types on PostgreSQL.
LINK_PARAMETERS: Mapping[str, str] = {
    "as_of": "timestamptz",
    "links_since": "timestamptz",
    **{entity.value: "bigint" for entity in (Entity.BUYER, *LINK_ENTITIES)},
}


def build_link_subselect(dialect: Dialect) -> str:
    """Return "(…) AS links": one row with the columns of ORDER_LINKS, in order."""
    return _Text(dialect).subselect()


def build_near_subselect(dialect: Dialect) -> str:
    """Return "(…) AS near_by": one row that counts the buyers of the first step.

    Most orders share nothing with anybody, and setting up both steps costs more than running them.
    """
    return _Text(dialect).near_subselect()


# What the columns of ORDER_LINKS are where the first step finds nobody.
ALONE = (0, 1, 0)


@dataclass(frozen=True)
class LinksQuery:
    """The statement of both steps; it takes what `bind_links` gives."""

    dialect: Dialect

    @cached_property
    def sql(self) -> str:
        return f"SELECT * FROM {build_link_subselect(self.dialect)}"

    def prepare(self, name: str) -> str:
        """Return PostgreSQL's PREPARE statement, to run once per connection."""
        numbered = {parameter: f"${number}" for number, parameter in enumerate(LINK_PARAMETERS, start=1)}
        return f"PREPARE {name} ({', '.join(LINK_PARAMETERS.values())}) AS {self.sql % numbered}"

    def execute(self, name: str) -> str:
        """Return the EXECUTE statement for `prepare(name)`."""
        return f"EXECUTE {name} ({', '.join(f'%({parameter})s' for parameter in LINK_PARAMETERS)})"


def bind_links(as_of: datetime, keys: Mapping[Entity, int | None], dialect: Dialect) -> dict[str, Value]:
    """Return the values of LINK_PARAMETERS; entities left out of `keys` are missing.

    as_of    aware
    """
    since = as_of - timedelta(hours=LINK_WINDOW_HOURS)
    return {
        "as_of": _stored(as_of, dialect),
        "links_since": _stored(since, dialect),
        **{entity.value: keys.get(entity) for entity in (Entity.BUYER, *LINK_ENTITIES)},
    }


def read_link_row(row: Sequence[object], keys: Mapping[Entity, int | None]) -> dict[str, float]:
    """Return a fetched row by name, NaN where the order has nothing to be linked by."""
    is_linkable = any(keys.get(entity) is not None for entity in LINK_ENTITIES)
    return {
        link.name: float(value) if is_linkable else math.nan  # type: ignore[arg-type]
        for link, value in zip(ORDER_LINKS, row, strict=True)
    }


def _stored(moment: datetime, dialect: Dialect) -> datetime | str:
    """Return the moment as the engine compares it: Django keeps SQLite's moments as naive UTC text."""
    return moment if dialect is Dialect.POSTGRESQL else str(moment.astimezone(UTC).replace(tzinfo=None))


_STEP = "buyer_key, occurred_at"


@dataclass(frozen=True)
class _Text:
    """The parts of the subselect."""

    dialect: Dialect

    def subselect(self) -> str:
        reached = "(SELECT buyer_key FROM near UNION ALL SELECT buyer_key FROM far) AS reached"
        steps = f"{self._near()},\n{self._used()},\n{self._followed()},\n{self._far()}"
        return (
            f"(WITH {steps}\n"
            f"SELECT (SELECT count(*) FROM near) AS {LINKED_BUYERS.name},"
            f" 1 + (SELECT count(*) FROM near) + (SELECT count(*) FROM far) AS {LINKED_COMPONENT.name},"
            f" (SELECT count(*) FROM {self._bad_among(reached)}) AS {LINKED_BAD_BUYERS.name}) AS links"
        )

    def near_subselect(self) -> str:
        return f"(WITH {self._near()} SELECT count(*) FROM near) AS near_by"

    def _near(self) -> str:
        """The buyers one step away, newest first."""
        shared = [
            f"SELECT * FROM {self._newest(entity, f'%({entity})s', _STEP, OWN_ORDERS)} AS own_{entity}"
            for entity in LINK_ENTITIES
        ]
        return f"near AS ({self._step(shared)})"

    def _used(self) -> str:
        """What the followed buyers used last."""
        columns = ", ".join([*(f"{entity}_key" for entity in LINK_ENTITIES), "occurred_at"])
        buyers = f"SELECT buyer_key AS value FROM near ORDER BY newest DESC, value LIMIT {FOLLOWED_BUYERS}"
        return f"used AS ({self._follow(buyers, Entity.BUYER, columns, BUYER_ORDERS)})"

    def _followed(self) -> str:
        """The newest keys among these; the order's own have been read already."""
        keys = []
        for kind, entity in enumerate(LINK_ENTITIES):
            key = f"{entity}_key"
            keys.append(
                f"SELECT {kind} AS kind, {key} AS value, occurred_at FROM used"
                f" WHERE {key} IS NOT NULL AND {self._differs(key, f'%({entity})s')}"
            )
        return (
            f"followed AS (SELECT kind, value FROM ({' UNION ALL '.join(keys)}) AS keys GROUP BY kind, value"
            f" ORDER BY max(occurred_at) DESC, kind, value LIMIT {FOLLOWED_KEYS})"
        )

    def _far(self) -> str:
        """The buyers two steps away that are not one step away."""
        shared = [
            self._follow(f"SELECT value FROM followed WHERE kind = {kind}", entity, _STEP, KEY_ORDERS)
            for kind, entity in enumerate(LINK_ENTITIES)
        ]
        return f"far AS ({self._step(shared, ' AND buyer_key NOT IN (SELECT buyer_key FROM near)')})"

    def _step(self, shared: Sequence[str], condition: str = "") -> str:
        """Return the different other buyers of some orders, the newest STEP_BUYERS of them."""
        return (
            f"SELECT buyer_key, max(occurred_at) AS newest"
            f" FROM ({' UNION ALL '.join(shared)}) AS shared WHERE buyer_key IS NOT NULL"
            f" AND {self._differs('buyer_key', '%(buyer)s')}{condition}"
            f" GROUP BY buyer_key ORDER BY newest DESC, buyer_key LIMIT {STEP_BUYERS}"
        )

    def _follow(self, source: str, entity: Entity, columns: str, limit: int) -> str:
        """Return the newest orders of each `value` of the source."""
        shown = f"SELECT {columns} FROM ({source}) AS source"
        if self.dialect is Dialect.POSTGRESQL:
            newest = self._newest(entity, "source.value", columns, limit)
            return f"{shown} CROSS JOIN LATERAL {newest} AS found"
        # SQLite has no LATERAL, but looks up the ids that a correlated subselect lists.
        ids = self._newest(entity, "source.value", "id", limit)
        return f"{shown} CROSS JOIN orders_order AS found WHERE found.id IN {ids}"

    def _newest(self, entity: Entity, value: str, columns: str, limit: int) -> str:
        """Return the newest orders of one key by (occurred_at, id)."""
        known = (
            f"FROM orders_order WHERE {entity}_key = {value} AND known_at < %(as_of)s"
            f" AND occurred_at >= %(links_since)s AND occurred_at < %(as_of)s"
        )
        order = f"ORDER BY occurred_at DESC, id DESC LIMIT {limit}"
        if self.dialect is Dialect.SQLITE:
            return f"(SELECT {columns} {known} {order})"
        # The index ends at occurred_at: sorting by id as well would let the planner read and sort a hub.
        # Ties with the last one come along, and the outer order drops them.
        ties = f"ORDER BY occurred_at DESC FETCH FIRST {limit} ROWS WITH TIES"
        return f"(SELECT {columns} FROM (SELECT * {known} {ties}) AS newest {order})"

    def _bad_among(self, reached: str) -> str:
        bad = (
            "SELECT 1 FROM risk_label WHERE risk_label.buyer_key = reached.buyer_key"
            " AND risk_label.known_at < %(as_of)s AND risk_label.is_bad"
            " AND coalesce(risk_label.superseded_at >= %(as_of)s, true)"
        )
        if self.dialect is Dialect.SQLITE:
            return f"{reached} WHERE EXISTS ({bad})"
        # LIMIT keeps the planner from hashing every bad label there ever was.
        return f"{reached} CROSS JOIN LATERAL ({bad} LIMIT 1) AS bad"

    def _differs(self, left: str, right: str) -> str:
        """Compare with something that may be missing: it differs from everything then."""
        return f"{left} {'IS DISTINCT FROM' if self.dialect is Dialect.POSTGRESQL else 'IS NOT'} {right}"
