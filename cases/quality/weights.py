"""How much a reviewer's labels weigh: the share of their judgements that may be expected to be right."""

from collections.abc import Collection

from django.db.models import Q

from .agreement import reliability
from .models import LookKind, SecondLook

# The newest are read: what one verdict costs stays the same, and who gets better is trusted more.
OWN_LOOKS = 500
QUEUE_LOOKS = 2_000
# A weight is written in steps of this, so that a label is not corrected for nothing.
_DECIMALS = 3
_COUNTED = Q(kind__in=[LookKind.BLIND, LookKind.GOLDEN])


def label_weight(reviewer_ids: Collection[int], queue_id: int) -> float:
    """Return the weight of a label by these people, 0–1; 1 while nobody of the queue was looked at again.

    A verdict that took two weighs as much as the more reliable of them. One
    query, and two for each person once there are looks in the queue.
    """
    newest = SecondLook.objects.filter(_COUNTED, queue_id=queue_id).order_by("-pk")[:QUEUE_LOOKS]
    right, looks = _count(
        [flag for row in newest.values_list("is_first_right", "is_second_right") for flag in row]
    )
    if not looks:
        return 1.0
    mean = right / looks
    return round(max(reliability(*_own(one), mean=mean) for one in reviewer_ids), _DECIMALS)


def _own(reviewer_id: int) -> tuple[int, int]:
    """Return how often this person was right, and in how many looks that is known."""
    flags: list[bool | None] = []
    for side in ("first", "second"):
        looks = SecondLook.objects.filter(_COUNTED, **{f"{side}_reviewer_id": reviewer_id}).order_by("-pk")
        flags += looks.values_list(f"is_{side}_right", flat=True)[:OWN_LOOKS]
    return _count(flags)


def _count(flags: Collection[bool | None]) -> tuple[int, int]:
    known = [flag for flag in flags if flag is not None]
    return sum(known), len(known)
