"""Give committed events their gap-free sequence.

An event's id is made before its transaction commits, so ids become visible out
of order and a reader paging by id would miss some. One sequencer at a time
numbers committed rows; readers page by that number and can miss none.
"""

from django.db import connection, transaction
from django.db.models import Max

from core.models import OutboxEvent

BATCH = 1_000
_LOCK = 7_201_944_310_552  # any constant: the advisory lock that makes the sequencer single


def sequence() -> int:
    """Number the events that have committed since the last run; return how many."""
    done = 0
    while (numbered := _sequence_batch()) > 0:
        done += numbered
        if numbered < BATCH:
            break
    return done


def _sequence_batch() -> int:
    with transaction.atomic():
        if not _lock():
            return 0
        last = OutboxEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
        events = list(OutboxEvent.objects.filter(sequence=None).order_by("id").only("id")[:BATCH])
        for number, event in enumerate(events, start=last + 1):
            event.sequence = number
        OutboxEvent.objects.bulk_update(events, ["sequence"])
    return len(events)


def _lock() -> bool:
    """Be the only sequencer for this transaction; SQLite's immediate transaction already is."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
