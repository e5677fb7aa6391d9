"""Which keys have a rollup, as far as this process has seen.

Only the choice between texts of one statement rests on it, never an answer: a
text that reads no rollups counts the events one by one, and one that reads
them finds none where there is none. So it may be some seconds old.
"""

import time
from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from core.ids import first_id_at

from .features.declarations import Entity
from .models import Rollup

# A key has only just become busy when it gets its rollup: reading its events for as long again costs little.
FRESH_SECONDS = 10.0
# A rollup is made and becomes visible at different moments; what was made a while ago is asked for again.
_OVERLAP = timedelta(minutes=10)

_keys: set[tuple[str, int | None]] = set()
_asked_at = float("-inf")
_newest: int | None = None


def busy_entities(keys: Mapping[Entity, int | None]) -> frozenset[Entity]:
    """Return the entities whose key has a rollup; one small query every ten seconds."""
    global _asked_at
    now = time.monotonic()
    if now - _asked_at >= FRESH_SECONDS:
        _ask()
        _asked_at = now
    if not _keys:
        return frozenset()
    return frozenset(
        entity for entity, key in keys.items() if key is not None and (entity.value, key) in _keys
    )


def forget() -> None:
    """Drop what was seen, e.g. between tests."""
    global _asked_at, _newest
    _keys.clear()
    _asked_at, _newest = float("-inf"), None


def _ask() -> None:
    global _newest
    rows = Rollup.objects.order_by()
    if _newest is not None:
        rows = rows.filter(pk__gte=min(_newest, first_id_at(timezone.now() - _OVERLAP)))
    for id, entity, key in rows.values_list("pk", "entity", "key").iterator(chunk_size=10_000):
        _keys.add((entity, key))
        _newest = id if _newest is None else max(_newest, id)
