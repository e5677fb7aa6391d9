"""Training: a labelled set in, a calibrated artifact out, the same way for every kind of model."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ml.arrays import Floats
from ml.artifacts import ModelArtifact
from ml.boosting import load_lightgbm
from ml.calibration import Calibration, fit_calibration, sigmoid
from ml.datasets import TrainingSet, split_by_share
from ml.estimators import Estimator, Kind, LinearModel, TreeBag, compress

Progress = Callable[[int, int], None]  # (steps done, steps in all)


@dataclass(frozen=True)
class Recipe:
    """How to train. Shares are of the rows by time: fit on the earliest, then stop, then calibrate.

    max_rounds         trees per model; the number used if `stop_share` is 0
    patience           rounds without a better average precision on later time before stopping
    seeds              one LightGBM model each; their mean is steadier than any of them
    bad_weight         how much heavier a bad row weighs, None to balance; calibration undoes the shift
    calibrate_share    0 leaves the score as it is: ranks only, no probability
    parameters         further LightGBM parameters
    """

    kind: Kind = Kind.LIGHTGBM
    max_rounds: int = 400
    patience: int = 40
    stop_share: float = 0.15
    calibrate_share: float = 0.15
    seeds: tuple[int, ...] = (1,)
    bad_weight: float | None = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)


CHAMPION = Recipe()
BASELINE = Recipe(kind=Kind.LOGISTIC, stop_share=0.0, bad_weight=None)

LIGHTGBM_DEFAULTS: Mapping[str, Any] = {
    "objective": "binary",
    "metric": "average_precision",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 255,
    "deterministic": True,
    "force_row_wise": True,  # the automatic choice depends on timing, and with it the result
    "verbosity": -1,
}


def train(
    data: TrainingSet,
    *,
    recipe: Recipe = CHAMPION,
    schema_hash: str,
    num_threads: int = 1,
    progress: Progress | None = None,
) -> ModelArtifact:
    """Return a model fitted on the earlier rows and calibrated on the later ones.

    The same data, recipe and number of threads give the same bytes. LearningError if the rows of any part
    do not hold enough labels of both classes.

    progress    called after each tree with (trees so far, most trees there can be)
    """
    earlier, calibrate = split_by_share(data, recipe.calibrate_share)
    share_of_earlier = recipe.stop_share / (1 - recipe.calibrate_share)
    fit, stop = split_by_share(earlier, share_of_earlier)
    parts = {"fit": fit, "stop": stop, "calibrate": calibrate}
    for part in parts.values():
        if part is fit or len(part):
            part.require_both_classes()

    estimator = _fit(fit, stop, recipe, num_threads, progress or _ignore)
    return ModelArtifact(
        estimator=estimator,
        calibration=_calibrate(estimator, calibrate, num_threads),
        features=data.features,
        schema_hash=schema_hash,
        metadata={"recipe": asdict(recipe), "parts": {name: _describe(part) for name, part in parts.items()}},
    )


def _fit(
    fit: TrainingSet, stop: TrainingSet, recipe: Recipe, num_threads: int, progress: Progress
) -> Estimator:
    if recipe.kind is Kind.LOGISTIC:
        return _fit_logistic(fit, recipe, progress)
    return _fit_trees(fit, stop, recipe, num_threads, progress)


def _fit_trees(
    fit: TrainingSet, stop: TrainingSet, recipe: Recipe, num_threads: int, progress: Progress
) -> TreeBag:
    lightgbm = load_lightgbm()

    parameters = {**LIGHTGBM_DEFAULTS, **recipe.parameters, "num_threads": num_threads}
    rows = lightgbm.Dataset(
        fit.matrix,
        fit.is_bad.astype(np.float64),
        weight=_weights(fit, recipe),
        feature_name=list(fit.features),
        params=parameters,
    )
    later = lightgbm.Dataset(stop.matrix, stop.is_bad.astype(np.float64), weight=stop.weight, reference=rows)
    models = []
    for number, seed in enumerate(recipe.seeds):
        callbacks = [_report_trees(progress, before=number * recipe.max_rounds, recipe=recipe)]
        if len(stop):
            callbacks.append(lightgbm.early_stopping(recipe.patience, verbose=False))
        booster = lightgbm.train(
            {**parameters, "seed": seed},
            rows,
            recipe.max_rounds,
            valid_sets=[later] if len(stop) else None,
            callbacks=callbacks,
        )
        best = booster.best_iteration if len(stop) else recipe.max_rounds
        models.append(booster.model_to_string(num_iteration=best))
    return TreeBag(tuple(models))


def _fit_logistic(fit: TrainingSet, recipe: Recipe, progress: Progress) -> LinearModel:
    """Fit scikit-learn's pipeline and keep its numbers, so that scoring never imports it."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    pipeline = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        FunctionTransformer(compress),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    weights = _weights(fit, recipe)
    pipeline.fit(fit.matrix, fit.is_bad, logisticregression__sample_weight=weights)
    progress(1, 1)
    imputer, _, scaler, regression = (step for _, step in pipeline.steps)
    return LinearModel(
        fill=imputer.statistics_,
        mean=scaler.mean_,
        scale=scaler.scale_,
        coefficient=regression.coef_[0],
        intercept=float(regression.intercept_[0]),
    )


def _calibrate(estimator: Estimator, rows: TrainingSet, num_threads: int) -> Calibration:
    if not len(rows):
        return Calibration()
    raw = sigmoid(estimator.margins(rows.matrix, num_threads=num_threads))
    return fit_calibration(raw, rows.is_bad, rows.at, rows.weight)


def _weights(data: TrainingSet, recipe: Recipe) -> Floats:
    weights = np.ones(len(data)) if data.weight is None else data.weight
    bad_weight = recipe.bad_weight
    if bad_weight is None:
        bad_weight = float(weights[~data.is_bad].sum() / weights[data.is_bad].sum())
    return np.where(data.is_bad, bad_weight, 1.0) * weights


def _report_trees(progress: Progress, *, before: int, recipe: Recipe) -> Callable[[Any], None]:
    in_all = recipe.max_rounds * len(recipe.seeds)

    def report(environment: Any) -> None:
        progress(before + environment.iteration + 1, in_all)

    return report


def _describe(part: TrainingSet) -> dict[str, int | None]:
    return {
        "rows": len(part),
        "bad": int(part.is_bad.sum()),
        "first_at": int(part.at.min()) if len(part) else None,
        "last_at": int(part.at.max()) if len(part) else None,
    }


def _ignore(done: int, in_all: int) -> None:
    del done, in_all
