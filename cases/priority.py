"""The order of work: one static number per case, with a bound on what can come before it."""

import math
from datetime import datetime, timedelta

from core.money import MAX_AMOUNT_MINOR

# Seconds a case moves forward per e-fold of what is at stake: ten times the value is worth 69 minutes.
# Half an hour keeps the largest jump (below) shorter than the shortest queue's half day to decide.
SECONDS_PER_EFOLD = 1_800.0


# A queue's head start at most: beside the jump of value, a working day's half.
MOST_HEAD_START_HOURS = 12


def sort_key(due_at: datetime, value_minor: int, *, head_start_hours: int = 0) -> float:
    """Return due time minus k·ln(1 + value) minus the queue's head start, in epoch seconds; smaller first.

    There is no clock in it, so it is computed once, indexed, and pages by key.

    value_minor   what is at stake in base-currency minor units, capped at MAX_AMOUNT_MINOR

    >>> from datetime import UTC
    >>> due_at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> round(sort_key(due_at, 0) - sort_key(due_at, 1_000_000))
    24868
    """
    return sort_key_s(due_at.timestamp(), value_minor, head_start_hours=head_start_hours)


def sort_key_s(due_s: float, value_minor: int, *, head_start_hours: int = 0) -> float:
    """Return the same for a due time in epoch seconds."""
    value = min(max(value_minor, 0), MAX_AMOUNT_MINOR)
    return due_s - SECONDS_PER_EFOLD * math.log1p(value) - 3_600 * head_start_hours


# Answered cases come before all others: no case waits ten years.
_ANSWERED_FIRST = timedelta(days=3_650)


def answered_sort_key(answered_at: datetime) -> float:
    """Return the place of a case whose merchant has answered: before all others, first answered first.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> answered_sort_key(noon) < answered_sort_key(noon + timedelta(minutes=1)) < sort_key(noon, 10**12)
    True
    """
    return (answered_at - _ANSWERED_FIRST).timestamp()


# The most that value can move a case forward. A case is therefore only ever overtaken by cases of its queue
# that fall due less than this after it: once that long has passed, nothing new in its queue comes before it.
# What has been worked on does, once for each question that a reviewer asked and a merchant answered.
LONGEST_OVERTAKING = timedelta(seconds=SECONDS_PER_EFOLD * math.log1p(MAX_AMOUNT_MINOR))
# The same over all queues, where the other one may have the largest head start.
LONGEST_OVERTAKING_ANYWHERE = LONGEST_OVERTAKING + timedelta(hours=MOST_HEAD_START_HOURS)
