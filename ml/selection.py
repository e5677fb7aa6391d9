"""Which inputs a model can do without, asked on later time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.arrays import Floats
from ml.comparison import Margins, non_inferior
from ml.datasets import TrainingSet, split_by_share
from ml.importance import Importance, permutation_importance
from ml.intervals import Interval, JudgedRows, Judging, judge
from ml.training import CHAMPION, Recipe, train

TWINS = (
    0.95  # rank correlation from which two columns say the same; below, shuffling one still shows its worth
)
LATER_SHARE = 0.2
_RANKED_ROWS = 5_000
_DRAWS = 200

Progress = Callable[[float], None]  # (share done); may raise Cancelled


@dataclass(frozen=True)
class Selection:
    """What was kept, what could go, and what that costs.

    importances    of all columns on later rows; columns that say the same as one, in the order of the set
    difference     average precision on the same later rows, trained without the dropped minus with all
    reason         "" if something was dropped; all_help, none_helps, or worse_without: what could go one
                   by one is needed together
    """

    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    importances: tuple[Importance, ...]
    difference: Interval | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {
            "kept": list(self.kept),
            "dropped": list(self.dropped),
            "importances": [
                {"features": list(one.features), "drop": one.mean, "error": one.error}
                for one in self.importances
            ],
            "difference": None if self.difference is None else self.difference.as_json(),
            "reason": self.reason,
        }


def select_features(
    data: TrainingSet,
    *,
    recipe: Recipe = CHAMPION,
    repeats: int = 5,
    margins: Margins | None = None,
    num_threads: int = 1,
    progress: Progress | None = None,
) -> Selection:
    """Train on the earlier rows, drop what does not help beyond noise on the later ones, and train again.

    A column goes if shuffling it costs less average precision than one standard error (the one-standard-error
    rule of Breiman et al. 1984). Columns that say the same are shuffled, kept and dropped together, or each
    would look useless beside the other. The model without them must be non-inferior, or nothing is dropped.
    """
    report = progress or _ignore
    earlier, later = split_by_share(data, LATER_SHARE)
    later.require_both_classes()

    def scores_of(features: tuple[str, ...], start: float) -> tuple[Any, Floats]:
        artifact = train(
            earlier.select(features),
            recipe=recipe,
            schema_hash="",
            num_threads=num_threads,
            progress=lambda done, in_all: report(start + 0.3 * done / max(in_all, 1)),
        )
        return artifact, artifact.estimator.margins(later.select(features).matrix, num_threads=num_threads)

    artifact, with_all = scores_of(data.features, 0.0)
    importances = permutation_importance(
        artifact,
        later,
        together=twins(earlier),
        repeats=repeats,
        num_threads=num_threads,
        step=lambda done, in_all: report(0.3 + 0.4 * done / in_all),
    )
    useful = {name for one in importances if one.helps for name in one.features}
    kept = tuple(name for name in data.features if name in useful)
    dropped = tuple(name for name in data.features if name not in useful)
    if not dropped or not kept:
        return Selection(data.features, (), tuple(importances), None, "all_help" if kept else "none_helps")
    _, with_kept = scores_of(kept, 0.7)
    judgement = judge(
        JudgedRows.of(later),
        {"kept": with_kept, "all": with_all},
        thresholds={"kept": 0.0, "all": 0.0},
        judging=Judging(draws=_DRAWS),
    )
    difference = judgement.difference("kept", "all", "average_precision")
    if non_inferior(difference, (margins or Margins()).average_precision, "average_precision"):
        return Selection(data.features, (), tuple(importances), difference, "worse_without")
    return Selection(kept, dropped, tuple(importances), difference, "")


def twins(data: TrainingSet, *, least: float = TWINS) -> list[tuple[str, ...]]:
    """Return the groups of columns whose rank correlation, directly or in a chain, is at least this.

    >>> x = np.arange(50.0)
    >>> matrix = np.column_stack([x, x**3, x % 7])
    >>> twins(TrainingSet(("a", "b", "c"), matrix, x > 9, x.astype(np.int64)))
    [('a', 'b')]
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.stats import rankdata

    step = max(len(data) // _RANKED_ROWS, 1)
    matrix = data.matrix[::step]
    lowest = np.where(np.isnan(matrix), -np.inf, matrix)  # missing is below everything
    ranks = rankdata(lowest, axis=0)
    ranks -= ranks.mean(axis=0)
    size = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(size > 0, size, 1.0)
    count, label = connected_components(np.abs(ranks.T @ ranks) >= least, directed=False)
    groups = [np.flatnonzero(label == number) for number in range(count)]
    return [tuple(data.features[column] for column in group) for group in groups if len(group) > 1]


def _ignore(share: float) -> None:
    del share
