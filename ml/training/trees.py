"""Fitting LightGBM: early stopping on later time, categories, monotone inputs, seeds that have to pay."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ml.boosting import load_lightgbm
from ml.datasets import TrainingSet
from ml.estimators import TreeBag
from ml.intervals import Interval, JudgedRows, Judging, judge

from .recipes import LIGHTGBM_DEFAULTS, Progress, Recipe
from .weights import fitting_weights

_GAIN_DRAWS = 200


def fit_trees(
    fit: TrainingSet, stop: TrainingSet, recipe: Recipe, num_threads: int, progress: Progress
) -> tuple[TreeBag, dict[str, Any]]:
    """Return the models of the seeds, and what is to be remembered about the optional ones."""
    required = recipe.seeds
    optional = recipe.optional_seeds if len(stop) else ()
    models = _grow(fit, stop, recipe, (*required, *optional), num_threads, progress)
    few, all_of_them = TreeBag(models[: len(required)]), TreeBag(models)
    if not optional:
        return few, {}
    gain = ensemble_gain(few, all_of_them, stop, num_threads=num_threads)
    is_kept = gain.low is not None and gain.low > 0
    note = {"tried": len(models), "kept": len(models) if is_kept else len(required), "gain": gain.as_json()}
    return (all_of_them if is_kept else few), {"ensemble": note}


def ensemble_gain(few: TreeBag, more: TreeBag, later: TrainingSet, *, num_threads: int = 1) -> Interval:
    """Return by how much average precision on later rows rises with more models, with its 95 % interval.

    More models pay if even the lower end is above 0: scoring time grows with every model.
    """
    scores = {
        name: bag.margins(later.matrix, num_threads=num_threads)
        for name, bag in (("few", few), ("more", more))
    }
    nothing = dict.fromkeys(scores, 0.0)  # costs are not asked for
    judgement = judge(JudgedRows.of(later), scores, thresholds=nothing, judging=Judging(draws=_GAIN_DRAWS))
    return judgement.difference("more", "few", "average_precision")


def _grow(
    fit: TrainingSet,
    stop: TrainingSet,
    recipe: Recipe,
    seeds: tuple[int, ...],
    num_threads: int,
    progress: Progress,
) -> tuple[str, ...]:
    lightgbm = load_lightgbm()

    parameters = {**LIGHTGBM_DEFAULTS, **recipe.parameters, "num_threads": num_threads, **_constraints(fit)}
    rows = lightgbm.Dataset(
        fit.matrix,
        fit.is_bad.astype(np.float64),
        weight=fitting_weights(fit, recipe),
        feature_name=list(fit.features),
        categorical_feature=fit.categorical_columns.tolist(),
        params=parameters,
    )
    later = lightgbm.Dataset(stop.matrix, stop.is_bad.astype(np.float64), weight=stop.weight, reference=rows)
    models = []
    for number, seed in enumerate(seeds):
        callbacks = [
            _report_trees(progress, before=number * recipe.max_rounds, in_all=recipe.max_rounds * len(seeds))
        ]
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
    return tuple(models)


def _constraints(fit: TrainingSet) -> dict[str, Any]:
    """ "intermediate" lets a constrained input still be followed closely; "basic" would flatten it."""
    if not fit.monotone:
        return {}
    return {
        "monotone_constraints": [fit.monotone.get(name, 0) for name in fit.features],
        "monotone_constraints_method": "intermediate",
    }


def _report_trees(progress: Progress, *, before: int, in_all: int) -> Callable[[Any], None]:
    def report(environment: Any) -> None:
        progress(before + environment.iteration + 1, in_all)

    return report
