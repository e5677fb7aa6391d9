"""When a rule or a model has drifted past its limit: what the automatic brake goes by, without a database.

A rule is compared with what its backtest, or its own last week, lets one
expect. The limit is the binomial's at one in a million: a hundred rules, hour
by hour, come to one false alarm in ten thousand hours if every hour is like
the others. Because they are not, a rule must hold twice as much as expected too.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from scipy import stats

from ml.arrays import Flags, Floats
from ml.calibration import expected_calibration_error
from ml.drift import LARGE_PSI, make_reference, population_stability_index

WINDOW = timedelta(hours=1)
FALSE_ALARM = 1e-6
MIN_DECISIONS = 30  # of fewer, a share says nothing
MIN_RATIO = 2.0
# How sure the upper end of the expectation is: a rate seen on few rows may well be larger than it looked.
CONFIDENCE = 0.999
# After a person has released a brake nothing is judged for so long, and never on what was before.
GRACE = timedelta(minutes=15)

MIN_VECTORS = 500  # 10 bins of 50: the index of two equal samples of this size stays below 0.1
MIN_LABELS = 1_000
MAX_CALIBRATION_ERROR = 0.05


@dataclass(frozen=True)
class Rate:
    """So many of so many. `basis` says where it was seen: "backtest" or "trailing"."""

    hits: int
    rows: int
    basis: str = ""


@dataclass(frozen=True)
class Finding:
    """Why a brake is to be pulled: the cause of `risk.models.Brake`, and the figures for people."""

    cause: str
    figures: dict[str, Any]


def judge_holds(measured: Rate, expected: Rate | None, *, holds_per_hour: int) -> Finding | None:
    """Return why a rule has to be braked, None if it may go on.

    measured          decisions that it held or declined, of all decisions in the last hour
    expected          None where nothing is known of it yet: then only the cap counts
    holds_per_hour    the policy's cap
    """
    if measured.hits > holds_per_hour:
        return Finding("hold_cap", {**asdict(measured), "limit": holds_per_hour})
    if expected is None or measured.rows < MIN_DECISIONS:
        return None
    limit = max(
        most_expected(expected, measured.rows), int(MIN_RATIO * measured.rows * expected.hits / expected.rows)
    )
    if measured.hits <= limit:
        return None
    figures = {
        "hits": measured.hits,
        "rows": measured.rows,
        "limit": limit,
        "expected_rate": round(expected.hits / expected.rows, 6),
        "basis": expected.basis,
    }
    return Finding("hold_rate", figures)


def most_expected(expected: Rate, rows: int) -> int:
    """Return how many of `rows` may be hits before chance is out of the question.

    The largest count that a binomial with the expectation's upper end
    (Clopper & Pearson 1934) exceeds with a chance of at most FALSE_ALARM.

    >>> most_expected(Rate(10, 1000), 100)
    12
    >>> most_expected(Rate(0, 20), 100)
    52
    """
    return int(stats.binom.isf(FALSE_ALARM, rows, upper_rate(expected)))


def upper_rate(rate: Rate) -> float:
    """Return the rate that CONFIDENCE of the samples like this one do not exceed.

    >>> round(upper_rate(Rate(10, 1000)), 4)
    0.024
    """
    if rate.hits >= rate.rows:
        return 1.0
    return float(stats.beta.ppf(CONFIDENCE, rate.hits + 1, rate.rows - rate.hits))


def judge_inputs(before: Floats, now: Floats, weights: Floats, names: tuple[str, ...]) -> Finding | None:
    """Return why a model has to be braked for what it is fed, None if it may go on.

    before, now    (n, n_inputs) vectors, NaN is missing
    weights        (n_inputs,) what each input moves the score by; one nobody uses may drift freely
    """
    if min(len(before), len(now)) < MIN_VECTORS or not weights.sum() > 0:
        return None
    drifts = np.array(
        [
            population_stability_index(make_reference(before[:, column]), now[:, column])
            if weight > 0
            else 0.0
            for column, weight in enumerate(weights)
        ]
    )
    drift = float(np.average(drifts, weights=weights))
    if drift <= LARGE_PSI:
        return None
    heaviest = np.argsort(-drifts * weights)[:5]
    figures = {
        "drift": round(drift, 4),
        "limit": LARGE_PSI,
        "rows": len(now),
        "inputs": {names[column]: round(float(drifts[column]), 4) for column in heaviest},
    }
    return Finding("input_drift", figures)


def judge_calibration(is_bad: Flags, probability: Floats) -> Finding | None:
    """Return why a model has to be braked for scores that did not come true, None if it may go on.

    Both are (n,), of subjects whose label has matured.
    """
    if len(is_bad) < MIN_LABELS:
        return None
    error = expected_calibration_error(is_bad, probability)
    if error <= MAX_CALIBRATION_ERROR:
        return None
    figures = {
        "error": round(error, 4),
        "limit": MAX_CALIBRATION_ERROR,
        "rows": len(is_bad),
        "predicted": round(float(probability.mean()), 4),
        "observed": round(float(is_bad.mean()), 4),
    }
    return Finding("calibration", figures)
