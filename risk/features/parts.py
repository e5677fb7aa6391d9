"""The parts of the history statement: a slot's aggregates, and the rows that they are taken over."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from risk.features.declarations import Entity, Feature, Filter, Source, Statistic, window_name
from risk.features.filters import to_sql
from risk.features.tables import BUCKETS, HALF, LATENESS, PAIRS, TABLES, Dialect, Table

_AMOUNTS = (Statistic.SUM, Statistic.STD)
# Whose keys an order is often the first to have.
_OFTEN_NEW = frozenset(Entity) - {Entity.MERCHANT}


@dataclass(frozen=True)
class BandNames:
    """Placeholders of the buckets to read: arrays of level, first and end moment."""

    levels: str
    since: str
    until: str


@dataclass(frozen=True)
class Slot:
    """One source's features of one entity: a subselect of the statement, and a kind of rollup."""

    source: Source
    entity: Entity
    features: tuple[Feature, ...]
    table: Table

    @property
    def name(self) -> str:
        return f"{self.source}_{self.entity}"

    @property
    def watermark(self) -> str:
        return f"watermark_{self.name}"

    @property
    def rollup(self) -> str:
        return f"rollup_{self.name}"

    @property
    def key(self) -> str:
        return self.table.keys[self.entity]

    @property
    def widest(self) -> Feature:
        return max(self.features, key=lambda feature: feature.window_minutes + feature.delay_minutes)

    @property
    def filters(self) -> tuple[Filter, ...]:
        return tuple(dict.fromkeys(feature.where for feature in self.features if feature.where is not None))

    @property
    def others(self) -> tuple[Entity, ...]:
        return tuple(dict.fromkeys(feature.of for feature in self.features if feature.of is not None))

    @property
    def bands(self) -> BandNames:
        """The names say which windows they tile: slots with the same windows share them."""
        windows = sorted({(feature.window_minutes, feature.delay_minutes) for feature in self.features})
        code = "_".join(f"{window}" if not delay else f"{window}d{delay}" for window, delay in windows)
        return BandNames(f"levels_{code}", f"starts_{code}", f"ends_{code}")

    @property
    def moments(self) -> tuple[str, ...]:
        """The placeholders of where windows begin, and end where that is not the moment itself."""
        names = [since_name(feature) for feature in self.features]
        names += [until_name(feature) for feature in self.features if feature.delay_minutes]
        return tuple(dict.fromkeys(names))

    @cached_property
    def measures(self) -> "tuple[Measure, ...]":
        return tuple(_measures(self))


@dataclass(frozen=True)
class Measure:
    """One column of the rows that are aggregated: as an event and as a bucket have it.

    is_for_reading    whether it says what a rollup already holds, which its own making does not ask
    """

    name: str
    event: str
    bucket: str
    is_for_reading: bool = False


def since_name(feature: Feature) -> str:
    return f"since_{_window_code(feature)}"


def until_name(feature: Feature) -> str:
    return f"until_{_window_code(feature)}"


def _window_code(feature: Feature) -> str:
    delay = f"_after_{window_name(feature.delay_minutes)}" if feature.delay_minutes else ""
    return f"{window_name(feature.window_minutes)}{delay}"


# ── What is aggregated ───────────────────────────────────────────────────────────────────────────
def aggregates(
    slot: Slot, dialect: Dialect, *, is_rolled: bool
) -> tuple[list[str], Mapping[Feature, tuple[int, ...]]]:
    """Return the different aggregates of a slot, and which of them each feature reads.

    is_rolled    over `rows` that read rollups, too
    """
    columns: dict[str, int] = {}
    found = {
        feature: tuple(
            columns.setdefault(text, len(columns))
            for text in _aggregates(feature, slot, dialect, is_rolled=is_rolled)
        )
        for feature in slot.features
    }
    return list(columns), found


def _aggregates(feature: Feature, slot: Slot, dialect: Dialect, *, is_rolled: bool) -> Iterator[str]:
    among = f"FILTER (WHERE {' AND '.join(_conditions(feature, slot))})"
    match feature.statistic:
        case Statistic.COUNT:
            yield f"coalesce(sum(n) {among}, 0)"
        case Statistic.SUM:
            yield f"CAST(coalesce(sum(total) {among}, 0) AS bigint)"
        case Statistic.STD:
            yield f"coalesce(sum(n) {among}, 0)"
            for column in ("total", "high_high", "high_low", "low_low"):
                yield f"CAST(coalesce(sum({column}) {among}, 0) AS bigint)"
        case Statistic.MAX:
            yield f"max(largest) {among}"
        case Statistic.SECONDS_SINCE:
            newest = f"max(newest) {among}"
            # As whole microseconds a moment fits beside the numbers.
            is_packed = dialect is Dialect.POSTGRESQL
            yield f"CAST(extract(epoch FROM {newest}) * 1000000 AS bigint)" if is_packed else newest
        case Statistic.DISTINCT:
            assert feature.of is not None
            column = slot.table.keys[feature.of]
            if not is_rolled:
                least = "least" if dialect is Dialect.POSTGRESQL else "min"
                yield f"{least}(count(DISTINCT {column}) {among}, {feature.cap})"
                return
            # What buckets hold has been counted: an event adds its pair where that lay before the window.
            since = f"%({since_name(feature)})s"
            unseen = f"{among[:-1]} AND (seen_{column} IS NULL OR seen_{column} < {since}))"
            yield (
                f"least(count(DISTINCT {column}) {unseen}"
                f" + coalesce(sum(pairs_{column}) {among}, 0), {feature.cap})"
            )


