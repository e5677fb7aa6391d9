"""How good a ranking and its probabilities are; every function takes (n,) arrays in any order."""

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


def evaluate(is_bad: Flags, probability: Floats) -> Report:
    """Return the figures of calibrated probabilities; NaN where a class is absent."""
    return Report(
        rows=len(is_bad),
        bad=int(is_bad.sum()),
        auc=roc_auc(is_bad, probability),
        average_precision=average_precision(is_bad, probability),
        recall_at_1pct_fpr=recall_at_fpr(is_bad, probability, 0.01),
        recall_at_5pct_fpr=recall_at_fpr(is_bad, probability, 0.05),
        brier=brier_score(is_bad, probability),
        calibration_error=expected_calibration_error(is_bad, probability),
    )


def roc_auc(is_bad: Flags, score: Floats) -> float:
    """Return the chance that a bad row outranks a good one, ties counting half; NaN if a class is absent.

    >>> roc_auc(np.array([False, True, True]), np.array([0.1, 0.1, 0.9]))
    0.75
    """
    bad, good = _cumulative(is_bad, score)
    if bad[-1] == 0 or good[-1] == 0:
        return float("nan")
    return float(np.trapezoid(np.append(0, bad), np.append(0, good)) / (bad[-1] * good[-1]))


def average_precision(is_bad: Flags, score: Floats) -> float:
    """Return the area under the precision–recall steps, without interpolation; NaN if nothing is bad.

    >>> round(average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7])), 4)
    0.8333
    """
    bad, good = _cumulative(is_bad, score)
    if bad[-1] == 0:
        return float("nan")
    return float(np.sum(np.diff(bad, prepend=0) * bad / (bad + good)) / bad[-1])


def recall_at_fpr(is_bad: Flags, score: Floats, max_fpr: float) -> float:
    """Return the highest share of bad rows caught while at most `max_fpr` of the good ones are.

    >>> recall_at_fpr(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]), 0.5)
    1.0
    """
    bad, good = _cumulative(is_bad, score)
    if bad[-1] == 0 or good[-1] == 0:
        return float("nan")
    return float(np.max(bad[good <= max_fpr * good[-1]], initial=0) / bad[-1])


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


def _cumulative(is_bad: Flags, score: Floats) -> tuple[Ints, Ints]:
    """Return how many bad and good rows have at least each different score, from the highest down."""
    order = np.argsort(-score, kind="stable")
    ranked, bad = score[order], is_bad[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    caught = np.cumsum(bad)[last_of_tie]
    return caught, np.flatnonzero(last_of_tie) + 1 - caught
