"""Has an input or a score moved away from where the model learnt it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.arrays import Floats

# Customary reading of the index (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 stable, above 0.25 moved.
MODERATE_PSI = 0.1
LARGE_PSI = 0.25
SMALLEST_SHARE = 1e-4  # stands in for an empty bin, whose logarithm would be infinite


@dataclass(frozen=True)
class Reference:
    """How one column was spread when the model learnt it: shares between edges, the last share is missing."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        return {"edges": list(self.edges), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Reference":
        return cls(tuple(document["edges"]), tuple(document["shares"]))


def make_reference(values: Floats, *, bins: int = 10) -> Reference:
    """Return the spread of (n,) values over at most `bins` bins of equal size; NaN is a bin of its own.

    >>> make_reference(np.array([0.0, 0.0, 0.0, 5.0, np.nan]), bins=2)
    Reference(edges=(0.0,), shares=(0.6, 0.2, 0.2))
    """
    present = values[~np.isnan(values)]
    quantiles = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(present, quantiles, method="lower")) if len(present) else np.array([])
    return Reference(tuple(edges.tolist()), tuple(_shares(values, edges).tolist()))


def population_stability_index(reference: Reference, values: Floats) -> float:
    """Return the sum of (now - then) · ln(now / then) over the bins: 0 is unchanged.

    >>> then = make_reference(np.arange(100.0), bins=4)
    >>> round(population_stability_index(then, np.arange(100.0)), 3)
    0.0
    >>> round(population_stability_index(then, np.arange(50.0, 150.0)), 2)
    4.46
    """
    now = np.maximum(_shares(values, np.array(reference.edges)), SMALLEST_SHARE)
    then = np.maximum(np.array(reference.shares), SMALLEST_SHARE)
    return float(np.sum((now - then) * np.log(now / then)))


def _shares(values: Floats, edges: Floats) -> Floats:
    is_missing = np.isnan(values)
    bins = np.where(is_missing, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(bins, minlength=len(edges) + 2) / max(len(values), 1)
