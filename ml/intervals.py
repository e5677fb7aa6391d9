"""Every figure with a 95 % interval, of several models on the same rows, by one bootstrap.

A draw takes as many rows as there are, with replacement; rows of one group (a buyer, a merchant) are taken
together, because what one of them did says much about the others. All models are judged on the same draws,
so that the difference of two of them has an interval too (`ml.comparison`). Rows are sorted once per model;
a draw only changes their weights. Method: percentiles (Efron & Tibshirani 1993, chapter 13).

Figures, in the order of FIGURES:

    auc, average_precision, recall_at_1pct_fpr, recall_at_5pct_fpr    of the ranking
    precision_at_k           mean over days (UTC) of the share of bad among the day's k highest scores
    cost_per_row_minor       expected cost at the model's threshold, minor units a row
    brier, calibration_error of the probabilities; 10 bins of equal weight, the bins of the whole set
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ml.arrays import Flags, Floats, Ints, Strings
from ml.calibration import bin_starts
from ml.costs import Costs, cheapest_threshold
from ml.datasets import TrainingSet
from ml.errors import LearningError
from ml.evaluation import DayRanks, area_under, cumulative_at, precision_area, recall_within

FIGURES = (
    "auc",
    "average_precision",
    "recall_at_1pct_fpr",
    "recall_at_5pct_fpr",
    "precision_at_k",
    "cost_per_row_minor",
    "brier",
    "calibration_error",
)
ROW_DRAWS = 40_000_000  # rows × draws per model: 4.6 s of one core at 100,000 rows
FEWEST_DRAWS = 100  # a percentile of fewer is mostly chance
_DAY = 86_400_000_000
_BINS = 10

Step = Callable[[int, int], None]  # (draws done, draws in all); may raise Cancelled


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Labelled rows that models are judged on; every array is (n,).

    is_bad          matured labels
    at              microseconds since the epoch, UTC
    weight          how many rows of the world a row stands for; ones by default
    group           rows of one group are resampled together; None: each by itself
    amount_minor    what a bad row loses; zeros by default, so that only fees and reviews cost
    segments        by name, the segment that each row is in; "" is unknown
    """

    is_bad: Flags
    at: Ints
    weight: Floats | None = None
    group: Ints | None = None
    amount_minor: Ints | None = None
    segments: Mapping[str, Strings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = [self.at, self.weight, self.group, self.amount_minor, *self.segments.values()]
        if any(column is not None and len(column) != len(self.is_bad) for column in columns):
            raise LearningError("The columns of the judged rows differ in length.", code="wrong_shape")

    @classmethod
    def of(
        cls,
        data: TrainingSet,
        *,
        amount_minor: Ints | None = None,
        segments: Mapping[str, Strings] | None = None,
    ) -> "JudgedRows":
        return cls(data.is_bad, data.at, data.weight, data.group, amount_minor, segments or {})

    def __len__(self) -> int:
        return len(self.is_bad)

    @property
    def weights(self) -> Floats:
        return np.ones(len(self)) if self.weight is None else self.weight

    @property
    def amounts(self) -> Ints:
        return np.zeros(len(self), dtype=np.int64) if self.amount_minor is None else self.amount_minor

    @property
    def day(self) -> Ints:
        return self.at // _DAY

    def take(self, rows: Ints | Flags) -> "JudgedRows":
        optional = {
            name: None if column is None else column[rows]
            for name in ("weight", "group", "amount_minor")
            for column in [getattr(self, name)]
        }
        segments = {name: labels[rows] for name, labels in self.segments.items()}
        return replace(self, is_bad=self.is_bad[rows], at=self.at[rows], segments=segments, **optional)


@dataclass(frozen=True, kw_only=True)
class Judging:
    """How rows are judged.

    k        rows a day that reviewers look at
    draws    of the bootstrap, for 100,000 rows or fewer; see draws_for()
    """

    costs: Costs = field(default_factory=Costs)
    k: int = 100
    draws: int = 400
    seed: int = 1

    def draws_for(self, rows: int) -> int:
        """Return how many draws are made: fewer for many rows, whose intervals are narrow anyway.

        >>> [Judging().draws_for(rows) for rows in (1_000, 100_000, 200_000, 10_000_000)]
        [400, 400, 200, 100]
        """
        return min(self.draws, max(FEWEST_DRAWS, ROW_DRAWS // max(rows, 1)))


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval; None where it cannot be computed (a class is absent)."""

    value: float | None
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, eq=False)
class Judgement:
    """The figures of models on the same rows and the same draws.

    thresholds    by model, from which score on a row is held
    estimates     by model, (figures,) on the rows as they are
    draws         by model, (draws, figures) on the resampled rows
    """

    thresholds: Mapping[str, float]
    estimates: Mapping[str, Floats]
    draws: Mapping[str, Floats]

    def interval(self, model: str, figure: str) -> Interval:
        column = FIGURES.index(figure)
        estimate, draws = float(self.estimates[model][column]), self.draws[model][:, column]
        if figure == "calibration_error":
            draws = _without_bias(draws, estimate)
        return percentile_interval(estimate, draws)

    def figures(self, model: str) -> dict[str, Interval]:
        return {figure: self.interval(model, figure) for figure in FIGURES}

    def difference(self, model: str, other: str, figure: str) -> Interval:
        """Return figure(model) - figure(other), resampled together."""
        column = FIGURES.index(figure)
        estimate = self.estimates[model][column] - self.estimates[other][column]
        return percentile_interval(
            float(estimate), self.draws[model][:, column] - self.draws[other][:, column]
        )


def judge(
    rows: JudgedRows,
    scores: Mapping[str, Floats],
    *,
    thresholds: Mapping[str, float] | None = None,
    judging: Judging | None = None,
    step: Step | None = None,
) -> Judgement:
    """Return the figures of these models' (n,) probabilities, with the means for their intervals.

    A model without a threshold gets the one that costs least on these rows: a little too good, for all alike.

    >>> random = np.random.default_rng(5)
    >>> is_bad = random.random(2_000) < 0.1
    >>> rows = JudgedRows(is_bad, np.arange(2_000) * 3_600_000_000)
    >>> score = np.clip(0.1 + 0.05 * is_bad + random.normal(0, 0.03, 2_000), 0, 1)
    >>> found = judge(rows, {"model": score}).interval("model", "auc")
    >>> print(*(f"{value:.3f}" for value in (found.value, found.low, found.high)))
    0.883 0.858 0.906
    """
    judging = judging or Judging()
    given = dict(thresholds or {})
    for name, score in scores.items():
        if len(score) != len(rows):
            raise LearningError("A model's scores are not one for each judged row.", code="wrong_shape")
        if name not in given:
            given[name] = (
                cheapest_threshold(rows.is_bad, score, rows.amounts, judging.costs, rows.weight)
                if len(rows)
                else 0.0
            )
    ranked = {name: _RankedModel(rows, score, given[name], judging) for name, score in scores.items()}
    estimates = {name: model.figures(rows.weights) for name, model in ranked.items()}
    in_all = judging.draws_for(len(rows)) if len(rows) else 0
    draws = {name: np.full((in_all, len(FIGURES)), np.nan) for name in scores}
    resampler = Resampler(len(rows), rows.group, judging.seed)
    for number in range(in_all):
        weight = rows.weights * resampler.counts()
        for name, model in ranked.items():
            draws[name][number] = model.figures(weight)
        if step is not None:
            step(number + 1, in_all)
    return Judgement({name: given[name] for name in scores}, estimates, draws)


class Resampler:
    """How often each row is in each draw; equal seeds give equal draws."""

    def __init__(self, rows: int, group: Ints | None, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._code: Ints | None = None
        self._units = rows
        if group is not None:
            units, code = np.unique(group, return_inverse=True)
            self._units, self._code = len(units), code

    def counts(self) -> Floats:
        drawn = self._random.integers(0, self._units, self._units)
        counts = np.bincount(drawn, minlength=self._units).astype(np.float64)
        return counts if self._code is None else counts[self._code]


class _RankedModel:
    """One model's rows, sorted once, so that other weights cost only sums."""

    def __init__(self, rows: JudgedRows, score: Floats, threshold: float, judging: Judging) -> None:
        self._is_bad, self._k = rows.is_bad.astype(np.float64), judging.k
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        self._last_of_tie = np.append(ranked[1:] != ranked[:-1], True)[: len(score)]
        self._ranked_bad = self._is_bad[self._order]
        self._days = DayRanks(rows.day, score)
        costs = judging.costs
        self._cost = np.where(
            score >= threshold,
            costs.held(rows.is_bad, rows.amounts),
            costs.approved(rows.is_bad, rows.amounts),
        )
        self._squares = (score - self._is_bad) ** 2
        self._gap = (score - self._is_bad)[self._order]
        self._bins = bin_starts(rows.weights[self._order], _BINS)

    def figures(self, weight: Floats) -> Floats:
        total = float(weight.sum())
        if total <= 0:
            return np.full(len(FIGURES), np.nan)
        ranked = weight[self._order]
        bad, good = cumulative_at(ranked, ranked * self._ranked_bad, self._last_of_tie)
        gaps = np.add.reduceat(ranked * self._gap, self._bins)
        return np.array(
            [
                area_under(bad, good),
                precision_area(bad, good),
                recall_within(bad, good, 0.01),
                recall_within(bad, good, 0.05),
                self._days.precision(weight, weight * self._is_bad, self._k),
                float(weight @ self._cost) / total,
                float(weight @ self._squares) / total,
                float(np.abs(gaps).sum()) / total,
            ]
        )


def percentile_interval(estimate: float, draws: Floats) -> Interval:
    """Return the 2.5th and 97.5th percentile around an estimate; draws without a figure do not count."""
    usable = draws[np.isfinite(draws)]
    if not np.isfinite(estimate):
        return Interval(None, None, None)
    if not len(usable):
        return Interval(estimate, None, None)
    low, high = np.quantile(usable, [0.025, 0.975])
    return Interval(estimate, float(low), float(high))


def _without_bias(draws: Floats, estimate: float) -> Floats:
    """Move draws of a distance to where the estimate is: noise of resampling only ever adds to a distance."""
    usable = draws[np.isfinite(draws)]
    return np.maximum(draws - (np.median(usable) - estimate), 0.0) if len(usable) else draws


def as_json(figures: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: interval.as_json() for name, interval in figures.items()}
