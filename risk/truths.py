"""What subjects proved to be, as known at a moment."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from .models import Label, LabelSource

_ASKED_AT_ONCE = 500


def read_truths(subject: str, subject_ids: Iterable[int], *, at: datetime) -> dict[int, bool]:
    """Return subject id → bad if any source says so, of those that have a label; imports do not count.

    One query for 500 subjects.
    """
    truths: dict[int, bool] = {}
    remaining = iter(subject_ids)
    while batch := list(islice(remaining, _ASKED_AT_ONCE)):
        labels = Label.objects.as_of(at).filter(subject_kind=subject, subject_id__in=batch)
        told = labels.exclude(source=LabelSource.IMPORTED).values_list("subject_id", "is_bad")
        for subject_id, is_bad in told:
            truths[subject_id] = truths.get(subject_id, False) or is_bad
    return truths
