"""How each kind is trained on the rows there are; LightGBM by tuned hyper-parameters, if asked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from ml.datasets import TrainingSet
from ml.estimators import Kind
from ml.training import ANOMALY, BASELINE, CHAMPION, Recipe
from ml.tuning import State, Trial, tune
from risk.models import TrainingRun, TuningTrial

FEW_BAD_ROWS = 200  # a 15 % part of fewer holds under 30: noise decides where to stop
_MORE_SEEDS = (2, 3)


class _Life(Protocol):
    def report(self, step: str, share: float) -> None: ...


def recipes_for(
    data: TrainingSet, run: TrainingRun, *, life: _Life, start: float, end: float, num_threads: int
) -> Mapping[Kind, Recipe]:
    """Return the recipe of each kind.

    With few bad rows nothing is held out for stopping and calibration: the
    parts would be too small to say anything. Shallow, few trees on unweighted
    rows then give probabilities that are about right by themselves.
    """
    if int(data.is_bad.sum()) >= FEW_BAD_ROWS:
        boosting, baseline = CHAMPION, BASELINE
    else:
        shallow = {"num_leaves": 7, "min_data_in_leaf": 10}
        boosting = replace(CHAMPION, max_rounds=80, stop_share=0.0, calibrate_share=0.0, parameters=shallow)
        baseline = replace(BASELINE, calibrate_share=0.0, bad_weight=1.0)
    if run.tuning_seconds:
        boosting = _tuned(data, boosting, run, life, start, end, num_threads)
    return {Kind.LIGHTGBM: boosting, Kind.LOGISTIC: baseline, Kind.ISOLATION_FOREST: ANOMALY}


def _tuned(
    data: TrainingSet,
    recipe: Recipe,
    run: TrainingRun,
    life: _Life,
    start: float,
    end: float,
    num_threads: int,
) -> Recipe:
    """Return the recipe with the best parameters that the budget allows; every trial is a row at once.

    Who asks for tuning has time: more seeds are tried too, and kept if they pay.
    """
    found = tune(
        data,
        recipe=recipe,
        seconds=float(run.tuning_seconds),
        earlier=[_trial_of(row) for row in run.trials.order_by("number")],
        on_trial=lambda trial: _keep(run, trial),
        num_threads=num_threads,
        progress=lambda share: life.report("tuning", start + (end - start) * share),
    )
    return replace(found.recipe, optional_seeds=_MORE_SEEDS)


def _trial_of(row: TuningTrial) -> Trial:
    return Trial(row.number, row.parameters, row.value, State(row.state), row.seconds)


def _keep(run: TrainingRun, trial: Trial) -> None:
    TuningTrial.objects.create(
        run=run,
        number=trial.number,
        parameters=dict(trial.parameters),
        value=trial.value,
        state=trial.state.value,
        seconds=trial.seconds,
    )
