"""Give committed events their gap-free sequence.

An event's id is made before its transaction commits, so ids become visible out
of order and a reader paging by id would miss some. One sequencer at a time
numbers committed rows; readers page by that number and can miss none.
"""

from django.db import transaction
from django.db.models import Max

from core.locks import try_lock
from core.models import OutboxEvent

BATCH = 1_000


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
        if not try_lock("delivery.sequencer"):
            return 0
        last = OutboxEvent.objects.aggregate(last=Max("sequence"))["last"] or 0
        events = list(OutboxEvent.objects.filter(sequence=None).order_by("id").only("id")[:BATCH])
        for number, event in enumerate(events, start=last + 1):
            event.sequence = number
        OutboxEvent.objects.bulk_update(events, ["sequence"])
    return len(events)
