"""The cheapest pair of cuts through sorted scores under a limit, exactly and in O(k log k).

k different scores have k + 1 places to cut; place i has the scores from the i-th on at or above it.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from math import inf, nextafter

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cuts:
    """Cost and load of every pair (i, j), i ≤ j: low[i] + high[j] and low_load[i] + high_load[j].

    scores        (k,) different scores, ascending
    low, high     (k + 1,) each; what does not depend on the pair is in `high`
    least         levels of a sparse table: the place of the least `low` in intervals of length 2^level
    may_touch     (k + 1,) whether two thresholds fit between the neighbours of a place, so that i = j can be
    """

    scores: Floats
    low: Ints
    high: Ints
    low_load: Ints
    high_load: Ints
    least: list[Ints]
    may_touch: Flags

    @classmethod
    def over(cls, score: Floats, cost: Ints, load: Ints, *, is_movable: Flags) -> "Cuts":
        """Build from rows.

        cost, load    (3, n): of each row in the bands below, between and above
        is_movable    (n,) False where the bands make no difference, whatever the score
        """
        scores, group = np.unique(score[is_movable], return_inverse=True)
        fixed_cost, fixed_load = int(cost[0][~is_movable].sum()), int(load[0][~is_movable].sum())
        low, high = _split(_prefixes(cost[:, is_movable], group, len(scores)))
        low_load, high_load = _split(_prefixes(load[:, is_movable], group, len(scores)))
        return cls(
            scores,
            low,
            high + fixed_cost,
            low_load,
            high_load + fixed_load,
            _sparse_table(low),
            _may_touch(scores),
        )

    def best(self, limit: int | None) -> tuple[float, float] | None:
        """Return the (lower, upper) thresholds of least cost with at most `limit` load; None if none has."""
        ends = np.arange(len(self.high))
        starts = np.zeros_like(ends) if limit is None else self._first_within(limit)
        # The interval of partners ends before j, or at j where two thresholds fit into one gap.
        stops = ends + self.may_touch
        possible = starts < stops
        if not len(self.scores) or self.scores[-1] >= 1.0:
            possible[-1] = False  # nothing lies above a score of 1
        ends, starts, stops = ends[possible], starts[possible], stops[possible]
        if not len(ends):
            return None
        partner = self._least_between(starts, stops)
        cost = self.low[partner] + self.high[ends]
        load = self.low_load[partner] + self.high_load[ends]
        first = np.lexsort((-partner, -ends, load, cost))[0]
        return self._thresholds(int(partner[first]), int(ends[first]))

    def spread(self, count: int) -> list[float]:
        """Return at most `count` thresholds that part the scores evenly, ascending."""
        places = np.unique(np.linspace(0, len(self.scores) - 1, count).round().astype(np.int64))
        return [self._threshold(int(place)) for place in places]

    def _first_within(self, limit: int) -> Ints:
        """Return for each j the first i whose load fits: `low_load` never grows with i."""
        return np.searchsorted(-self.low_load, self.high_load - limit, side="left")

    def _least_between(self, starts: Ints, stops: Ints) -> Ints:
        """Return the place of the least `low` in each [start, stop), the last of equals."""
        length = stops - starts
        level = np.frexp(length.astype(np.float64))[1] - 1
        found = np.empty(len(starts), dtype=np.int64)
        for height in np.unique(level):
            rows = np.flatnonzero(level == height)
            table = self.least[height]
            left, right = table[starts[rows]], table[stops[rows] - (1 << int(height))]
            found[rows] = np.where(self.low[right] <= self.low[left], right, left)
        return found

    def _thresholds(self, lower: int, upper: int) -> tuple[float, float]:
        if lower < upper:
            return self._threshold(lower), self._threshold(upper)
        below = shortest_between(self._below(lower), nextafter(self._ceiling(upper), -inf))
        return below, shortest_between(below, self._ceiling(upper))

    def _threshold(self, place: int) -> float:
        """Return the shortest decimal that cuts here."""
        return shortest_between(self._below(place), self._ceiling(place))

    def _ceiling(self, place: int) -> float:
        return float(self.scores[place]) if place < len(self.scores) else 1.0

    def _below(self, place: int) -> float:
        return float(self.scores[place - 1]) if place else -1.0


def shortest_between(low: float, high: float) -> float:
    """Return the value with the fewest decimals in (low, high]; high is at least 0.

    >>> shortest_between(0.1234, 0.1301), shortest_between(-1.0, 0.05), shortest_between(0.1, 0.1 + 1e-12)
    (0.13, 0.0, 0.100000000001)
    """
    exact = Decimal(high)
    for digits in range(1, 18):
        value = float(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_FLOOR))
        if low < value <= high:
            return value
    return high


def _prefixes(values: Ints, group: Ints, size: int) -> Ints:
    """Return (3, size + 1): for each band, the sum over the groups before each place."""
    order = np.argsort(group, kind="stable")
    totals = np.zeros((len(values), len(order) + 1), dtype=np.int64)
    np.cumsum(values[:, order], axis=1, out=totals[:, 1:])
    starts = np.searchsorted(group[order], np.arange(size + 1))
    return totals[:, starts]


def _split(prefixes: Ints) -> tuple[Ints, Ints]:
    """Return the parts of a sum that depend on the lower and on the upper cut."""
    below, between, above = prefixes
    return below - between, between + (above[-1] - above)


def _sparse_table(values: Ints) -> list[Ints]:
    levels = [np.arange(len(values), dtype=np.int64)]
    step = 1
    while 2 * step <= len(values):
        last = levels[-1]
        left, right = last[: len(last) - step], last[step:]
        levels.append(np.where(values[right] <= values[left], right, left))
        step *= 2
    return levels


def _may_touch(scores: Floats) -> Flags:
    high = np.concatenate((scores, [1.0]))
    touches: Flags = np.nextafter(high[1:], -inf) > scores
    return np.concatenate((high[:1] > 0, touches))  # the lower threshold is 0 at least
