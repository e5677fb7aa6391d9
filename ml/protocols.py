"""Published evaluation protocols, so that our figures stand beside other people's."""

from dataclasses import dataclass

import numpy as np

from ml.arrays import Flags, Ints
from ml.training import Recipe

HANDBOOK_FIRST_DAY = np.datetime64("2018-07-25")
# (AUC, average precision, card precision@100) of the single split, as published in chapter 5.
HANDBOOK_PUBLISHED = {
    "logistic regression": (0.871, 0.606, 0.291),
    "random forest": (0.867, 0.658, 0.287),
    "XGBoost": (0.862, 0.639, 0.273),
    "neural network": (0.864, 0.653, 0.286),
}
# The book's inputs in our words (a terminal is a merchant, its risk is the share of bad labels), the number
# of bad labels behind that share, and the amount against the customer's own mean. Inputs and settings were
# chosen on the weeks whose training starts on 2018-06-20, 06-27, 07-04 and 07-11, before the test week ran.
HANDBOOK_FEATURES = (
    "order_amount_minor",
    "order_is_weekend",
    "order_is_night",
    *(f"buyer_orders_{window}_count" for window in ("24h", "7d", "30d")),
    *(f"buyer_mean_amount_{window}" for window in ("24h", "7d", "30d")),
    "order_amount_to_buyer_mean_30d",
    *(f"merchant_labels_{window}_count" for window in ("24h", "7d", "30d")),
    *(f"merchant_bad_labels_{window}_count" for window in ("24h", "7d", "30d")),
    *(f"merchant_bad_share_{window}" for window in ("24h", "7d", "30d")),
)
# A week of training is too short to hold rows back: a fixed number of trees, ranks instead of probabilities.
HANDBOOK_RECIPE = Recipe(
    max_rounds=200,
    stop_share=0.0,
    calibrate_share=0.0,
    seeds=(1, 2, 3, 4, 5),
    parameters={"learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 10, "lambda_l2": 1.0},
)


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
        first_test_day = self.first_day + self.train_days + self.delay_days
        return np.concatenate(
            [
                self._rows_of_test_day(test_day, day, card, is_bad)
                for test_day in range(first_test_day, first_test_day + self.test_days)
            ]
        )

    def _rows_of_test_day(self, test_day: int, day: Ints, card: Ints, is_bad: Flags) -> Ints:
        is_told = is_bad & (day >= self.first_day) & (day < test_day - self.delay_days)
        return np.flatnonzero((day == test_day) & ~np.isin(card, card[is_told]))
