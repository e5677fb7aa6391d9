"""What subjects proved to be, in one query."""

from collections.abc import Iterable, Mapping

from risk.models import Label


def known_truths(subject: str, subject_ids: Iterable[int]) -> Mapping[int, bool]:
    """Return subject id → bad, if any source says so; who has no label is not in it."""
    truths: dict[int, bool] = {}
    labels = Label.objects.filter(subject_kind=subject, subject_id__in=set(subject_ids))
    for id, is_bad in labels.values_list("subject_id", "is_bad"):
        truths[id] = truths.get(id, False) or is_bad
    return truths
