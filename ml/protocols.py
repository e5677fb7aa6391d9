"""Published evaluation protocols, so that our figures stand beside other people's."""

from dataclasses import dataclass

import numpy as np

from ml.arrays import Flags, Ints


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
