"""The outbox as its readers see it: by sequence, which has no gaps to miss an event in."""

from collections.abc import Collection

from django.db.models import QuerySet

from .errors import NotFound
from .models import OutboxEvent


def list_events(
    merchant_ids: Collection[int] | None, *, types: Collection[str], after: int
) -> QuerySet[OutboxEvent]:
    """List numbered events after a sequence number, oldest first; None = of every merchant and of none."""
    events = OutboxEvent.objects.filter(sequence__gt=after, type__in=types).order_by("sequence")
    return events if merchant_ids is None else events.filter(merchant_id__in=merchant_ids)


def get_event(event_id: int, merchant_ids: Collection[int] | None) -> OutboxEvent:
    """Return an event; NotFound if it is not of these merchants (None = any)."""
    events = OutboxEvent.objects.filter(pk=event_id)
    found = (events if merchant_ids is None else events.filter(merchant_id__in=merchant_ids)).first()
    if found is None:
        raise NotFound("No such event.")
    return found
