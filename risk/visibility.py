"""Which events a decision could not see: those of transactions that its snapshot mark does not cover.

PostgreSQL writes a snapshot as `xmin:xmax:in progress`: transactions below xmin had ended, those from xmax
on had not begun. A row carries the low 32 bits of the transaction that wrote it, and an update writes it
anew; of an order, whose row changes as it is handled, the row that keeps its number unique tells: it never
changes. A row written behind a savepoint carries a number of its own, which the snapshot does not list while
it is in progress: such rows are left out in a second attempt.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from django.db import connection

from .features.columns import NEVER, Events, Flags, Ints
from .features.declarations import Source

# What a decision could not see was written about when it was made, or later.
_AROUND = 600_000_000  # microseconds; longer than any transaction of ours
_EPOCH_SIZE = 2**32


@dataclass(frozen=True)
class Mark:
    """A snapshot: everything below `first` had ended, nothing from `end` on had begun."""

    first: int
    end: int
    in_progress: frozenset[int]

    @classmethod
    def read(cls, text: str) -> "Mark":
        """Return what `pg_current_snapshot()::text` says.

        >>> Mark.read("10:20:12,14").covers(13), Mark.read("10:20:12,14").covers(14)
        (True, False)
        """
        first, end, listed = text.split(":")
        return cls(int(first), int(end), frozenset(int(xid) for xid in listed.split(",") if xid))

    def widen(self, xid: int) -> int:
        """Return the 64-bit number of a row's 32-bit one: the one nearest to the snapshot.

        >>> Mark.read(f"{2**32 + 5}:{2**32 + 5}:").widen(2**32 - 1) == 2**32 - 1
        True
        """
        wide = self.end - self.end % _EPOCH_SIZE + xid
        if wide > self.end + _EPOCH_SIZE // 2:
            return wide - _EPOCH_SIZE
        return wide + _EPOCH_SIZE if wide < self.end - _EPOCH_SIZE // 2 else wide

    def covers(self, xid: int) -> bool:
        """Tell whether the snapshot sees what the transaction wrote."""
        wide = self.widen(xid)
        return wide < self.first or (wide < self.end and wide not in self.in_progress)


def seen_events(
    source: Source, events: Events, written_at: Ints, *, as_of: int, mark: str | None, decided_at: int
) -> Iterator[Events]:
    """Yield which of one key's events a decision saw; then, if that is open, which it may have seen instead.

    written_at, as_of, decided_at    microseconds since the epoch
    mark                             None if the decision kept none: then what was written after it is unseen
    """
    near = np.flatnonzero((written_at >= decided_at - _AROUND) & (events.known_at < as_of))
    unseen = np.zeros(len(written_at), dtype=np.bool_)
    may_be_open = unseen.copy()
    if mark is None:
        unseen[near] = written_at[near] >= decided_at
        yield _without(unseen, events, written_at, decided_at)
        return
    snapshot, writers = Mark.read(mark), _writers(source, events.ids[near])
    for row in near.tolist():
        writer = writers.get(int(events.ids[row]))
        if writer is not None:
            unseen[row] = not snapshot.covers(writer)
            may_be_open[row] = snapshot.widen(writer) >= snapshot.first
    yield _without(unseen, events, written_at, decided_at)
    if (may_be_open != unseen).any():
        yield _without(may_be_open, events, written_at, decided_at)


def _without(unseen: Flags, events: Events, written_at: Ints, decided_at: int) -> Events:
    """Return the events without the unseen ones; a label that was there already is only not yet corrected."""
    if events.superseded_at is None or not unseen.any():
        return events.take(~unseen)
    is_correction = unseen & (events.superseded_at != NEVER) & (written_at < decided_at)
    corrected = replace(events, superseded_at=np.where(is_correction, NEVER, events.superseded_at))
    return corrected.take(~unseen | is_correction)


def _writers(source: Source, ids: Ints) -> dict[int, int]:
    """Return the 32-bit number of the transaction that wrote each row."""
    if source is Source.ORDERS:
        sql = (
            "SELECT made.id, key.xmin::text::bigint FROM orders_order AS made JOIN orders_orderkey AS key"
            " ON key.merchant_id = made.merchant_id AND key.external_id = made.external_id"
            " WHERE made.id = ANY(%s)"
        )
    else:
        sql = "SELECT id, xmin::text::bigint FROM risk_label WHERE id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(sql, [ids.tolist()])
        return dict(cursor.fetchall())
