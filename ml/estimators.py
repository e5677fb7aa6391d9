"""Fitted models as data: a bag of LightGBM trees and a linear baseline, behind one surface.

The third kind is in `ml.forest`. A further kind, a deep model for instance, is a class with the methods of
Estimator that writes itself down as numbers, a member of Kind, and a function that fits it in `ml.training`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ml.arrays import Floats
from ml.boosting import RowScorer, load_lightgbm

_CATEGORICAL = 1  # bit of LightGBM's decision_type


class Kind(StrEnum):
    LIGHTGBM = "lightgbm"
    LOGISTIC = "logistic"
    ISOLATION_FOREST = "isolation_forest"


class Estimator(Protocol):
    """What every kind can do with a matrix (n, n_features), NaN where a value is missing."""

    @property
    def kind(self) -> Kind: ...

    @property
    def width(self) -> int:
        """Return how many inputs it takes."""

    def margins(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        """Return the (n,) log-odds of bad, not calibrated."""

    def margin(self, vector: Floats) -> float:
        """Return what margins() gives for this one row, (n_features,), to the last bit."""

    def contributions(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        """Return (n, n_features + 1) shares of the margins; the last column is the base value."""

    def as_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, eq=False)
class TreeBag:
    """LightGBM models that differ in their seed; the margin is their mean, so contributions still add up.

    models    each in LightGBM's text format
    """

    models: tuple[str, ...]
    kind: Kind = field(default=Kind.LIGHTGBM, init=False)

    @property
    def width(self) -> int:
        found = {re.search(r"^max_feature_idx=(\d+)$", text, re.MULTILINE) for text in self.models}
        widths = {int(match.group(1)) + 1 for match in found if match}
        if len(widths) != 1 or None in found:
            raise ValueError("The trees do not say, or do not agree, how many inputs they take.")
        return widths.pop()

    def margins(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        return self._mean(matrix, raw_score=True, num_threads=num_threads)

    def margin(self, vector: Floats) -> float:
        return self._row_scorer.margin(vector)

    def contributions(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        return self._mean(matrix, pred_contrib=True, num_threads=num_threads)

    def split_gains(self, width: int) -> Floats:
        """Return (width,) what the splits on each input gained, summed over all trees."""
        gains = [booster.feature_importance(importance_type="gain") for booster in self._boosters]
        return np.asarray(np.sum(gains, axis=0), dtype=np.float64).reshape(width)

    @cached_property
    def split_values(self) -> dict[int, tuple[float, ...]]:
        """Where the trees divide an input, rising, by its column; between two of them nothing changes."""
        found: dict[int, set[float]] = {}
        for text in self.models:
            for tree in text.split("\nTree=")[1:]:
                lines = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
                kinds, columns, values = (
                    lines.get(name, "").split() for name in ("decision_type", "split_feature", "threshold")
                )
                for kind, column, value in zip(kinds, columns, values, strict=True):
                    if not int(kind) & _CATEGORICAL:
                        found.setdefault(int(column), set()).add(float(value))
        return {column: tuple(sorted(values)) for column, values in found.items()}

    def as_json(self) -> dict[str, Any]:
        return {"models": list(self.models)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "TreeBag":
        return cls(tuple(document["models"]))

    def _mean(self, matrix: Floats, **options: Any) -> Floats:
        total = sum(booster.predict(matrix, **options) for booster in self._boosters)
        return np.asarray(total / len(self._boosters), dtype=np.float64)

    @cached_property
    def _boosters(self) -> list[Any]:
        """Parsed once per process; a Booster must not be shared with a forked child that also predicts."""
        lightgbm = load_lightgbm()

        return [lightgbm.Booster(model_str=text) for text in self.models]

    @cached_property
    def _row_scorer(self) -> RowScorer:
        return RowScorer(self._boosters)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Logistic regression on filled, compressed and standardised inputs.

    Every array is (n_features,). A missing value takes `fill`; then v → sign(v)·ln(1 + |v|), because counts
    and amounts span orders of magnitude; then (v - mean) / scale.
    """

    fill: Floats
    mean: Floats
    scale: Floats
    coefficient: Floats
    intercept: float
    kind: Kind = field(default=Kind.LOGISTIC, init=False)

    @property
    def width(self) -> int:
        return len(self.coefficient)

    def margins(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        return np.asarray(self.contributions(matrix, num_threads=num_threads).sum(axis=1), dtype=np.float64)

    def margin(self, vector: Floats) -> float:
        return float(self.margins(vector[np.newaxis])[0])

    def contributions(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        del num_threads  # numpy's own threads do for a product of this size
        filled = np.where(np.isnan(matrix), self.fill, matrix)
        shares = (compress(filled) - self.mean) / self.scale * self.coefficient
        return np.column_stack([shares, np.full(len(matrix), self.intercept)])

    def as_json(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in ("fill", "mean", "scale", "coefficient")}
        return arrays | {"intercept": self.intercept}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "LinearModel":
        fill, mean, scale, coefficient = (
            np.asarray(document[name], dtype=np.float64) for name in ("fill", "mean", "scale", "coefficient")
        )
        return cls(fill, mean, scale, coefficient, float(document["intercept"]))


def compress(values: Floats) -> Floats:
    """Return sign(v)·ln(1 + |v|).

    >>> compress(np.array([-1.0, 0.0, 99.0])).round(3)
    array([-0.693,  0.   ,  4.605])
    """
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
