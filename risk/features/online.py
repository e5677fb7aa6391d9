"""History features of one subject: one SQL text per engine, built from the declarations, one round trip.

One subselect per source and entity reads the index (entity, occurred_at) over the longest window; shorter
windows are FILTERs of that read. On PostgreSQL a key with much history has a rollup (`risk.rollups`): then
its subselect reads closed buckets and the events since the rollup's watermark, all as rows of one UNION ALL,
so that the same FILTERs serve both. Whether there is a rollup is decided inside the statement, whose one
snapshot sees buckets and watermark together. A moment before the watermark reads the events themselves.

Planning this text takes ten times as long as running it, so a connection should PREPARE it once with
`plan_cache_mode = force_generic_plan` and `jit = off`; a CTE or a GROUP BY per different entity was measured
slower than count(DISTINCT …).
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import groupby

from risk.features import parts
from risk.features.declarations import Entity, Feature, Ratio, Source, Statistic
from risk.features.parts import Slot
from risk.features.spread import Moments
from risk.features.tables import LABEL_KEYS, ORDER_KEYS, ROLLUPS, TABLES, Dialect, Table
from risk.features.windows import MICROSECONDS_PER_MINUTE, Band, since_minute, tile, until_minute

__all__ = [
    "LABEL_KEYS",
    "ORDER_KEYS",
    "TABLES",
    "Dialect",
    "OnlineQuery",
    "Table",
    "add_ratios",
    "build_query",
]

Bound = str | int | None  # what a placeholder can take
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, eq=False)
class OnlineQuery:
    """SQL that returns one row: the statistics, the snapshot mark (null on SQLite), then what stands beside.

    PostgreSQL packs the statistics into one array: the driver decodes the name of every column anew.

    sql              with named placeholders, as psycopg2 and Django's cursors on both engines take them
    features         each with the positions of its columns in the row
    parameters       placeholder name → PostgreSQL's type, in the order of `prepare`
    slots            the subselects; rollups exist for these
    width            how many columns the statistics take
    """

    dialect: Dialect
    sql: str
    features: Mapping[Feature, tuple[int, ...]]
    parameters: Mapping[str, str]
    slots: tuple[Slot, ...] = field(repr=False)
    width: int

    def prepare(self, name: str) -> str:
        """Return PostgreSQL's PREPARE statement, to run once per connection."""
        numbered = {parameter: f"${number}" for number, parameter in enumerate(self.parameters, start=1)}
        return f"PREPARE {name} ({', '.join(self.parameters.values())}) AS {self.sql % numbered}"

    def execute(self, name: str) -> str:
        """Return the EXECUTE statement for `prepare(name)`; it takes the same `bind` values as `sql`."""
        return f"EXECUTE {name} ({', '.join(f'%({parameter})s' for parameter in self.parameters)})"

    def bind(self, as_of: datetime, keys: Mapping[Entity, int | None]) -> dict[str, Bound]:
        """Return the values of the placeholders; entities left out of `keys` are missing.

        as_of    aware
        """
        values = dict(_moments(self, _microseconds(as_of) // MICROSECONDS_PER_MINUTE))
        values["as_of"] = _stored(as_of, self.dialect)
        values.update({entity.value: keys.get(entity) for entity in _entities(self.features)})
        return values

    def read(
        self, row: Sequence[object], keys: Mapping[Entity, int | None], *, as_of: datetime
    ) -> dict[str, float]:
        """Return the features of a fetched row by name, NaN where the entity is missing."""
        values: dict[str, float] = {}
        found: Sequence[object] = row[0] if self._is_packed else row  # type: ignore[assignment]
        for entity, (numbers, others) in self._columns.items():
            if keys.get(entity) is None:
                values.update(dict.fromkeys((*numbers, *(feature.name for feature in others)), math.nan))
                continue
            for name, position in numbers.items():
                values[name] = float(found[position])  # type: ignore[arg-type]
            for feature, positions in others.items():
                values[feature.name] = _value(feature, [found[position] for position in positions], as_of)
        return values

    @property
    def _is_packed(self) -> bool:
        return self.dialect is Dialect.POSTGRESQL

    @property
    def _mark_at(self) -> int:
        return 1 if self._is_packed else self.width

    @cached_property
    def _columns(self) -> dict[Entity, tuple[dict[str, int], dict[Feature, tuple[int, ...]]]]:
        """Return by entity: the position of each plain number, and what takes more than its number."""
        found: dict[Entity, tuple[dict[str, int], dict[Feature, tuple[int, ...]]]] = {}
        for feature, positions in self.features.items():
            numbers, others = found.setdefault(feature.entity, ({}, {}))
            if feature.statistic in (Statistic.COUNT, Statistic.SUM, Statistic.DISTINCT):
                numbers[feature.name] = positions[0]
            else:
                others[feature] = positions
        return found

    def read_mark(self, row: Sequence[object]) -> str | None:
        """Return which transactions the row has seen, as PostgreSQL writes a snapshot; None on SQLite."""
        mark = row[self._mark_at]
        return None if mark is None else str(mark)

    def read_beside(self, row: Sequence[object]) -> Sequence[object]:
        """Return the columns of the subselects that stand beside the statistics."""
        return row[self._mark_at + 1 :]


@dataclass(frozen=True)
class Beside:
    """A subselect of one row that is read in the same statement, for a round trip less.

    parameters    its placeholders that the statistics do not have → PostgreSQL's type; whoever runs the
                  statement binds them
    """

    name: str
    sql: str
    parameters: Mapping[str, str]


def build_query(
    features: Iterable[Feature],
    dialect: Dialect,
    tables: Mapping[Source, Table] = TABLES,
    *,
    rolled: Collection[Entity] = tuple(Entity),
    beside: Sequence[Beside] = (),
) -> OnlineQuery:
    """Return the query for these features; the same text serves every subject.

    rolled    entities whose rollups are read, on PostgreSQL; those of the others, if there are any, are left
              alone and their events read one by one: the same answer from a text a fraction as long

    ValueError for a label feature that rollups cannot hold.

    >>> from risk.features.declarations import DAY, distinct_count
    >>> print(build_query([distinct_count(Entity.DEVICE, Entity.CARD, DAY)], Dialect.SQLITE).sql)
    SELECT orders_device.c0, NULL AS mark FROM
    (SELECT min(count(DISTINCT card_key) FILTER (WHERE at >= %(since_24h)s), 1000) AS c0
    FROM (SELECT occurred_at AS at, card_key AS card_key FROM orders_order WHERE device_key = %(device)s
    AND known_at < %(as_of)s AND occurred_at < %(as_of)s AND occurred_at >= %(since_24h)s)) AS orders_device
    """
    ordered = sorted(features, key=_group_of)
    for feature in ordered:
        # A correction takes a label back from a rollup's sums; the newest before it is not kept.
        if feature.source is not Source.ORDERS and feature.statistic is not Statistic.COUNT:
            raise ValueError(f"{feature.name}: a decision can only count labels.")
    slots = tuple(
        Slot(source, entity, tuple(group), tables[source])
        for (source, entity), group in groupby(ordered, key=_group_of)
    )
    held = [slot for slot in slots if slot.entity in rolled] if dialect is Dialect.POSTGRESQL else []
    texts = [_held(held)] if held else []
    positions: dict[Feature, tuple[int, ...]] = {}
    columns: list[str] = []
    for slot in slots:
        is_rolled = slot in held
        aggregates, found = parts.aggregates(slot, dialect, is_rolled=is_rolled)
        width = len(columns)
        positions |= {feature: tuple(width + at for at in places) for feature, places in found.items()}
        lateral = "LATERAL " if is_rolled else ""
        part = " AS part" if dialect is Dialect.POSTGRESQL else ""
        rows = parts.rows(slot, dialect, is_rolled=is_rolled)
        named = ", ".join(f"{text} AS c{number}" for number, text in enumerate(aggregates))
        texts.append(f"{lateral}(SELECT {named}\nFROM ({rows}){part}) AS {slot.name}")
        columns += [f"{slot.name}.c{number}" for number in range(len(aggregates))]
    mark = "pg_current_snapshot()::text" if dialect is Dialect.POSTGRESQL else "NULL"
    parameters = _parameters(slots, held)
    for other in beside:
        texts.append(other.sql)
        parameters |= other.parameters
    statistics = ", ".join(columns)
    if dialect is Dialect.POSTGRESQL:
        statistics = f"ARRAY[{statistics}]::bigint[] AS statistics"
    shown = ", ".join([statistics, f"{mark} AS mark", *(f"{other.name}.*" for other in beside)])
    sql = f"SELECT {shown} FROM\n{' CROSS JOIN '.join(texts)}"
    return OnlineQuery(dialect, sql, positions, parameters, slots, len(columns))


def add_ratios(ratios: Iterable[Ratio], values: dict[str, float]) -> None:
    """Add each ratio to `values`, in order; the scalar twin of `setwise.add_ratios`."""
    for ratio in ratios:
        part, whole = values[ratio.part], values[ratio.whole]
        values[ratio.name] = part / whole if whole else math.nan


def _held(slots: Sequence[Slot]) -> str:
    """Return the subselect of the rollups that the keys have: one row, null where there is none."""
    columns = ", ".join(
        f"max({column}) FILTER (WHERE source = '{slot.source}' AND entity = '{slot.entity}'"
        f" AND key = %({slot.entity})s) AS {name}"
        for slot in slots
        for column, name in (("watermark", slot.watermark), ("id", slot.rollup))
    )
    keys = ", ".join(f"%({entity})s" for entity in sorted({slot.entity for slot in slots}))
    return f"(SELECT {columns}\nFROM {ROLLUPS} WHERE key IN ({keys}) AND watermark <= %(as_of)s) AS held"


def _parameters(slots: Sequence[Slot], held: Sequence[Slot]) -> dict[str, str]:
    moments = {name: "timestamptz" for slot in slots for name in slot.moments}
    for slot in held:
        moments |= {slot.bands.levels: "integer[]"}
        moments |= dict.fromkeys((slot.bands.since, slot.bands.until), "timestamptz[]")
    entities = sorted({slot.entity for slot in slots})
    return {
        "as_of": "timestamptz",
        **moments,
        **dict.fromkeys((entity.value for entity in entities), "bigint"),
    }


@lru_cache(maxsize=256)
def _moments(query: OnlineQuery, minute: int) -> dict[str, Bound]:
    """Return what every moment within a minute binds: windows begin on grids of a minute at least."""
    values: dict[str, Bound] = {}
    for slot in query.slots:
        boundaries: set[int] = set()
        ends: set[int | None] = set()
        for feature in slot.features:
            since, until = since_minute(feature, minute), until_minute(feature, minute)
            values[parts.since_name(feature)] = _stored(_moment(since), query.dialect)
            if until is not None:
                values[parts.until_name(feature)] = _stored(_moment(until), query.dialect)
            boundaries.add(since)
            ends.add(until)
        if slot.bands.levels in query.parameters:
            edges = boundaries | {end for end in ends if end is not None}
            tiled = tile([*sorted(edges), *([None] if None in ends else [])])
            values[slot.bands.levels] = f"{{{','.join(str(band.level) for band in tiled)}}}"
            values[slot.bands.since] = _array(tiled, "since")
            values[slot.bands.until] = _array(tiled, "until")
    return values


def _array(bands: Sequence[Band], name: str) -> str:
    moments = (_moment(getattr(band, name)).isoformat(" ") for band in bands)
    return f"{{{','.join(moments)}}}"


def _value(feature: Feature, found: Sequence[object], as_of: datetime) -> float:
    if feature.statistic is Statistic.STD:
        return Moments(*(int(str(part)) for part in found)).deviation()
    (value,) = found
    if value is None:
        return math.nan
    if feature.statistic is Statistic.SECONDS_SINCE:
        newest = value if isinstance(value, int) else _microseconds(_read_moment(value))
        return (_microseconds(as_of) - newest) / 1_000_000
    return float(value)  # type: ignore[arg-type]


def _read_moment(value: object) -> datetime:
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)  # as Django stores it on SQLite


def _group_of(feature: Feature) -> tuple[Source, Entity]:
    return feature.source, feature.entity


def _entities(features: Iterable[Feature]) -> set[Entity]:
    return {feature.entity for feature in features}


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(minute: int) -> datetime:
    return _EPOCH + timedelta(minutes=minute)


def _stored(moment: datetime, dialect: Dialect) -> str:
    """Return the moment as the engine compares it: Django keeps SQLite's moments as naive UTC text."""
    utc = moment.astimezone(UTC)
    return utc.isoformat(" ") if dialect is Dialect.POSTGRESQL else str(utc.replace(tzinfo=None))
