"""Published evaluation protocols, so that our figures stand beside other people's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ml.arrays import Flags, Ints
from ml.estimators import Kind
from ml.training import Recipe


@dataclass(frozen=True)
class Study:
    """What is trained and how: names of inputs, and a recipe."""

    features: tuple[str, ...]
    recipe: Recipe


# ── Fraud Detection Handbook: one test week ──────────────────────────────────────────────────────
HANDBOOK_FIRST_DAY = np.datetime64("2018-07-25")
# (AUC, average precision, card precision@100) of the single split, as published in chapter 5.
HANDBOOK_PUBLISHED = {
    "logistic regression": (0.871, 0.606, 0.291),
    "random forest": (0.867, 0.658, 0.287),
    "XGBoost": (0.862, 0.639, 0.273),
    "neural network": (0.864, 0.653, 0.286),
}
_WINDOWS = ("24h", "7d", "30d")
# The book's fifteen inputs in our words: a terminal is a merchant, its risk is the share of bad labels.
HANDBOOK_BOOK_FEATURES = (
    "order_amount_minor",
    "order_is_weekend",
    "order_is_night",
    *(f"buyer_orders_{window}_count" for window in _WINDOWS),
    *(f"buyer_mean_amount_{window}" for window in _WINDOWS),
    *(f"merchant_labels_{window}_count" for window in _WINDOWS),
    *(f"merchant_bad_share_{window}" for window in _WINDOWS),
)
# With the number of bad labels behind that share, and the amount against the customer's own mean. Inputs and
# settings were chosen on the weeks whose training starts on 2018-06-20, 06-27, 07-04 and 07-11, before the
# test week ran.
HANDBOOK_FEATURES = (
    "order_amount_minor",
    "order_is_weekend",
    "order_is_night",
    *(f"buyer_orders_{window}_count" for window in _WINDOWS),
    *(f"buyer_mean_amount_{window}" for window in _WINDOWS),
    "order_amount_to_buyer_mean_30d",
    *(f"merchant_labels_{window}_count" for window in _WINDOWS),
    *(f"merchant_bad_labels_{window}_count" for window in _WINDOWS),
    *(f"merchant_bad_share_{window}" for window in _WINDOWS),
)
# A week of training is too short to hold rows back: a fixed number of trees, ranks instead of probabilities.
HANDBOOK_RECIPE = Recipe(
    max_rounds=200,
    stop_share=0.0,
    calibrate_share=0.0,
    seeds=(1, 2, 3, 4, 5),
    parameters={"learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 10, "lambda_l2": 1.0},
)
HANDBOOK_WEEK = Study(HANDBOOK_FEATURES, HANDBOOK_RECIPE)

# ── Fraud Detection Handbook: four test weeks ────────────────────────────────────────────────────
# First days of training. Inputs and settings are chosen on the weeks of validation, judged on the later ones.
HANDBOOK_VALIDATION_DAYS = ("2018-07-11", "2018-07-04", "2018-06-27", "2018-06-20")
HANDBOOK_TEST_DAYS = ("2018-08-15", "2018-08-08", "2018-08-01", "2018-07-25")
# Means over the four test weeks, as published in the book.
HANDBOOK_PUBLISHED_FOLDS = {
    "logistic regression": (0.868, 0.623, 0.297),
    "random forest": (0.870, 0.678, 0.299),
    "XGBoost": (0.869, 0.687, 0.303),
    "neural network": (0.876, 0.675, 0.303),
    "convolutional network": (0.872, 0.599, 0.288),
    "LSTM": (0.876, 0.665, 0.297),
    "balanced bagging": (0.879, 0.680, 0.305),
}
HANDBOOK_LOGISTIC = Study(
    HANDBOOK_BOOK_FEATURES, Recipe(kind=Kind.LOGISTIC, stop_share=0.0, calibrate_share=0.0)
)
# The platform's own settings, one model.
HANDBOOK_PLAIN = Study(HANDBOOK_BOOK_FEATURES, Recipe(max_rounds=100, stop_share=0.0, calibrate_share=0.0))
# What a customer spends against the customer's own habit, and lately against the half-year.
_CUSTOMER = (
    "buyer_mean_amount_180d",
    *(f"order_amount_to_buyer_mean_{window}" for window in ("7d", "30d", "180d")),
    *(f"order_amount_to_buyer_max_{window}" for window in ("30d", "180d")),
    *(f"order_amount_to_buyer_std_{window}" for window in ("30d", "180d")),
    "buyer_mean_7d_to_mean_180d",
    *(f"buyer_max_{window}_to_mean_180d" for window in ("7d", "14d")),
    "buyer_order_30d_since",
)
# What came out at a terminal lately, what was over long ago, and how long the newest of each is past.
_TERMINAL_WINDOWS = ("24h", "3d", "7d", "20d", "27d")
_TERMINAL = (
    *(f"merchant_labels_{window}_count" for window in _TERMINAL_WINDOWS),
    *(f"merchant_bad_labels_{window}_count" for window in _TERMINAL_WINDOWS),
    *(f"merchant_bad_share_{window}" for window in _TERMINAL_WINDOWS),
    "merchant_label_90d_since",
    "merchant_bad_label_90d_since",
    "merchant_outcomes_after_27d_14d_count",
    "merchant_bad_outcomes_after_27d_14d_count",
)
HANDBOOK_STUDY = Study(
    tuple(dict.fromkeys((*HANDBOOK_BOOK_FEATURES, *_CUSTOMER, *_TERMINAL))),
    replace(
        HANDBOOK_RECIPE,
        parameters={
            "learning_rate": 0.03,
            "num_leaves": 15,
            "min_data_in_leaf": 30,
            "lambda_l2": 1.0,
            "feature_fraction": 0.3,
        },
    ),
)


def _with(max_rounds: int = HANDBOOK_STUDY.recipe.max_rounds, **parameters: float) -> Study:
    """Return the study with other settings."""
    recipe = HANDBOOK_STUDY.recipe
    parameters = {**recipe.parameters, **parameters}
    return replace(HANDBOOK_STUDY, recipe=replace(recipe, max_rounds=max_rounds, parameters=parameters))


# What the study was chosen among, on the weeks of validation.
HANDBOOK_CANDIDATES: Mapping[str, Study] = {
    "the book's inputs": replace(HANDBOOK_STUDY, features=HANDBOOK_BOOK_FEATURES),
    "inputs of the single week": replace(HANDBOOK_STUDY, features=HANDBOOK_FEATURES),
    "with the customer's habit": replace(
        HANDBOOK_STUDY, features=tuple(dict.fromkeys((*HANDBOOK_FEATURES, *_CUSTOMER)))
    ),
    "with the terminal's past": replace(
        HANDBOOK_STUDY, features=tuple(dict.fromkeys((*HANDBOOK_FEATURES, *_TERMINAL)))
    ),
    "both": HANDBOOK_STUDY,
    "both, 100 trees": _with(max_rounds=100),
    "both, 8 leaves": _with(num_leaves=8, min_data_in_leaf=20),
    "both, 31 leaves": _with(num_leaves=31, min_data_in_leaf=60),
    "both, 60 % of the inputs a tree": _with(feature_fraction=0.6, min_data_in_leaf=10),
    "both, 30 % of the good rows a tree": _with(
        bagging_fraction=1.0, pos_bagging_fraction=1.0, neg_bagging_fraction=0.3
    ),
}


@dataclass(frozen=True)
class DelayedSplit:
    """Train for a week, wait until its labels are known, test on the week after that.

    The protocol of Le Borgne et al., Fraud Detection Handbook, chapters 3 and 5. Days count from any origin,
    e.g. the epoch; `first_day` is the first day of training.
    """

    first_day: int
    train_days: int = 7
    delay_days: int = 7
    test_days: int = 7

    @property
    def first_test_day(self) -> int:
        return self.first_day + self.train_days + self.delay_days

    def train_rows(self, day: Ints) -> Ints:
        """Return the indexes of the training rows among rows of these days."""
        return np.flatnonzero((day >= self.first_day) & (day < self.first_day + self.train_days))

    def test_rows(self, day: Ints, card: Ints, is_bad: Flags) -> Ints:
        """Return the indexes of the test rows, without the cards already known to be compromised.

        As in the book's code, a card is known on a test day if it had fraud between the first day of training
        and `delay_days` + 1 days before that test day.

        >>> day, card = np.array([0, 14, 14, 20]), np.array([1, 1, 2, 2])
        >>> DelayedSplit(first_day=0).test_rows(day, card, np.array([True, False, True, True]))
        array([2, 3])
        """
        test_days = range(self.first_test_day, self.first_test_day + self.test_days)
        return np.concatenate([self._rows_of_test_day(test_day, day, card, is_bad) for test_day in test_days])

    def _rows_of_test_day(self, test_day: int, day: Ints, card: Ints, is_bad: Flags) -> Ints:
        is_told = is_bad & (day >= self.first_day) & (day < test_day - self.delay_days)
        return np.flatnonzero((day == test_day) & ~np.isin(card, card[is_told]))
