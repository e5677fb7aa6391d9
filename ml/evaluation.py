"""How good a ranking and its probabilities are; every function takes (n,) arrays in any order.

Weights say how many rows of the world a row stands for: a row of weight 3 counts like three equal rows.
"""

from dataclasses import dataclass

import numpy as np

from ml.arrays import Flags, Floats, Ints
from ml.calibration import brier_score, expected_calibration_error


@dataclass(frozen=True)
class Report:
    """The figures of one model on one set of rows."""

    rows: int
    bad: int
    auc: float
    average_precision: float
    recall_at_1pct_fpr: float
    recall_at_5pct_fpr: float
    brier: float
    calibration_error: float


def evaluate(is_bad: Flags, probability: Floats, weight: Floats | None = None) -> Report:
    """Return the figures of calibrated probabilities; NaN where a class is absent."""
    return Report(
        rows=len(is_bad),
        bad=int(is_bad.sum()),
        auc=roc_auc(is_bad, probability, weight),
        average_precision=average_precision(is_bad, probability, weight),
        recall_at_1pct_fpr=recall_at_fpr(is_bad, probability, 0.01, weight),
        recall_at_5pct_fpr=recall_at_fpr(is_bad, probability, 0.05, weight),
        brier=brier_score(is_bad, probability, weight),
        calibration_error=expected_calibration_error(is_bad, probability, weight),
    )


def roc_auc(is_bad: Flags, score: Floats, weight: Floats | None = None) -> float:
    """Return the chance that a bad row outranks a good one, ties counting half; NaN if a class is absent.

    >>> roc_auc(np.array([False, True, True]), np.array([0.1, 0.1, 0.9]))
    0.75
    """
    return area_under(*cumulative(is_bad, score, weight))


def average_precision(is_bad: Flags, score: Floats, weight: Floats | None = None) -> float:
    """Return the area under the precision–recall steps, without interpolation; NaN if nothing is bad.

    >>> round(average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7])), 4)
    0.8333
    """
    return precision_area(*cumulative(is_bad, score, weight))


def recall_at_fpr(is_bad: Flags, score: Floats, max_fpr: float, weight: Floats | None = None) -> float:
    """Return the highest share of bad rows caught while at most `max_fpr` of the good ones are.

    >>> recall_at_fpr(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]), 0.5)
    1.0
    """
    return recall_within(*cumulative(is_bad, score, weight), max_fpr)


def precision_at_k(
    day: Ints, is_bad: Flags, score: Floats, *, k: int = 100, weight: Floats | None = None
) -> float:
    """Return the mean over days of the share of bad among the k rows with the highest score of the day.

    On a day with fewer rows all of them count. Rows that tie at the end of the k count in proportion.

    >>> day, is_bad = np.array([1, 1, 1, 2]), np.array([True, True, False, False])
    >>> precision_at_k(day, is_bad, np.array([0.9, 0.5, 0.5, 0.1]), k=2)
    0.375
    """
    ranks = DayRanks(day, score)
    weights = np.ones(len(day)) if weight is None else weight
    return ranks.precision(weights, weights * is_bad, k)


class DayRanks:
    """Rows sorted once by day and falling score, for the precision at k under many weights."""

    def __init__(self, day: Ints, score: Floats) -> None:
        self._order = np.lexsort((-score, day))
        days, ranked = day[self._order], score[self._order]
        is_first = np.append(True, (days[1:] != days[:-1]) | (ranked[1:] != ranked[:-1]))[: len(day)]
        self._ties = np.flatnonzero(is_first)
        days_of_ties = days[self._ties]
        starts = np.append(True, days_of_ties[1:] != days_of_ties[:-1])[: len(self._ties)]
        self._starts = np.flatnonzero(starts)
        self._day = np.cumsum(starts) - 1

    def precision(self, weight: Floats, bad_weight: Floats, k: int) -> float:
        """Return the mean over the days that have any weight; both arrays are (n,) in the rows' own order."""
        if not len(self._ties):
            return float("nan")
        rows = np.add.reduceat(weight[self._order], self._ties)
        bad = np.add.reduceat(bad_weight[self._order], self._ties)
        of_day = np.add.reduceat(rows, self._starts)
        before = np.cumsum(rows) - rows
        before -= before[self._starts][self._day]
        share = np.clip((k - before) / np.where(rows > 0, rows, 1.0), 0.0, 1.0)
        found = np.add.reduceat(share * bad, self._starts)
        has_rows = of_day > 0
        if not has_rows.any():
            return float("nan")
        return float(np.mean(found[has_rows] / np.minimum(of_day[has_rows], k)))


