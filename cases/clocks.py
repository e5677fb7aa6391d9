"""The two promises about a case: when somebody looks at it, and when it is decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from .hours import ALWAYS, BusinessHours, read_hours
from .models import Queue, ReviewCase
from .priority import answered_sort_key


@dataclass(frozen=True)
class Clocks:
    """`first_touch_due_at` is None where the queue promises nothing about it."""

    due_at: datetime
    first_touch_due_at: datetime | None


def hours_of(queue: Queue) -> BusinessHours:
    """Return when the queue's clocks run; always, if it has no calendar. ValueError if it cannot be read."""
    calendar = queue.calendar
    if calendar is None:
        return ALWAYS
    return read_hours(calendar.time_zone, calendar.hours, calendar.holidays)


def desk_zone(queues: Iterable[Queue]) -> ZoneInfo:
    """Return the people's time zone: that of the first queue with a calendar, else the installation's."""
    name = next((queue.calendar.time_zone for queue in queues if queue.calendar), settings.TIME_ZONE)
    return ZoneInfo(name)


def start_clocks(queue: Queue, at: datetime) -> Clocks:
    """Return when a case that comes now falls due."""
    hours = hours_of(queue)
    first = queue.first_touch_hours
    return Clocks(
        due_at=hours.add(at, timedelta(hours=queue.resolve_hours)),
        first_touch_due_at=None if first is None else hours.add(at, timedelta(hours=first)),
    )


def resume_clocks(case: ReviewCase, *, at: datetime) -> dict[str, Any]:
    """Return what changes when the merchant has answered: it is due later by as long as its clock stood.

    It comes back on top: who has had their turn and answered does not wait
    again behind those who came meanwhile.
    """
    if case.paused_at is None:
        return {}
    hours = hours_of(case.queue)
    left = hours.between(case.paused_at, case.due_at)
    # What was overdue when the clock stopped stays so.
    due_at = hours.add(at, left) if left else case.due_at
    return {"due_at": due_at, "paused_at": None, "sort_key": answered_sort_key(at)}
