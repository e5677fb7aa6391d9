"""What a model's day looks like in figures: inputs, scores, beside the champion, and what proved true.

Plain arrays in, small records out; `risk.watch` reads the rows and stores the records.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ml.arrays import Flags, Floats, Ints
from ml.calibration import brier_score, expected_calibration_error
from ml.drift import (
    LARGE_PSI,
    MODERATE_PSI,
    Reference,
    make_reference,
    population_stability_index,
)
from ml.evaluation import average_precision, roc_auc

BINS = 20  # of the score, 5 points each: what a person tells apart on a page


@dataclass(frozen=True)
class InputDrift:
    """How far one input has moved from where the model learnt it.

    index             population stability index
    weight            its share of what moves the score, 0–1
    missing_then/now  shares of rows without a value
    """

    name: str
    index: float
    weight: float
    missing_then: float
    missing_now: float


@dataclass(frozen=True)
class ScoreDrift:
    """Scores over BINS bins from 0 to 1, now and as they were; `index` is None where there is no then."""

    counts: tuple[int, ...]
    reference: tuple[int, ...]
    index: float | None


@dataclass(frozen=True)
class Comparison:
    """A shadow beside the champion on the decisions that both scored. Shares are 0–1.

    agreement    share on which both fall on the same side of `review_at`
    """

    decisions: int
    champion_mean: float
    shadow_mean: float
    agreement: float
    champion_held: float
    shadow_held: float
    review_at: float


@dataclass(frozen=True)
class Outcomes:
    """What proved true of scored decisions, as far as it is known; None where a class is absent.

    scored       decisions looked at, a sample of a busy day
    labels       of these, how many have a label
    predicted    mean score of the labelled
    """

    scored: int
    labels: int
    bad: int
    predicted: float | None
    auc: float | None
    average_precision: float | None
    brier: float | None
    calibration_error: float | None


def reading_of(index: float) -> str:
    """Return stable, moderate or large: the customary reading of the index.

    >>> [reading_of(index) for index in (0.05, 0.1, 0.3)]
    ['stable', 'moderate', 'large']
    """
    return "large" if index > LARGE_PSI else "moderate" if index >= MODERATE_PSI else "stable"


def measure_inputs(
    references: Sequence[Reference], now: Floats, weights: Floats, names: Sequence[str]
) -> list[InputDrift]:
    """Return the drift of every input, the most important times furthest first.

    now        (n, n_inputs), NaN is missing
    weights    (n_inputs,) what each input moves the score by, of any scale
    """
    shares = weights / weights.sum() if weights.sum() > 0 else np.zeros(len(weights))
    found = [
        InputDrift(
            name=name,
            index=round(population_stability_index(reference, now[:, column]), 4),
            weight=round(float(shares[column]), 4),
            missing_then=round(reference.shares[-1], 4),
            missing_now=round(float(np.isnan(now[:, column]).mean()), 4),
        )
        for column, (name, reference) in enumerate(zip(names, references, strict=True))
    ]
    return sorted(found, key=lambda one: (-one.index * one.weight, -one.index, one.name))


def mean_drift(inputs: Sequence[InputDrift]) -> float:
    """Return the mean index, each input by its weight: one that nobody uses may drift freely.

    >>> mean_drift([InputDrift("a", 0.4, 0.5, 0, 0), InputDrift("b", 0.0, 0.5, 0, 0)])
    0.2
    """
    weight = sum(one.weight for one in inputs)
    return round(sum(one.index * one.weight for one in inputs) / weight, 4) if weight else 0.0


def measure_scores(now: Floats, then: Floats, reference: Reference | None) -> ScoreDrift:
    """Return both distributions over equal steps of the probability, and the index of now.

    reference    how scores were spread when the model was made; None: the index is against `then`
    """
    counts, earlier = _histogram(now), _histogram(then)
    if reference is None and len(then):
        reference = make_reference(then)
    if reference is None or not len(now):
        return ScoreDrift(counts, earlier, None)
    return ScoreDrift(counts, earlier, round(population_stability_index(reference, now), 4))


def compare(champion: Floats, shadow: Floats, *, review_at: float) -> Comparison | None:
    """Return a shadow's scores beside the champion's of the same decisions, (n,) each; None without any."""
    if not len(champion):
        return None
    held, would_hold = champion >= review_at, shadow >= review_at
    return Comparison(
        decisions=len(champion),
        champion_mean=_rounded(champion.mean()),
        shadow_mean=_rounded(shadow.mean()),
        agreement=_rounded((held == would_hold).mean()),
        champion_held=_rounded(held.mean()),
        shadow_held=_rounded(would_hold.mean()),
        review_at=review_at,
    )


def measure_outcomes(subject_ids: Ints, scores: Floats, truths: Mapping[int, bool]) -> Outcomes:
    """Return how the scores of (n,) subjects met what is known of them.

    truths    subject → bad, only of those with a label
    """
    is_known: Flags = np.array([id in truths for id in subject_ids.tolist()], dtype=np.bool_)
    is_bad: Flags = np.array([truths[id] for id in subject_ids[is_known].tolist()], dtype=np.bool_)
    known = scores[is_known]
    if not len(known):
        return Outcomes(len(scores), 0, 0, None, None, None, None, None)
    return Outcomes(
        scored=len(scores),
        labels=len(known),
        bad=int(is_bad.sum()),
        predicted=_rounded(known.mean()),
        auc=_known(roc_auc(is_bad, known)),
        average_precision=_known(average_precision(is_bad, known)),
        brier=_known(brier_score(is_bad, known)),
        calibration_error=_known(expected_calibration_error(is_bad, known)),
    )


def as_json(record: InputDrift | ScoreDrift | Comparison | Outcomes | None) -> dict[str, Any]:
    """Return a record as JSON, {} for none."""
    return {} if record is None else asdict(record)


def _histogram(scores: Floats) -> tuple[int, ...]:
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    return tuple(np.bincount(bins, minlength=BINS).tolist())


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _rounded(value: float) -> float:
    return round(float(value), 5)
