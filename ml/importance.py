"""What a model uses: gain of its splits, loss when a column is shuffled, contributions by value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Floats, Ints
from ml.artifacts import ModelArtifact
from ml.datasets import TrainingSet
from ml.estimators import TreeBag
from ml.evaluation import cumulative_at, precision_area
from ml.intervals import Resampler

MOST_ROWS = 20_000  # shuffled and predicted again for each column; more rows change the mean little
_ROW_DRAWS = 50  # enough for a standard error
MOST_EXPLAINED = 2_000  # at about 1.5 ms a row and model

Step = Callable[[int, int], None]  # (columns done, columns in all); may raise Cancelled


@dataclass(frozen=True)
class Importance:
    """How much average precision falls when these columns are shuffled together.

    drops    one per repeat; negative if the model was better without what the columns say
    error    standard error of their mean, from the shuffles and from the choice of rows (bootstrap)
    """

    features: tuple[str, ...]
    drops: tuple[float, ...]
    error: float

    @property
    def mean(self) -> float:
        return float(np.mean(self.drops))

    @property
    def helps(self) -> bool:
        """True if the loss is beyond its standard error, so beyond noise."""
        return self.mean > self.error


def permutation_importance(
    artifact: ModelArtifact,
    later: TrainingSet,
    *,
    together: Sequence[Sequence[str]] = (),
    repeats: int = 3,
    seed: int = 1,
    num_threads: int = 1,
    step: Step | None = None,
) -> list[Importance]:
    """Return the loss of each column on later rows, in the model's order (Breiman 2001).

    Columns of `together` are shuffled by one permutation and reported as one, because a model leans on either
    of two that say the same. A column that no split uses loses exactly nothing and is not predicted again.
    """
    rows = _sample(later.select(artifact.features), MOST_ROWS, seed)
    units = _units(artifact.features, together)
    precision = _Precision(rows, seed)
    before = precision.of(artifact.estimator.margins(rows.matrix, num_threads=num_threads))
    used = used_features(artifact)
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(rows)) for _ in range(repeats)]
    found = []
    for number, unit in enumerate(units):
        if used is not None and used.isdisjoint(unit):
            found.append(Importance(unit, (0.0,) * repeats, 0.0))
        else:
            columns = [artifact.features.index(name) for name in unit]
            after = [
                precision.of(_shuffled_margins(artifact, rows, columns, order, num_threads))
                for order in orders
            ]
            found.append(_importance(unit, before, np.array(after)))
        if step is not None:
            step(number + 1, len(units))
    return found


def gain_shares(artifact: ModelArtifact) -> dict[str, float] | None:
    """Return each input's share of what the splits of a LightGBM model gained; None for other kinds."""
    if not isinstance(artifact.estimator, TreeBag):
        return None
    gains = artifact.estimator.split_gains(len(artifact.features))
    total = float(gains.sum())
    return {
        name: gain / total if total else 0.0
        for name, gain in zip(artifact.features, gains.tolist(), strict=True)
    }


def used_features(artifact: ModelArtifact) -> set[str] | None:
    """Return the inputs that any split uses; None if the kind has no splits."""
    shares = gain_shares(artifact)
    return None if shares is None else {name for name, share in shares.items() if share > 0}


@dataclass(frozen=True)
class Contribution:
    """What an input adds to the log-odds over a sample of rows, before calibration.

    mean_abs          mean size
    low, middle, high mean among the rows with the lowest, middle and highest third of the input's values;
                      None where no row is
    missing           mean among the rows without a value
    p5, p95           5th and 95th percentile over all rows
    """

    feature: str
    mean_abs: float
    low: float | None
    middle: float | None
    high: float | None
    missing: float | None
    p5: float
    p95: float


def contributions(
    artifact: ModelArtifact, rows: TrainingSet, *, seed: int = 1, num_threads: int = 1
) -> list[Contribution]:
    """Return a summary of artifact.explain() over at most MOST_EXPLAINED rows, largest mean size first."""
    sample = _sample(rows.select(artifact.features), MOST_EXPLAINED, seed)
    if not len(sample):
        return []
    shares = artifact.explain(sample.matrix, num_threads=num_threads)
    found = [
        _summary(name, sample.matrix[:, column], shares[:, column])
        for column, name in enumerate(artifact.features)
    ]
    return sorted(found, key=lambda one: (-one.mean_abs, one.feature))


def _summary(feature: str, values: Floats, shares: Floats) -> Contribution:
    is_missing = np.isnan(values)
    present = values[~is_missing]
    lower, upper = np.quantile(present, [1 / 3, 2 / 3]) if len(present) else (0.0, 0.0)
    parts = {
        "low": ~is_missing & (values <= lower),
        "middle": ~is_missing & (values > lower) & (values <= upper),
        "high": ~is_missing & (values > upper),
        "missing": is_missing,
    }
    means: Mapping[str, float | None] = {
        name: float(shares[chosen].mean()) if chosen.any() else None for name, chosen in parts.items()
    }
    p5, p95 = (float(value) for value in np.quantile(shares, [0.05, 0.95]))
    return Contribution(feature, float(np.abs(shares).mean()), **means, p5=p5, p95=p95)


def _units(features: Sequence[str], together: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    of = {name: tuple(unit) for unit in together for name in unit}
    units = [of.get(name, (name,)) for name in features]
    return list(dict.fromkeys(units))


class _Precision:
    """Average precision of scores on the rows as they are, and on some draws of them."""

    def __init__(self, rows: TrainingSet, seed: int) -> None:
        weights = np.ones(len(rows)) if rows.weight is None else rows.weight
        resampler = Resampler(len(rows), rows.group, seed)
        self._weights = [weights, *(weights * resampler.counts() for _ in range(_ROW_DRAWS))]
        self._is_bad = rows.is_bad

    def of(self, score: Floats) -> Floats:
        """Return (1 + draws,)."""
        order = np.argsort(-score, kind="stable")
        ranked, is_bad = score[order], self._is_bad[order]
        last_of_tie = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
        weights = [weight[order] for weight in self._weights]
        return np.array(
            [precision_area(*cumulative_at(weight, weight * is_bad, last_of_tie)) for weight in weights]
        )


def _importance(unit: tuple[str, ...], before: Floats, after: Floats) -> Importance:
    """before (1 + draws,), after (repeats, 1 + draws)."""
    drops = before - after
    of_shuffles = float(np.var(drops[:, 0], ddof=1)) / len(drops) if len(drops) > 1 else 0.0
    of_draws = drops[:, 1:].mean(axis=0)
    of_draws = of_draws[np.isfinite(of_draws)]
    of_rows = float(np.var(of_draws, ddof=1)) if len(of_draws) > 1 else float("nan")
    return Importance(unit, tuple(drops[:, 0].tolist()), float(np.sqrt(of_shuffles + of_rows)))


def _shuffled_margins(
    artifact: ModelArtifact, rows: TrainingSet, columns: list[int], order: Ints, num_threads: int
) -> Floats:
    matrix = rows.matrix.copy()
    matrix[:, columns] = rows.matrix[order][:, columns]
    return artifact.estimator.margins(matrix, num_threads=num_threads)


def _sample(rows: TrainingSet, most: int, seed: int) -> TrainingSet:
    if len(rows) <= most:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False)))
