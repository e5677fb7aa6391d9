"""From a raw score to the probability of bad: fitting, choosing, measuring."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from ml.arrays import Flags, Floats, Ints

MIN_BAD_FOR_TABLE = 200  # isotonic fits overfit small samples (Niculescu-Mizil & Caruana 2005)
SMALLEST = 1e-9  # raw scores are kept this far from 0 and 1, so that their log-odds are finite


class Method(StrEnum):
    NONE = "none"
    SIGMOID = "sigmoid"
    TABLE = "table"


@dataclass(frozen=True)
class Calibration:
    """A strictly rising curve from raw score to probability; ranks never change and never tie.

    raw, probability    TABLE: the knots, joined by lines
    slope, intercept    SIGMOID: of the log-odds (Platt 1999)
    """

    method: Method = Method.NONE
    raw: tuple[float, ...] = ()
    probability: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, raw: Floats) -> Floats:
        """Return the probabilities of these raw scores, both (n,) and 0–1.

        >>> table = Calibration(Method.TABLE, raw=(0.0, 0.5, 1.0), probability=(0.0, 0.1, 1.0))
        >>> table.apply(np.array([0.25, 0.75]))
        array([0.05, 0.55])
        """
        if self.method is Method.TABLE:
            return np.interp(raw, *self._knots)
        if self.method is Method.SIGMOID:
            return sigmoid(self.slope * log_odds(raw) + self.intercept)
        return raw

    def apply_one(self, raw: float) -> float:
        """Return what apply() gives for one raw score, to the last bit, without arrays in between."""
        if self.method is Method.TABLE:
            return self._between_knots(raw)
        if self.method is Method.SIGMOID:
            inside = min(max(raw, SMALLEST), 1 - SMALLEST)
            return sigmoid_of(self.slope * math.log(inside / (1 - inside)) + self.intercept)
        return raw

    def _between_knots(self, raw: float) -> float:
        """Return what numpy's interp gives, by its own formula: calling it costs more than the rest."""
        right = bisect_right(self.raw, raw)
        if right == 0 or right == len(self.raw):
            return self.probability[max(right - 1, 0)]
        low, high = self.raw[right - 1], self.raw[right]
        bottom, top = self.probability[right - 1], self.probability[right]
        return bottom if raw == low else (top - bottom) / (high - low) * (raw - low) + bottom

    @cached_property
    def _knots(self) -> tuple[Floats, Floats]:
        return np.array(self.raw), np.array(self.probability)

    def as_json(self) -> dict[str, Any]:
        return {
            "method": self.method.value,
            "raw": list(self.raw),
            "probability": list(self.probability),
            "slope": self.slope,
            "intercept": self.intercept,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Calibration":
        return cls(
            method=Method(document["method"]),
            raw=tuple(document["raw"]),
            probability=tuple(document["probability"]),
            slope=float(document["slope"]),
            intercept=float(document["intercept"]),
        )


def fit_calibration(raw: Floats, is_bad: Flags, at: Ints, weight: Floats | None = None) -> Calibration:
    """Fit both methods on the earlier half, keep the one with the lower Brier score on the later half.

    The one kept is fitted again on all rows. Few labels always get the sigmoid's two parameters.
    """
    weights = np.ones(len(raw)) if weight is None else weight
    order = np.argsort(at, kind="stable")
    early, late = np.array_split(order, 2)
    bad = weights[is_bad]
    effective = float(bad.sum()) ** 2 / float(bad @ bad) if bad.any() else 0.0  # rows of equal weight (Kish)
    fits = (fit_sigmoid, fit_table) if effective >= MIN_BAD_FOR_TABLE else (fit_sigmoid,)
    errors = [
        brier_score(
            is_bad[late], fit(raw[early], is_bad[early], weights[early]).apply(raw[late]), weights[late]
        )
        for fit in fits
    ]
    return fits[int(np.argmin(errors))](raw, is_bad, weights)


def fit_sigmoid(raw: Floats, is_bad: Flags, weight: Floats) -> Calibration:
    """Fit slope and intercept of the log-odds by Newton's method, towards Platt's smoothed targets."""
    bad, good = float(weight[is_bad].sum()), float(weight[~is_bad].sum())
    target = np.where(is_bad, (bad + 1) / (bad + 2), 1 / (good + 2))
    inputs = np.column_stack([log_odds(raw), np.ones(len(raw))])
    solution = np.array([1.0, 0.0])
    for _ in range(50):
        probability = sigmoid(inputs @ solution)
        gradient = inputs.T @ (weight * (target - probability))
        curvature = weight * probability * (1 - probability)
        hessian = (inputs * curvature[:, None]).T @ inputs + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        solution = solution + np.clip(step, -1, 1)  # a full step from far away can overshoot
        if np.abs(step).max() < 1e-10:
            break
    slope, intercept = (float(value) for value in solution)
    return Calibration(Method.SIGMOID, slope=max(slope, 1e-3), intercept=intercept)  # ranks never turn round


def fit_table(raw: Floats, is_bad: Flags, weight: Floats) -> Calibration:
    """Fit an isotonic regression and join the centres of its steps, from (0, 0) to (1, 1).

    Steps alone would give many subjects the same probability, and a queue sorted by it no order.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(raw, kind="stable")
    ranked, weights = raw[order], weight[order]
    steps = isotonic_regression(is_bad[order].astype(np.float64), weights=weights)
    starts = steps.blocks[:-1]
    centres = np.add.reduceat(ranked * weights, starts) / np.add.reduceat(weights, starts)
    levels = np.clip(steps.x[starts], SMALLEST, 1 - SMALLEST)
    inside = (
        (centres > 0) & (centres < 1) & (np.diff(centres, prepend=0) > 0) & (np.diff(levels, prepend=0) > 0)
    )
    return Calibration(
        Method.TABLE,
        raw=(0.0, *centres[inside].tolist(), 1.0),
        probability=(0.0, *levels[inside].tolist(), 1.0),
    )


def brier_score(is_bad: Flags, probability: Floats, weight: Floats | None = None) -> float:
    """Return the mean squared distance between probability and outcome (0 is perfect).

    >>> brier_score(np.array([True, False]), np.array([0.8, 0.4]))
    0.1
    """
    return round(float(np.average((probability - is_bad) ** 2, weights=weight)), 12)


def expected_calibration_error(
    is_bad: Flags, probability: Floats, weight: Floats | None = None, *, bins: int = 10
) -> float:
    """Return the mean distance between predicted and observed share over bins of equal size.

    >>> expected_calibration_error(np.array([True, False]), np.array([0.5, 0.5]), bins=1)
    0.0
    """
    table = reliability(is_bad, probability, weight, bins=bins)
    total = sum(bin_.weight for bin_ in table)
    if not total:
        return float("nan")
    return sum(bin_.weight * abs(bin_.predicted - bin_.observed) for bin_ in table) / total


@dataclass(frozen=True)
class ReliabilityBin:
    """What was predicted and what came true among rows of similar probability."""

    rows: int
    weight: float
    predicted: float
    observed: float


def reliability(
    is_bad: Flags, probability: Floats, weight: Floats | None = None, *, bins: int = 10
) -> list[ReliabilityBin]:
    """Return bins of equal weight from the lowest probability to the highest; empty bins are left out."""
    weights = np.ones(len(probability)) if weight is None else weight
    order = np.argsort(probability, kind="stable")
    starts = bin_starts(weights[order], bins)
    ends = np.append(starts[1:], len(order))
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        rows = order[start:end]
        total = float(weights[rows].sum())
        if total > 0:
            predicted, observed = (
                float(column[rows] @ weights[rows] / total) for column in (probability, is_bad)
            )
            found.append(ReliabilityBin(len(rows), total, predicted, observed))
    return found


def bin_starts(weight: Floats, bins: int) -> Ints:
    """Return where each of at most `bins` bins of equal weight starts among rows that are sorted.

    >>> bin_starts(np.array([1.0, 1.0, 1.0, 3.0]), 2)
    array([0, 3])
    """
    total = float(weight.sum())
    if total <= 0:
        return np.zeros(0, dtype=np.int64)
    middle = (np.cumsum(weight) - weight / 2) / total
    number = np.minimum((middle * bins).astype(np.int64), bins - 1)
    return np.flatnonzero(np.diff(number, prepend=-1)).astype(np.int64)


def sigmoid(values: Floats) -> Floats:
    """Return 1 / (1 + e^-x) without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    decay = _each(math.exp, -np.abs(values))
    return np.where(values >= 0, 1 / (1 + decay), decay / (1 + decay))


def sigmoid_of(value: float) -> float:
    """Return sigmoid() of one number, to the last bit."""
    decay = math.exp(-abs(value))
    return 1 / (1 + decay) if value >= 0 else decay / (1 + decay)


def log_odds(probability: Floats) -> Floats:
    """Return ln(p / (1 - p)), with p kept inside (0, 1)."""
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return _each(math.log, inside / (1 - inside))


def _each(function: Callable[[float], float], values: Floats) -> Floats:
    """Return a function of `math` for each value.

    numpy's own exponential differs from that of `math` in the last bit of some
    values, and takes ten times as long for a single one. For a column this is
    a tenth of a microsecond a row, which is nothing beside the trees.
    """
    flat = np.fromiter(map(function, values.ravel().tolist()), np.float64, values.size)
    return flat.reshape(values.shape)
