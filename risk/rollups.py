"""Rollups: what keeps reading a key's history at the same cost, however much of it there is.

A key with more than HEAVY events has one rollup per source and entity: buckets from a minute to eight days,
the last moment of each pair for DISTINCT, and a watermark. Buckets and pairs hold exactly the events
that became visible (occurred and known) before the watermark, late ones in the bucket in which they occurred;
the history statement adds what became visible since. A worker moves watermarks forward, each batch in one
transaction, so that a reader's snapshot sees buckets and watermark together; nothing is written while an
order is decided.

The watermark stays a settling time behind the clock, and behind the beginning of any transaction that is
still writing: an event is never committed under a watermark that has passed it. What enters history with
older moments (imports, backdated labels) has to `forget` the rollups of its keys; they are built again.

PostgreSQL only: on SQLite, the engine of small installations, history is read event by event.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

from django.db import connection, transaction
from django.db.models import Q

from core.ids import first_id_at, new_id
from core.locks import share_lock, try_lock

from .facts.orders import history_query
from .features import parts
from .features.declarations import DAY, ORDER_FEATURES, Entity, Source
from .features.parts import Slot
from .features.tables import BUCKETS, LATENESS, PAIRS, ROLLUPS, Dialect
from .features.windows import LEVELS, READ_BACK
from .models import Rollup

# Reading so many events costs about what reading a rollup does: below, a rollup would not pay. Those of a
# merchant lie side by side in their index; anybody else's are read from pages all over the table.
HEAVY = dict.fromkeys(Entity, 400) | {Entity.MERCHANT: 800}
# Twice as long as any transaction of ours runs; an order that waited so long for a worker still reads them.
SETTLING = timedelta(seconds=60)
# The request's clock is read before its transaction begins, by the time a request may wait for a connection.
_CLOCK_BEFORE_BEGIN = timedelta(seconds=10)
_BATCH = 50  # rollups per transaction: a batch is short, and a killed worker loses one
_FEW = 100  # keys that one statement may list
_LOCK = "risk.rollups"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_AMOUNTS = ("total", "high_high", "high_low", "low_low")
_PAIRS = ("pairs_0", "pairs_1", "pairs_2")  # of the slot's different other entities, in their order


def advance(*, at: datetime) -> int:
    """Move every watermark to `at` minus the settling time; return how many moved, 0 on SQLite.

    Stops early if another worker is at it. A rollup that was made since starts from the beginning.
    """
    if not _is_supported():
        return 0
    watermark, moved = _safe_watermark(at), 0
    while batch := _advance_batch(watermark):
        moved += batch
    return moved


def enlist(*, at: datetime, since: datetime | None = None) -> int:
    """Give keys with more than HEAVY events a rollup; return how many got one.

    since    look only at keys of orders written since then; None reads all history, for the night
    """
    if not _is_supported():
        return 0
    return sum(_enlist(slot, at, since) for slot in _slots())


def forget(
    keys: Mapping[Entity, Collection[int]] | None = None,
    *,
    since: datetime | None = None,
    sources: Collection[Source] = tuple(Source),
) -> None:
    """Drop rollups that events with old moments make wrong; call it in the transaction that writes them.

    Until that transaction ends no rollup is built or moved, so that none is built without them.

    keys       whose; None drops all
    since      the oldest `known_at` of what is written: rollups that have not come so far stay
    sources    whose rollups: an order is one of ORDERS, a label one of LABELS and OUTCOMES
    """
    if not _is_supported():
        return
    share_lock(_LOCK)
    found = Rollup.objects.filter(source__in=sources)
    if since is not None:
        found = found.filter(watermark__gt=since)
    if keys is not None and sum(map(len, keys.values())) <= _FEW:
        whose = [Q(entity=entity, key__in=list(values)) for entity, values in keys.items()]
        found = found.filter(reduce(or_, whose, Q(pk__in=[])))
    elif keys is not None:  # an import: rollups are fewer than its keys
        wanted = {entity.value: set(values) for entity, values in keys.items()}
        rows = found.values_list("pk", "entity", "key")
        found = found.filter(pk__in=[pk for pk, entity, key in rows if key in wanted.get(entity, ())])
    found.delete()


def prune(*, at: datetime) -> None:
    """Delete buckets and pairs that no window can reach any more, and those whose rollup is gone."""
    if not _is_supported():
        return
    with connection.cursor() as cursor:
        for table in (BUCKETS, PAIRS):
            cursor.execute(
                f"DELETE FROM {table} AS part WHERE NOT EXISTS"  # noqa: S608 - our own names
                f" (SELECT FROM {ROLLUPS} AS rollup WHERE rollup.id = part.rollup_id)"
            )
        for level in LEVELS:
            cursor.execute(
                f"DELETE FROM {BUCKETS} WHERE level = %s AND at < %s",  # noqa: S608
                [level, at - _kept(level)],
            )
        cursor.execute(f"DELETE FROM {PAIRS} WHERE last_at < %s", [at - _kept(LEVELS[-1])])  # noqa: S608


def _is_supported() -> bool:
    return connection.vendor == "postgresql"


def _slots() -> tuple[Slot, ...]:
    return history_query(Dialect.POSTGRESQL).slots


def _kept(level: int) -> timedelta:
    """Return how long a bucket is kept: as far as windows reach, and a day for readers that lag behind."""
    delay = max(feature.delay_minutes for feature in ORDER_FEATURES) if level >= DAY else 0
    return timedelta(minutes=READ_BACK[level] + delay, days=1)


def _safe_watermark(at: datetime) -> datetime:
    """Return the moment before which everything that will ever be visible is committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(xact_start) FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        (oldest,) = cursor.fetchone()
    settled = at - SETTLING
    return settled if oldest is None else min(settled, oldest - _CLOCK_BEFORE_BEGIN)