def _conditions(feature: Feature, slot: Slot) -> Iterator[str]:
    yield f"at >= %({since_name(feature)})s"
    if feature.delay_minutes:
        yield f"at < %({until_name(feature)})s"
    if feature.where is not None:
        yield _flag(feature.where)
    elif slot.filters:
        yield "is_all"


def _flag(where: Filter) -> str:
    return f"is_{where.code}"


# ── What it is taken over ────────────────────────────────────────────────────────────────────────
def rows(slot: Slot, dialect: Dialect, *, is_rolled: bool) -> str:
    """Return the rows of a slot's subselect: all events, or what a rollup holds and the events beside it."""
    if is_rolled:
        return "\nUNION ALL ".join([*_event_arms(slot), _bucket_arm(slot)])
    condition = _window(slot)
    if dialect is Dialect.POSTGRESQL and slot.source is not Source.ORDERS and slot.entity in _OFTEN_NEW:
        condition += f" AND {_has_ordered(slot)}"
    return _events(slot, condition, is_read=False)


def _select(slot: Slot, text_of: Callable[["Measure"], str], *, is_read: bool = False) -> str:
    return ", ".join(
        f"{text_of(measure)} AS {measure.name}"
        for measure in slot.measures
        if is_read or not measure.is_for_reading
    )


def _measures(slot: Slot) -> Iterator[Measure]:
    statistics = {feature.statistic for feature in slot.features}
    yield Measure("at", slot.table.occurred_at, "bucket.at")
    if statistics & {Statistic.COUNT, Statistic.STD}:
        yield Measure("n", "1", "bucket.n")
    if statistics & set(_AMOUNTS):
        yield Measure("total", f"{slot.table.amount_minor}", "bucket.total")
    if Statistic.STD in statistics:
        for name, text in squares(f"{slot.table.amount_minor}").items():
            yield Measure(name, text, f"bucket.{name}")
    if Statistic.MAX in statistics:
        yield Measure("largest", f"{slot.table.amount_minor}", "bucket.largest")
    if Statistic.SECONDS_SINCE in statistics:
        yield Measure("newest", slot.table.occurred_at, "bucket.newest")
    for number, other in enumerate(slot.others):
        column = slot.table.keys[other]
        yield Measure(column, column, "NULL::bigint")
        yield Measure(f"pairs_{column}", "0", f"bucket.pairs_{number}", is_for_reading=True)
        yield Measure(f"seen_{column}", _seen(slot, other), "NULL::timestamptz", is_for_reading=True)
    if slot.filters:
        yield Measure("is_all", "TRUE", "bucket.stream = ''")
    for where in slot.filters:
        text = to_sql(where, slot.source, slot.table.fields)
        yield Measure(_flag(where), text, f"bucket.stream = '{where.code}'")


def _seen(slot: Slot, other: Entity) -> str:
    """Return when, as far as the rollup knows, the key last occurred together with an event's other key."""
    column = slot.table.keys[other]
    return (
        f"CASE WHEN held.{slot.rollup} IS NOT NULL THEN (SELECT last_at FROM {PAIRS} AS pair"  # noqa: S608
        f" WHERE pair.rollup_id = held.{slot.rollup} AND pair.of = '{other}' AND pair.other = {column}) END"
    )


def squares(amount: str) -> dict[str, str]:
    """Return the three parts of an amount's square, see `risk.features.spread`."""
    high, low = f"({amount} / {HALF})", f"({amount} %% {HALF})"
    return {"high_high": f"{high} * {high}", "high_low": f"{high} * {low}", "low_low": f"{low} * {low}"}


def columns_of(slot: Slot, *, count: str = "1", is_read: bool = True) -> str:
    """Return the select list that makes an event of a table's row."""
    return _select(slot, lambda measure: count if measure.name == "n" else measure.event, is_read=is_read)


def _events(slot: Slot, condition: str, *, is_read: bool = True) -> str:
    scope = f" AND {slot.table.scope}" if slot.table.scope else ""
    return (
        f"SELECT {columns_of(slot, is_read=is_read)} FROM {slot.table.name}"  # noqa: S608 - declared names
        f" WHERE {slot.key} = %({slot.entity})s{scope}\nAND {condition}"
    )


