"""The sample standard deviation from exact integer sums: one formula for one row and for columns."""

import math
from dataclasses import dataclass

import numpy as np

from risk.features.columns import Floats, Ints
from risk.features.tables import HALF


@dataclass(frozen=True)
class Moments:
    """Sums over amounts, each split into `high * 10**6 + low`."""

    count: int
    total: int
    high_high: int
    high_low: int
    low_low: int

    def deviation(self) -> float:
        """Return the sample standard deviation, NaN below two amounts.

        >>> Moments(3, 6, 0, 0, 1 + 4 + 9).deviation()
        1.0
        """
        if self.count < 2:
            return math.nan
        squares = self.high_high * HALF**2 + 2 * HALF * self.high_low + self.low_low
        return math.sqrt((self.count * squares - self.total * self.total) / (self.count * (self.count - 1)))


def deviations(count: Ints, total: Ints, high_high: Ints, high_low: Ints, low_low: Ints) -> Floats:
    """Return the column of `Moments.deviation`, to the last bit: integers of any size, divided once.

    >>> deviations(*(np.array([value]) for value in (3, 6, 0, 0, 14)))
    array([1.])
    """
    column = np.full(len(count), np.nan)
    rows = np.flatnonzero(count >= 2)
    n, sums, hh, hl, ll = (
        values[rows].astype(object) for values in (count, total, high_high, high_low, low_low)
    )
    squares = hh * HALF**2 + 2 * HALF * hl + ll
    column[rows] = np.sqrt(((n * squares - sums * sums) / (n * (n - 1))).astype(np.float64))
    return column
