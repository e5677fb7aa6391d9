"""Labelled rows with their moments, and splits that respect time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ml.arrays import Flags, Floats, Ints
from ml.errors import LearningError

MIN_LABELS_PER_CLASS = (
    20  # fewer say nothing about a class: the 95 % interval of a recall is then wider than 0.4
)

MOST_CATEGORIES = 100_000  # LightGBM keeps a bit for each number up to the largest, in every split


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Labelled subjects as of their decisions, in any order.

    features    column names
    matrix      (n, n_features) values, NaN where missing
    is_bad      (n,) matured labels
    at          (n,) as_of of the values, microseconds since the epoch, UTC
    weight      (n,) how many subjects a row stands for; ones by default
    group       (n,) rows of one group (a buyer, a ring) must not be on both sides of a split; None if unknown
    categorical names of columns whose numbers are names of categories: whole, from 0, without an order
    monotone    by column: 1 if the probability of bad must never fall when the value rises, -1 if never rise
    """

    features: tuple[str, ...]
    matrix: Floats
    is_bad: Flags
    at: Ints
    weight: Floats | None = None
    group: Ints | None = None
    categorical: tuple[str, ...] = ()
    monotone: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.is_bad)
        columns = [column for column in (self.at, self.weight, self.group) if column is not None]
        if self.matrix.shape != (rows, len(self.features)) or any(len(column) != rows for column in columns):
            raise LearningError("The columns of the training set differ in length.", code="wrong_shape")
        self._require_declared({*self.categorical, *self.monotone})

    def __len__(self) -> int:
        return len(self.is_bad)

    def take(self, rows: Ints | Flags) -> "TrainingSet":
        return replace(
            self,
            matrix=self.matrix[rows],
            is_bad=self.is_bad[rows],
            at=self.at[rows],
            weight=None if self.weight is None else self.weight[rows],
            group=None if self.group is None else self.group[rows],
        )

    def select(self, features: Sequence[str]) -> "TrainingSet":
        """Return the set with these columns, in this order."""
        features = tuple(features)
        if features == self.features:
            return self
        unknown = [name for name in features if name not in self.features]
        if unknown:
            raise LearningError(
                f"The training set has no column {', '.join(unknown)}.", code="unknown_feature"
            )
        columns = [self.features.index(name) for name in features]
        return replace(
            self,
            features=features,
            matrix=self.matrix[:, columns],
            categorical=tuple(name for name in self.categorical if name in features),
            monotone={name: sign for name, sign in self.monotone.items() if name in features},
        )

    @property
    def categorical_columns(self) -> Ints:
        """Return the places of the categorical columns."""
        return np.array([self.features.index(name) for name in self.categorical], dtype=np.int64)

    def require_sound_columns(self) -> None:
        """Raise LearningError if a column does not hold what it is declared to: numbers, or categories."""
        if not np.issubdtype(self.matrix.dtype, np.floating):
            sentence = f"The inputs are {self.matrix.dtype}, not numbers."
            raise LearningError(sentence, code="changed_type")
        # In one pass over the rows: the values of one column of a large matrix are far apart.
        infinite = [self.features[column] for column in np.flatnonzero(np.isinf(self.matrix).any(axis=0))]
        if infinite:
            sentence = f"Columns hold infinite values: {', '.join(infinite)}."
            raise LearningError(sentence, code="not_finite")
        columns = zip(self.categorical, self.categorical_columns, strict=True)
        no_categories = [name for name, column in columns if not _are_codes(self.matrix[:, column])]
        if no_categories:
            sentence = (
                f"Categories are whole numbers from 0; these columns hold others: {', '.join(no_categories)}."
            )
            raise LearningError(sentence, code="changed_type")

    def _require_declared(self, declared: set[str]) -> None:
        unknown = sorted(declared - set(self.features))
        if unknown:
            sentence = f"Declared columns are not in the training set: {', '.join(unknown)}."
            raise LearningError(sentence, code="vanished_feature")
        wrong = [
            name for name, sign in self.monotone.items() if sign not in (-1, 0, 1) or name in self.categorical
        ]
        if wrong:
            sentence = f"These columns cannot be monotone so: {', '.join(wrong)}."
            raise LearningError(sentence, code="bad_declaration")

    def require_both_classes(self) -> None:
        """Raise LearningError if a class is absent or too rare to learn from."""
        bad = int(self.is_bad.sum())
        rarer = min(bad, len(self) - bad)
        if rarer == 0:
            raise LearningError("All labels are of one class; both are needed.", code="one_class")
        if rarer < MIN_LABELS_PER_CLASS:
            sentence = f"Only {rarer} labels of the rarer class; at least {MIN_LABELS_PER_CLASS} are needed."
            raise LearningError(sentence, code="too_few_labels")


def _are_codes(column: Floats) -> bool:
    present = column[~np.isnan(column)]
    return bool(((present >= 0) & (present < MOST_CATEGORIES) & (present == np.floor(present))).all())


def split_by_time(data: TrainingSet, cut_at: int) -> tuple[TrainingSet, TrainingSet]:
    """Return the rows before `cut_at` and those from it on, the latter without groups seen before.

    >>> is_bad, buyer = np.array([True, False, True, False]), np.array([1, 2, 2, 3])
    >>> data = TrainingSet(("x",), np.zeros((4, 1)), is_bad, np.arange(4), group=buyer)
    >>> [part.at.tolist() for part in split_by_time(data, 2)]
    [[0, 1], [3]]
    """
    is_early = data.at < cut_at
    is_late = ~is_early
    if data.group is not None:
        is_late &= ~np.isin(data.group, data.group[is_early])
    return data.take(is_early), data.take(is_late)


def split_by_share(data: TrainingSet, late_share: float) -> tuple[TrainingSet, TrainingSet]:
    """Split by time so that about `late_share` of the rows (before groups are kept apart) are late."""
    if late_share == 0:
        return data, data.take(np.zeros(len(data), dtype=np.bool_))
    return split_by_time(data, int(np.quantile(data.at, 1 - late_share, method="higher")))
