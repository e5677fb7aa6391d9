"""Link features of one order: one subselect per engine, bounded whatever hub the order touches.

The placeholders are those of `online`, so that the text can be CROSS JOINed into the history statement and
costs no round trip of its own.
"""

# ruff: noqa: S608 - every name comes from the declarations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from risk.features.declarations import Entity, Source
from risk.features.links import (
    BUYER_ORDERS,
    FOLLOWED_BUYERS,
    FOLLOWED_KEYS,
    KEY_ORDERS,
    LINK_WINDOW_HOURS,
    ORDER_LINKS,
    OWN_ORDERS,
    STEP_BUYERS,
)
from risk.features.online import TABLES, Bound, Dialect, Table

LINK_ENTITIES = (Entity.DEVICE, Entity.CARD, Entity.ADDRESS)
_SINCE = f"since_{LINK_WINDOW_HOURS}h"
# Placeholders, in the order in which a prepared statement takes them.
LINK_PARAMETERS = ("as_of", _SINCE, Entity.BUYER.value, *(entity.value for entity in LINK_ENTITIES))


def build_link_subselect(dialect: Dialect, tables: Mapping[Source, Table] = TABLES) -> str:
    """Return "(…) AS links": one row with the columns of ORDER_LINKS, in order."""
    return _Text(dialect, tables[Source.ORDERS], tables[Source.LABELS]).subselect()


def prepare_links(name: str, sql: str) -> str:
    """Return PostgreSQL's PREPARE statement of a text over LINK_PARAMETERS, to run once per connection."""
    types = ", ".join("timestamptz" if "_" in parameter else "bigint" for parameter in LINK_PARAMETERS)
    numbered = {parameter: f"${number}" for number, parameter in enumerate(LINK_PARAMETERS, start=1)}
    return f"PREPARE {name} ({types}) AS {sql % numbered}"


def execute_links(name: str) -> str:
    """Return the EXECUTE statement for `prepare_links(name, …)`."""
    return f"EXECUTE {name} ({', '.join(f'%({parameter})s' for parameter in LINK_PARAMETERS)})"


def bind_links(as_of: datetime, keys: Mapping[Entity, int | None], dialect: Dialect) -> dict[str, Bound]:
    """Return the values of LINK_PARAMETERS; entities left out of `keys` are missing.

    as_of    aware
    """
    moments = {"as_of": as_of, _SINCE: as_of - timedelta(hours=LINK_WINDOW_HOURS)}
    stored: dict[str, Bound] = {name: _stored(moment, dialect) for name, moment in moments.items()}
    return stored | {entity.value: keys.get(entity) for entity in (Entity.BUYER, *LINK_ENTITIES)}


def read_link_row(row: Sequence[int], keys: Mapping[Entity, int | None]) -> dict[str, float]:
    """Return a fetched row by name, NaN where the order has nothing to be linked by."""
    is_linkable = any(keys.get(entity) is not None for entity in LINK_ENTITIES)
    return {
        link.name: float(value) if is_linkable else math.nan
        for link, value in zip(ORDER_LINKS, row, strict=True)
    }


def _stored(moment: datetime, dialect: Dialect) -> datetime | str:
    """Return the moment as the engine compares it: Django keeps SQLite's moments as naive UTC text."""
    return moment if dialect is Dialect.POSTGRESQL else str(moment.astimezone(UTC).replace(tzinfo=None))


