"""How many subjects a labelled one stands for: models chose who was looked at, and this undoes it.

Whoever is held gets looked at, and whoever is approved does not, except for a random share. A model trained
on what people happened to look at would learn its predecessor's choices. Horvitz and Thompson (A
Generalization of Sampling Without Replacement From a Finite Universe, JASA 47, 1952): weigh each observed row
by 1 / the probability with which it was observed, and sums over them estimate sums over all.

- A label that comes by itself (chargeback, refund for fraud, matured, imported) has the probability 1: it
  would have come whoever had judged.
- A held or declined subject is reviewed for certain: 1.
- An approved subject whose only label is a verdict was drawn for the random sample: it stands for all
  approved ones of which nothing else is known, and weighs 1 / the share that its own decision drew.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db.models import Count

from .models import Decision, Label, LabelSource, Outcome

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# A share of 1 in 1,000 would let one row outvote a thousand. Beyond this the bias of cutting is cheaper than
# the variance of not cutting (Ionides, Truncated Importance Sampling, 2008).
LARGEST_WEIGHT = 100.0
_CHUNK = 5_000


def sampling_weights(subject: str, ids: Ints, *, as_of: datetime) -> Floats:
    """Return (n,) how many subjects each labelled one stands for, 1–100; a query per 5,000 drawn."""
    weights = np.ones(len(ids))
    rows = {id: row for row, id in enumerate(ids.tolist())}
    for id, share in _drawn_shares(subject, _only_verdicts(subject, as_of), rows).items():
        weights[rows[id]] = min(1 / share, LARGEST_WEIGHT)
    return weights


def _only_verdicts(subject: str, as_of: datetime) -> set[int]:
    """Return the subjects about which only a reviewer has said anything by this moment."""
    labels = Label.objects.as_of(as_of).filter(subject_kind=subject)
    judged = set(labels.filter(source=LabelSource.VERDICT).values_list("subject_id", flat=True))
    if not judged:
        return judged
    several = labels.values("subject_id").annotate(count=Count("pk")).filter(count__gt=1)
    return judged - set(several.values_list("subject_id", flat=True))


def _drawn_shares(subject: str, candidates: set[int], rows: dict[int, int]) -> dict[int, float]:
    """Return subject → the share at which its newest decision, an approval, was drawn for review."""
    wanted: Sequence[int] = sorted(candidates & rows.keys())
    shares: dict[int, float] = {}
    for start in range(0, len(wanted), _CHUNK):
        decisions = Decision.objects.filter(
            subject_kind=subject, subject_id__in=wanted[start : start + _CHUNK]
        ).order_by("pk")
        for id, outcome, is_sampled, share in decisions.values_list(
            "subject_id", "outcome", "is_sampled", "snapshot__review_share"
        ):
            shares.pop(id, None)  # the newest decision counts
            if outcome == Outcome.APPROVE and is_sampled and share:
                shares[id] = float(share)
    return shares