def card_precision_at_k(day: Ints, card: Ints, is_bad: Flags, score: Floats, *, k: int = 100) -> float:
    """Return the mean over days of the share of bad cards among the k cards with the highest score.

    A card counts once a day, by its riskiest row. A bad card that was among the k leaves the following days.
    The denominator is k also on a day with fewer cards. (Fraud Detection Handbook, chapter 4.)

    >>> day, card = np.array([1, 1, 2, 2]), np.array([7, 8, 7, 9])
    >>> bad, score = np.array([True, False, True, True]), np.array([0.9, 0.1, 0.9, 0.5])
    >>> card_precision_at_k(day, card, bad, score, k=1)
    1.0
    """
    caught = np.array([], dtype=np.int64)
    precisions = []
    for today in np.unique(day):
        rows = (day == today) & ~np.isin(card, caught)
        found = _bad_among_top(card[rows], is_bad[rows], score[rows], k)
        precisions.append(len(found) / k)
        caught = np.append(caught, found)
    return float(np.mean(precisions))


def _bad_among_top(card: Ints, is_bad: Flags, score: Floats, k: int) -> Ints:
    cards, code = np.unique(card, return_inverse=True)
    riskiest = np.full(len(cards), -np.inf)
    np.maximum.at(riskiest, code, score)
    has_bad = np.zeros(len(cards), dtype=np.bool_)
    np.logical_or.at(has_bad, code, is_bad)
    top = np.argsort(-riskiest, kind="stable")[:k]
    return cards[top][has_bad[top]]


def cumulative(is_bad: Flags, score: Floats, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the weight of bad and of good rows with at least each different score, from the highest down."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)[: len(score)]
    weights = np.ones(len(order)) if weight is None else weight[order]
    return cumulative_at(weights, weights * is_bad[order], last_of_tie)


def cumulative_at(weight: Floats, bad_weight: Floats, last_of_tie: Flags) -> tuple[Floats, Floats]:
    """Return what cumulative() does, for rows that are sorted already."""
    caught = np.cumsum(bad_weight)[last_of_tie]
    return caught, np.cumsum(weight)[last_of_tie] - caught


def area_under(bad: Floats, good: Floats) -> float:
    """Return the ROC AUC of cumulative weights."""
    if not len(bad) or bad[-1] <= 0 or good[-1] <= 0:
        return float("nan")
    width = np.diff(good, prepend=0.0)
    height = bad - np.diff(bad, prepend=0.0) / 2
    return float(width @ height / (bad[-1] * good[-1]))


def precision_area(bad: Floats, good: Floats) -> float:
    """Return the average precision of cumulative weights."""
    if not len(bad) or bad[-1] <= 0:
        return float("nan")
    above = bad + good
    return float(np.diff(bad, prepend=0.0) @ (bad / np.where(above > 0, above, 1.0)) / bad[-1])


def recall_within(bad: Floats, good: Floats, max_fpr: float) -> float:
    """Return the recall at a false-positive rate of cumulative weights."""
    if not len(bad) or bad[-1] <= 0 or good[-1] <= 0:
        return float("nan")
    allowed = max_fpr * good[-1] * (1 + 1e-12)  # sums of weights round
    within = int(np.searchsorted(good, allowed, side="right"))
    return float(bad[within - 1] / bad[-1]) if within else 0.0