@dataclass(frozen=True)
class _Text:
    """The parts of the subselect."""

    dialect: Dialect
    orders: Table
    labels: Table

    def subselect(self) -> str:
        buyer = self._buyer
        reached = f"(SELECT {buyer} FROM near UNION ALL SELECT {buyer} FROM far) AS reached"
        steps = f"{self._near()},\n{self._used()},\n{self._followed()},\n{self._far()}"
        return (
            f"(WITH {steps}\n"
            "SELECT (SELECT count(*) FROM near),"
            " 1 + (SELECT count(*) FROM near) + (SELECT count(*) FROM far),"
            f" (SELECT count(*) FROM {self._bad_among(reached)})) AS links"
        )

    @property
    def _buyer(self) -> str:
        return self.orders.keys[Entity.BUYER]

    def _near(self) -> str:
        """The buyers one step away, newest first."""
        columns = f"{self._buyer}, {self.orders.occurred_at}"
        shared = [
            f"SELECT * FROM {self._newest(entity, f'%({entity})s', columns, OWN_ORDERS)} AS own_{entity}"
            for entity in LINK_ENTITIES
        ]
        return f"near AS ({self._step(shared)})"

    def _used(self) -> str:
        """What the followed buyers used last."""
        columns = [*(self.orders.keys[entity] for entity in LINK_ENTITIES), self.orders.occurred_at]
        buyers = (
            f"SELECT {self._buyer} AS value FROM near ORDER BY newest DESC, value LIMIT {FOLLOWED_BUYERS}"
        )
        return f"used AS ({self._follow(buyers, Entity.BUYER, columns, BUYER_ORDERS)})"

    def _followed(self) -> str:
        """The newest keys among these; the order's own have been read already."""
        keys = []
        for kind, entity in enumerate(LINK_ENTITIES):
            key = self.orders.keys[entity]
            keys.append(
                f"SELECT {kind} AS kind, {key} AS value, {self.orders.occurred_at} FROM used"
                f" WHERE {key} IS NOT NULL AND {self._differs(key, f'%({entity})s')}"
            )
        return (
            f"followed AS (SELECT kind, value FROM ({' UNION ALL '.join(keys)}) AS keys GROUP BY kind, value"
            f" ORDER BY max({self.orders.occurred_at}) DESC, kind, value LIMIT {FOLLOWED_KEYS})"
        )

    def _far(self) -> str:
        """The buyers two steps away that are not one step away."""
        columns = [self._buyer, self.orders.occurred_at]
        shared = [
            self._follow(f"SELECT value FROM followed WHERE kind = {kind}", entity, columns, KEY_ORDERS)
            for kind, entity in enumerate(LINK_ENTITIES)
        ]
        return f"far AS ({self._step(shared, f' AND {self._buyer} NOT IN (SELECT {self._buyer} FROM near)')})"

    def _step(self, shared: Sequence[str], condition: str = "") -> str:
        """Return the different other buyers of some orders, the newest STEP_BUYERS of them."""
        return (
            f"SELECT {self._buyer}, max({self.orders.occurred_at}) AS newest"
            f" FROM ({' UNION ALL '.join(shared)}) AS shared WHERE {self._buyer} IS NOT NULL"
            f" AND {self._differs(self._buyer, f'%({Entity.BUYER})s')}{condition}"
            f" GROUP BY {self._buyer} ORDER BY newest DESC, {self._buyer} LIMIT {STEP_BUYERS}"
        )

    def _follow(self, source: str, entity: Entity, columns: Sequence[str], limit: int) -> str:
        """Return the newest orders of each `value` of the source."""
        shown = f"SELECT {', '.join(columns)} FROM ({source}) AS source"
        if self.dialect is Dialect.POSTGRESQL:
            newest = self._newest(entity, "source.value", ", ".join(columns), limit)
            return f"{shown} CROSS JOIN LATERAL {newest} AS found"
        # SQLite has no LATERAL, but looks up the ids that a correlated subselect lists.
        ids = self._newest(entity, "source.value", "id", limit)
        return f"{shown} CROSS JOIN {self.orders.name} AS found WHERE found.id IN {ids}"

    def _newest(self, entity: Entity, value: str, columns: str, limit: int) -> str:
        """Return the newest orders of one key by (occurred_at, id)."""
        occurred_at, known_at = self.orders.occurred_at, self.orders.known_at
        known = (
            f"FROM {self.orders.name} WHERE {self.orders.keys[entity]} = {value} AND {known_at} < %(as_of)s"
            f" AND {occurred_at} >= %({_SINCE})s AND {occurred_at} < %(as_of)s"
        )
        order = f"ORDER BY {occurred_at} DESC, id DESC LIMIT {limit}"
        if self.dialect is Dialect.SQLITE:
            return f"(SELECT {columns} {known} {order})"
        # The index ends at occurred_at: sorting by id as well would let the planner read and sort a hub.
        # Ties with the last one come along, and the outer order drops them.
        ties = f"ORDER BY {occurred_at} DESC FETCH FIRST {limit} ROWS WITH TIES"
        return f"(SELECT {columns} FROM (SELECT * {known} {ties}) AS newest {order})"

    def _bad_among(self, reached: str) -> str:
        buyer, labels = self.labels.keys[Entity.BUYER], self.labels
        bad = (
            f"SELECT 1 FROM {labels.name} WHERE {labels.name}.{buyer} = reached.{self._buyer}"
            f" AND {labels.known_at} < %(as_of)s AND {labels.is_bad}"
        )
        if self.dialect is Dialect.SQLITE:
            return f"{reached} WHERE EXISTS ({bad})"
        # LIMIT keeps the planner from hashing every bad label there ever was.
        return f"{reached} CROSS JOIN LATERAL ({bad} LIMIT 1) AS bad"

    def _differs(self, left: str, right: str) -> str:
        """Compare with something that may be missing: it differs from everything then."""
        return f"{left} {'IS DISTINCT FROM' if self.dialect is Dialect.POSTGRESQL else 'IS NOT'} {right}"
