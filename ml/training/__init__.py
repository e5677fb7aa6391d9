"""Training: a labelled set in, a calibrated artifact out, the same way for every kind of model."""

from dataclasses import asdict
from typing import Any

import numpy as np

from ml.artifacts import ModelArtifact
from ml.calibration import Calibration, Method, fit_calibration, sigmoid
from ml.datasets import MIN_LABELS_PER_CLASS, TrainingSet, split_by_share
from ml.drift import make_reference
from ml.estimators import Estimator, Kind

from .anomaly import fit_forest
from .linear import fit_logistic
from .recipes import ANOMALY, BASELINE, CHAMPION, LIGHTGBM_DEFAULTS, Progress, Recipe
from .trees import fit_trees

__all__ = ["ANOMALY", "BASELINE", "CHAMPION", "LIGHTGBM_DEFAULTS", "Progress", "Recipe", "train"]

_REFERENCE_ROWS = 50_000  # a decile of so many is off by 0.3 percentage points at most, 95 %


def train(
    data: TrainingSet,
    *,
    recipe: Recipe = CHAMPION,
    schema_hash: str,
    num_threads: int = 1,
    progress: Progress | None = None,
) -> ModelArtifact:
    """Return a model fitted on the earlier rows and calibrated on the later ones.

    The same data, recipe and number of threads give the same bytes. LearningError if the columns cannot be
    learnt from, or the rows of any part do not hold enough labels of both classes. An isolation forest needs
    no labels: it is calibrated if the later part holds enough, else its scores are ranks only.

    The artifact's metadata: recipe; parts, with rows, bad, first_at and last_at of fit, stop and calibrate;
    categorical and monotone as declared; is_probability; references, the spread of each input in the fitted
    rows, and score_reference, that of the scores, for `ml.drift`; ensemble, if there were optional seeds.

    progress    called after each tree with (trees so far, most trees there can be); what it raises ends the
                training at once, Cancelled for instance
    """
    data.require_sound_columns()
    report = progress or _ignore
    earlier, calibrate = split_by_share(data, recipe.calibrate_share)
    share_of_earlier = recipe.stop_share / (1 - recipe.calibrate_share)
    fit, stop = split_by_share(earlier, share_of_earlier)
    parts = {"fit": fit, "stop": stop, "calibrate": calibrate}
    if recipe.kind is not Kind.ISOLATION_FOREST:
        for part in parts.values():
            if part is fit or len(part):
                part.require_both_classes()

    estimator, notes = _fit(fit, stop, recipe, num_threads, report)
    calibration = _calibrate(estimator, calibrate, num_threads)
    artifact = ModelArtifact(estimator, calibration, data.features, schema_hash)
    metadata = {
        "recipe": asdict(recipe),
        "parts": {name: _describe(part) for name, part in parts.items()},
        "categorical": list(data.categorical),
        "monotone": dict(data.monotone),
        "is_probability": _is_probability(calibration, recipe),
        "references": _references(fit),
        "score_reference": _score_reference(artifact, calibrate if len(calibrate) else fit, num_threads),
        **notes,
    }
    return ModelArtifact(estimator, calibration, data.features, schema_hash, metadata)


def _fit(
    fit: TrainingSet, stop: TrainingSet, recipe: Recipe, num_threads: int, progress: Progress
) -> tuple[Estimator, dict[str, Any]]:
    if recipe.kind is Kind.LOGISTIC:
        return fit_logistic(fit, recipe, progress), {}
    if recipe.kind is Kind.ISOLATION_FOREST:
        return fit_forest(fit, recipe, progress), {}
    return fit_trees(fit, stop, recipe, num_threads, progress)


def _calibrate(estimator: Estimator, rows: TrainingSet, num_threads: int) -> Calibration:
    bad = int(rows.is_bad.sum())
    if min(bad, len(rows) - bad) < MIN_LABELS_PER_CLASS:
        return Calibration()
    raw = sigmoid(estimator.margins(rows.matrix, num_threads=num_threads))
    return fit_calibration(raw, rows.is_bad, rows.at, rows.weight)


def _is_probability(calibration: Calibration, recipe: Recipe) -> bool:
    """Without calibration, a likelihood fitted on rows as they are gives probabilities by itself."""
    if calibration.method is not Method.NONE:
        return True
    return recipe.kind is not Kind.ISOLATION_FOREST and recipe.bad_weight == 1.0


def _references(fit: TrainingSet) -> dict[str, Any]:
    rows = _thinned(fit)
    return {
        name: make_reference(rows.matrix[:, column]).as_json() for column, name in enumerate(rows.features)
    }


def _score_reference(artifact: ModelArtifact, rows: TrainingSet, num_threads: int) -> dict[str, Any]:
    return make_reference(artifact.scores(_thinned(rows).matrix, num_threads=num_threads)).as_json()


def _thinned(rows: TrainingSet) -> TrainingSet:
    """Return about _REFERENCE_ROWS of the rows, evenly over the set."""
    if len(rows) <= _REFERENCE_ROWS:
        return rows
    return rows.take(np.linspace(0, len(rows) - 1, _REFERENCE_ROWS).astype(np.int64))


def _describe(part: TrainingSet) -> dict[str, int | None]:
    return {
        "rows": len(part),
        "bad": int(part.is_bad.sum()),
        "first_at": int(part.at.min()) if len(part) else None,
        "last_at": int(part.at.max()) if len(part) else None,
    }


def _ignore(done: int, in_all: int) -> None:
    del done, in_all
