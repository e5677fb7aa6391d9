"""Hyper-parameters of LightGBM, searched by Optuna on later time, within a budget, and resumable.

Trials are plain records that the caller keeps. Each trial is proposed by a fresh study that holds the records
so far and is seeded by the trial's number: a search that was interrupted goes on exactly as it would have.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ml.boosting import load_lightgbm
from ml.datasets import TrainingSet, split_by_share
from ml.errors import LearningError
from ml.estimators import Kind
from ml.evaluation import average_precision
from ml.training import CHAMPION, LIGHTGBM_DEFAULTS, Recipe, train

LATER_SHARE = 0.2  # of the rows by time: what trials are judged on
MOST_TRIALS = 40

Parameters = Mapping[str, float]
Share = Callable[[float], None]  # (share of the budget used); may raise Cancelled


class State(StrEnum):
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """One set of hyper-parameters and what came of it.

    number     from 0; 0 are the recipe's own
    value      average precision on the later rows; None if it failed
    seconds    it took; counts against the budget of a resumed search
    """

    number: int
    parameters: Parameters
    value: float | None
    state: State
    seconds: float = 0.0


@dataclass(frozen=True)
class Dimension:
    """What one parameter may be."""

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False


# Around LightGBM's own defaults and ours, as wide as its tuning guide goes for rare outcomes.
SPACE: Mapping[str, Dimension] = {
    "learning_rate": Dimension(0.02, 0.2, is_log=True),
    "num_leaves": Dimension(7, 127, is_log=True, is_whole=True),
    "min_data_in_leaf": Dimension(5, 200, is_log=True, is_whole=True),
    "lambda_l2": Dimension(0.01, 100, is_log=True),
    "feature_fraction": Dimension(0.3, 1.0),
    "bagging_fraction": Dimension(0.4, 1.0),
}


@dataclass(frozen=True)
class Tuned:
    """The recipe with the best parameters found, and every trial, the earlier ones first."""

    recipe: Recipe
    trials: tuple[Trial, ...]
    best: Trial | None = field(default=None)


def tune(
    data: TrainingSet,
    *,
    recipe: Recipe = CHAMPION,
    seconds: float,
    max_trials: int = MOST_TRIALS,
    earlier: Sequence[Trial] = (),
    on_trial: Callable[[Trial], None] | None = None,
    num_threads: int = 1,
    seed: int = 1,
    progress: Share | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Return the recipe with the parameters that ranked later rows best; the recipe itself if no trial ended.

    A trial is fitted on the earlier 80 % of the rows, stopping included, and judged on the rest. The first
    trial is the recipe as it is, so the result never ranks those rows worse. The same records, data and seed
    give the same next trial. LearningError if the rows do not suffice for the split.

    seconds      budget of the whole search, earlier trials included; a trial that is under way when it runs
                 out is dropped
    earlier      records of a search to go on with, in any order
    on_trial     gets each record as soon as there is one
    """
    if recipe.kind is not Kind.LIGHTGBM:
        raise LearningError("Only LightGBM recipes have hyper-parameters to tune.", code="wrong_shape")
    fit, later = split_by_share(data, LATER_SHARE)
    later.require_both_classes()
    trials = sorted(earlier, key=lambda trial: trial.number)
    used_before, started_at = sum(trial.seconds for trial in trials), clock()
    report = progress or _ignore

    def use(in_trial: float = 0.0) -> None:
        """Report, and end the trial under way if there is no time left."""
        used = used_before + clock() - started_at
        report(min(max(used / seconds, (len(trials) + in_trial) / max_trials), 1.0) if seconds > 0 else 1.0)
        if used >= seconds:
            raise _OutOfTime

    try:
        while len(trials) < max_trials:
            use()
            trial = _run(fit, later, recipe, trials, seed, num_threads, use, clock)
            trials.append(trial)
            if on_trial is not None:
                on_trial(trial)
    except _OutOfTime:
        pass
    best = max(
        (trial for trial in trials if trial.value is not None),
        key=lambda trial: (trial.value or 0.0, -trial.number),
        default=None,
    )
    found = recipe if best is None else _with(recipe, best.parameters)
    return Tuned(found, tuple(trials), best)


class _OutOfTime(Exception):
    """The budget is used up."""


def _run(
    fit: TrainingSet,
    later: TrainingSet,
    recipe: Recipe,
    trials: Sequence[Trial],
    seed: int,
    num_threads: int,
    use: Callable[[float], None],
    clock: Callable[[], float],
) -> Trial:
    refused = load_lightgbm().basic.LightGBMError
    number = trials[-1].number + 1 if trials else 0
    parameters = _propose(trials, seed + number) if trials else own_parameters(recipe)
    started_at = clock()
    value: float | None = None
    try:
        artifact = train(
            fit,
            recipe=replace(_with(recipe, parameters), calibrate_share=0.0, optional_seeds=()),
            schema_hash="",
            num_threads=num_threads,
            progress=lambda done, in_all: use(done / max(in_all, 1)),
        )
        margins = artifact.estimator.margins(later.matrix, num_threads=num_threads)
        value = average_precision(later.is_bad, margins, later.weight)
    except refused:  # a combination that it refuses is a result, too
        logging.getLogger(__name__).warning("trial_failed", extra={"parameters": dict(parameters)})
    state = State.FAILED if value is None else State.COMPLETE
    return Trial(number, parameters, value, state, clock() - started_at)


def own_parameters(recipe: Recipe) -> dict[str, float]:
    """Return the recipe's own values of what is searched, moved into the space."""
    settings = {**LIGHTGBM_DEFAULTS, **recipe.parameters}
    found = {}
    for name, dimension in SPACE.items():
        value = min(max(float(settings[name]), dimension.low), dimension.high)
        found[name] = int(value) if dimension.is_whole else value
    return found


def _propose(trials: Sequence[Trial], seed: int) -> dict[str, float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {name: _distribution(dimension) for name, dimension in SPACE.items()}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for trial in trials:
        is_complete = trial.state == State.COMPLETE  # a record may hold its plain text
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(trial.parameters),
                distributions=space,
                value=trial.value if is_complete else None,
                state=optuna.trial.TrialState.COMPLETE if is_complete else optuna.trial.TrialState.FAIL,
            )
        )
    return dict(study.ask(space).params)


def _distribution(dimension: Dimension) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    if dimension.is_whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.is_log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.is_log)


def _with(recipe: Recipe, parameters: Parameters) -> Recipe:
    return replace(recipe, parameters={**recipe.parameters, **parameters})


def _ignore(share: float) -> None:
    del share