def _has_ordered(slot: Slot) -> str:
    """Return whether any order has the key, as one has that a label is about.

    The page that says so is read for the key's orders anyway, and written when this one is stored. One page
    of each index of labels would be fetched to find nothing, once these are larger than the memory.
    """
    orders = TABLES[Source.ORDERS]
    key = orders.keys[slot.entity]
    return f"EXISTS (SELECT 1 FROM {orders.name} WHERE {key} = %({slot.entity})s)"  # noqa: S608 - declared names


def _window(slot: Slot) -> str:
    """Return which events are known and inside the widest window."""
    occurred_at = slot.table.occurred_at
    return f"{_known(slot)} AND {_until(slot)} AND {occurred_at} >= %({since_name(slot.widest)})s"


def _known(slot: Slot) -> str:
    table = slot.table
    text = f"{table.known_at} < %(as_of)s"
    if table.superseded_at:
        text += f" AND ({table.superseded_at} IS NULL OR {table.superseded_at} >= %(as_of)s)"
    return text


def _until(slot: Slot) -> str:
    last = min(slot.features, key=lambda feature: feature.delay_minutes)
    end = f"%({until_name(last)})s" if last.delay_minutes else "%(as_of)s"
    return f"{slot.table.occurred_at} < {end}"


def _event_arms(slot: Slot) -> Iterator[str]:
    """Yield reads of the events a rollup does not hold, all of them if there is none.

    An event is held from the moment the watermark has passed both its times; a correction takes back
    what is held as soon as it is known.
    """
    table, watermark = slot.table, f"held.{slot.watermark}"
    since = f"%({since_name(slot.widest)})s"
    if table.has_late_events:
        first = f"greatest({since}, {watermark} - {LATENESS})"
        unheld = (
            f"({watermark} IS NULL OR {table.occurred_at} >= {watermark} OR {table.known_at} >= {watermark})"
        )
        yield _events(slot, f"{_window(slot)} AND {table.occurred_at} >= {first} AND {unheld}")
        unseen = f"{_window(slot)} AND {table.occurred_at} < {watermark} - {LATENESS}"
        known_late = f"{slot.key} = %({slot.entity})s AND {late(slot)} AND {table.known_at} >= {watermark}"
        yield f"SELECT {columns_of(slot)} FROM {alone(slot, known_late)} WHERE {unseen}"  # noqa: S608
        return
    if slot.source is Source.LABELS:
        yield _events(slot, f"{_window(slot)} AND {table.known_at} >= greatest({since}, {watermark})")
    else:
        yield _events(slot, f"{_window(slot)} AND {watermark} IS NULL")
        # Without the window, which the aggregates apply: its index would be tried, and is the long way.
        recent = f"{slot.key} = %({slot.entity})s AND {table.scope} AND {table.known_at} >= {watermark}"
        yield f"SELECT {columns_of(slot)} FROM {alone(slot, recent)} WHERE {_known(slot)}"  # noqa: S608
    corrected = f"{table.superseded_at} >= {watermark} AND {table.superseded_at} < %(as_of)s"
    corrected = f"{slot.key} = %({slot.entity})s AND {table.scope} AND {corrected}"
    columns = columns_of(slot, count="-1")
    yield f"SELECT {columns} FROM {alone(slot, corrected)} WHERE {table.known_at} < {watermark}"  # noqa: S608


def late(slot: Slot) -> str:
    """Return the condition by which the index of late events is found."""
    return f"{slot.table.known_at} - {slot.table.occurred_at} > {LATENESS}"


def alone(slot: Slot, condition: str) -> str:
    """Return a subselect that is read by the one index that its condition names, and few rows of the table.

    An index that carries what is asked for makes walking through all of a key's history look cheap. None
    carries the id, which is positive; and OFFSET 0 keeps the window, which has an index of its own, outside.
    """
    return f"(SELECT * FROM {slot.table.name} WHERE {condition} AND id > 0 OFFSET 0) AS event"  # noqa: S608


def _bucket_arm(slot: Slot) -> str:
    columns = _select(slot, lambda measure: measure.bucket, is_read=True)
    names = slot.bands
    streams = ", ".join(["''", *(f"'{where.code}'" for where in slot.filters)])
    return (
        f"SELECT {columns} FROM unnest(%({names.levels})s::integer[],"  # noqa: S608
        f" %({names.since})s::timestamptz[], %({names.until})s::timestamptz[])"
        f" AS band(level, since, until) CROSS JOIN LATERAL (SELECT * FROM {BUCKETS} AS bucket\n"
        f"WHERE bucket.rollup_id = held.{slot.rollup} AND bucket.level = band.level"
        f" AND bucket.at >= band.since AND bucket.at < band.until"
        f" AND bucket.stream IN ({streams}) OFFSET 0) AS bucket WHERE held.{slot.rollup} IS NOT NULL"
    )