def _advance_batch(watermark: datetime) -> int:
    """Move the rollups that lag most; 0 if none does, or if somebody else holds the lock."""
    with transaction.atomic():
        if not try_lock(_LOCK):
            return 0
        behind = Rollup.objects.filter(watermark__lt=watermark).order_by("watermark", "pk")
        rows = list(behind.select_for_update()[:_BATCH].values_list("pk", "source", "entity"))
        for slot in _slots():
            ids = [pk for pk, source, entity in rows if (source, entity) == (slot.source, slot.entity)]
            if ids:
                _roll_up(slot, ids, watermark)
        Rollup.objects.filter(pk__in=[pk for pk, *_ in rows]).update(watermark=watermark)
    return len(rows)


def _enlist(slot: Slot, at: datetime, since: datetime | None) -> int:
    """Find keys that have become busy and have no rollup yet, and give them one."""
    scope = f" AND {slot.table.scope}" if slot.table.scope else ""
    named = "source = %(source)s AND entity = %(entity)s"
    busy = _busy_of_all(slot, scope) if since is None else _busy_of_recent(slot, scope)
    sql = (
        f"SELECT busy.key FROM ({busy}) AS busy WHERE NOT EXISTS"  # noqa: S608 - declared names
        f" (SELECT FROM {ROLLUPS} WHERE key = busy.key AND {named})"
    )
    values = {
        "first_id": None if since is None else first_id_at(since),
        "source": slot.source.value,
        "entity": slot.entity.value,
        "oldest": at - timedelta(minutes=slot.widest.window_minutes + slot.widest.delay_minutes),
        "heavy": HEAVY[slot.entity],
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        keys = [key for (key,) in cursor.fetchall()]
    return len(make_rollups(slot.source, slot.entity, keys))


def _busy_of_all(slot: Slot, scope: str) -> str:
    """Return the busy keys by one walk over the table.

    With five million orders one table's keys, asked one by one, were not done after six minutes; all twelve
    walks take eleven seconds.
    """
    table = slot.table
    return (
        f"SELECT {slot.key} AS key FROM {table.name} WHERE {slot.key} IS NOT NULL{scope}"  # noqa: S608
        f" AND {table.occurred_at} >= %(oldest)s GROUP BY 1 HAVING count(*) > %(heavy)s"
    )


def _busy_of_recent(slot: Slot, scope: str) -> str:
    """Return the busy ones among the keys of rows written lately, each found by its index."""
    table = slot.table
    return (
        f"SELECT seen.key FROM (SELECT DISTINCT {slot.key} AS key FROM {table.name}"  # noqa: S608
        f" WHERE {slot.key} IS NOT NULL{scope} AND id >= %(first_id)s) AS seen"
        f" WHERE (SELECT count(*) FROM (SELECT FROM {table.name} WHERE {slot.key} = seen.key{scope}"
        f" AND {table.occurred_at} >= %(oldest)s LIMIT %(heavy)s + 1) AS counted) > %(heavy)s"
    )


def make_rollups(source: Source, entity: Entity, keys: Collection[int]) -> list[Rollup]:
    """Give these keys a rollup that holds nothing yet: its watermark is the beginning of time."""
    rows = [
        Rollup(id=new_id(), source=source.value, entity=entity.value, key=key, watermark=_BEGINNING)
        for key in keys
    ]
    return Rollup.objects.bulk_create(rows, ignore_conflicts=True)


# ── Rolling up ───────────────────────────────────────────────────────────────────────────────────
def _roll_up(slot: Slot, ids: Collection[int], watermark: datetime) -> None:
    """Add to these rollups' buckets and pairs what became visible between their watermark and the new one."""
    values: dict[str, list[int] | datetime] = {"ids": list(ids), "watermark": watermark}
    values |= {f"kept_{level}": watermark - _kept(level) for level in LEVELS}
    sql = (
        f"WITH fresh AS MATERIALIZED (SELECT mine.id AS rollup_id, event.* FROM {ROLLUPS} AS mine"  # noqa: S608
        f" CROSS JOIN LATERAL ({' UNION ALL '.join(_fresh(slot))}) AS event WHERE mine.id = ANY(%(ids)s))"
        f"{_move_pairs(slot)} {_put_buckets(slot)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _fresh(slot: Slot) -> Iterator[str]:
    """Yield reads of what became visible since `mine.watermark`; a correction takes one back."""
    table, columns = slot.table, parts.columns_of(slot, is_read=False)
    mine = f"{slot.key} = mine.key"
    came = f"{table.known_at} >= mine.watermark AND {table.known_at} < %(watermark)s"
    if table.has_late_events:
        kept = f"{table.occurred_at} >= %(kept_{LEVELS[-1]})s"
        visible = f"greatest({table.occurred_at}, {table.known_at})"
        became = f"{visible} >= mine.watermark AND {visible} < %(watermark)s"
        on_time = (
            f"{table.occurred_at} >= mine.watermark - {LATENESS} AND {table.occurred_at} < %(watermark)s"
        )
        yield f"SELECT {columns} FROM {table.name} WHERE {mine} AND {kept} AND {on_time} AND {became}"  # noqa: S608
        late = parts.alone(slot, f"{mine} AND {parts.late(slot)} AND {came}")
        before = f"{table.occurred_at} < mine.watermark - {LATENESS}"
        yield f"SELECT {columns} FROM {late} WHERE {kept} AND {before}"  # noqa: S608 - declared names
        return
    mine = f"{mine} AND {table.scope}"
    stands = f"({table.superseded_at} IS NULL OR {table.superseded_at} >= %(watermark)s)"
    yield f"SELECT {columns} FROM {parts.alone(slot, f'{mine} AND {came}')} WHERE {stands}"  # noqa: S608
    corrected = f"{table.superseded_at} >= mine.watermark AND {table.superseded_at} < %(watermark)s"
    taken_back = parts.columns_of(slot, count="-1", is_read=False)
    yield (
        f"SELECT {taken_back} FROM {parts.alone(slot, f'{mine} AND {corrected}')}"  # noqa: S608 - declared names
        f" WHERE {table.known_at} < mine.watermark"
    )


def _move_pairs(slot: Slot) -> str:
    """Return the steps that bring pairs up to date; `moved` is where each went, and where it was before."""
    if not slot.others:
        return ""
    others = ", ".join(f"('{other}', fresh.{slot.table.keys[other]})" for other in slot.others)
    return (
        ", paired AS (SELECT fresh.rollup_id, kind.of, kind.other, max(fresh.at) AS last_at FROM fresh"  # noqa: S608
        f" CROSS JOIN LATERAL (VALUES {others}) AS kind(of, other) WHERE kind.other IS NOT NULL"
        f" GROUP BY fresh.rollup_id, kind.of, kind.other)"
        f", moved AS MATERIALIZED (SELECT paired.*, known.last_at AS before FROM paired"
        f" LEFT JOIN {PAIRS} AS known USING (rollup_id, of, other)"
        f" WHERE known.last_at IS NULL OR paired.last_at > known.last_at)"
        f", put AS (INSERT INTO {PAIRS} (rollup_id, of, other, last_at)"
        f" SELECT rollup_id, of, other, last_at FROM moved"
        f" ON CONFLICT (rollup_id, of, other) DO UPDATE SET last_at = excluded.last_at)"
    )


def _put_buckets(slot: Slot) -> str:
    """Return the statement that adds events, and the moves of pairs, to their buckets of every size."""
    sums, peaks = ("n", *_AMOUNTS, *_PAIRS), ("largest", "newest")
    streams = ", ".join(["('', TRUE)", *(f"('{f.code}', part.is_{f.code})" for f in slot.filters)])
    sizes = ", ".join(f"({level}, interval '{level} minutes', %(kept_{level})s)" for level in LEVELS)
    totals = [*(f"sum(part.{name})" for name in sums), *(f"max(part.{name})" for name in peaks)]
    merged = [f"{name} = bucket.{name} + excluded.{name}" for name in sums]
    merged += [f"{name} = greatest(bucket.{name}, excluded.{name})" for name in peaks]
    return (
        f"INSERT INTO {BUCKETS} AS bucket (rollup_id, level, at, stream, {', '.join((*sums, *peaks))})"  # noqa: S608
        f" SELECT part.rollup_id, size.level,"
        f" date_bin(size.length, part.at, '1970-01-01 00:00:00+00') AS begins,"
        f" kind.stream, {', '.join(totals)} FROM ({' UNION ALL '.join(_contributions(slot))}) AS part"
        f" CROSS JOIN (VALUES {sizes}) AS size(level, length, kept)"
        f" CROSS JOIN LATERAL (VALUES {streams}) AS kind(stream, passes)"
        f" WHERE kind.passes AND part.at >= size.kept"
        f" GROUP BY part.rollup_id, size.level, begins, kind.stream"
        f" ON CONFLICT (rollup_id, level, at, stream) DO UPDATE SET {', '.join(merged)}"
    )


def _contributions(slot: Slot) -> Iterator[str]:
    """Yield what goes into buckets: events, and pairs, which leave where they last occurred before."""
    names = [measure.name for measure in slot.measures]
    sums = {name: f"fresh.{name}" if name in names else "0" for name in ("n", *_AMOUNTS)}
    sums |= dict.fromkeys(_PAIRS, "0")
    peaks = {
        "largest": "fresh.largest" if "largest" in names else "NULL::bigint",
        "newest": "fresh.newest" if "newest" in names else "NULL::timestamptz",
    }
    flags = {f"is_{where.code}": f"fresh.is_{where.code}" for where in slot.filters}
    columns = sums | peaks | flags
    shown = ", ".join(f"{text} AS {name}" for name, text in columns.items())
    yield f"SELECT fresh.rollup_id, fresh.at, {shown} FROM fresh"  # noqa: S608 - declared names
    nothing = dict.fromkeys(sums, "0") | {"largest": "NULL::bigint", "newest": "NULL::timestamptz"}
    nothing |= dict.fromkeys(flags, "FALSE")
    for number, other in enumerate(slot.others):
        for at, sign in (("last_at", "1"), ("before", "-1")):
            values = nothing | {_PAIRS[number]: sign}
            yield (
                f"SELECT moved.rollup_id, moved.{at}, {', '.join(values.values())} FROM moved"  # noqa: S608
                f" WHERE moved.of = '{other}' AND moved.{at} IS NOT NULL"
            )
