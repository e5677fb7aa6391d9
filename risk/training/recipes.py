"""How each kind is trained on the rows there are; LightGBM on chosen inputs by tuned settings, if asked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from ml.datasets import TrainingSet
from ml.estimators import Kind
from ml.selection import Selection, select_features
from ml.training import ANOMALY, BASELINE, CHAMPION, Recipe
from ml.tuning import State, Trial, tune
from risk.models import TrainingRun, TuningTrial

FEW_BAD_ROWS = 200  # a 15 % part of fewer holds under 30: a line's calibration would be noise
# A 15 % part of fewer holds under 225, too few to say when to stop or how to calibrate, and trees miss
# them more than a line does. Measured on the sample marketplace: on three successive stretches of orders,
# 350 to 510 bad rows each, stopping on 50 to 80 of them gave an average precision of .516, 200 trees on
# all .534, and with half of a third of the inputs for each split and 15 leaves .547; on 16,701 orders
# after that, 181 of them bad, it gave .388 with a calibration part and .434 without, at an
# expected calibration error of .0020 (a line's: .0034).
ENOUGH_TO_HOLD_OUT = 1_500
_STEADY = replace(
    CHAMPION,
    max_rounds=200,
    stop_share=0.0,
    calibrate_share=0.0,
    # Each of 24 hours holds some twenty bad rows: without smoothing, hours are learnt by heart.
    parameters={
        "num_leaves": 15,
        "feature_fraction": 0.3,
        "feature_fraction_bynode": 0.5,
        "cat_smooth": 50.0,
        "cat_l2": 50.0,
    },
)
_SHALLOW = {"num_leaves": 7, "min_data_in_leaf": 10}
_MORE_SEEDS = (2, 3)  # beside the first, where there is a part to see whether they pay
_SELECTED = 0.4  # of the time before training proper, if inputs are chosen; the rest is for settings


class _Life(Protocol):
    def report(self, step: str, share: float) -> None: ...


def recipes_for(data: TrainingSet) -> Mapping[Kind, Recipe]:
    """Return the recipe of each kind for so many bad rows.

    With few of them trees hold nothing out for stopping and calibration: a
    likelihood of unweighted rows gives probabilities that are about right by
    itself. With very few a line does not either, and trees stay shallow.
    """
    bad, boosting, baseline = int(data.is_bad.sum()), CHAMPION, BASELINE
    if bad < ENOUGH_TO_HOLD_OUT:
        boosting = _STEADY
    if bad < FEW_BAD_ROWS:
        boosting = replace(_STEADY, max_rounds=80, parameters=_SHALLOW)
        baseline = replace(BASELINE, calibrate_share=0.0, bad_weight=1.0)
    return {Kind.LIGHTGBM: boosting, Kind.LOGISTIC: baseline, Kind.ISOLATION_FOREST: ANOMALY}


def improve(
    data: TrainingSet,
    recipe: Recipe,
    run: TrainingRun,
    *,
    life: _Life,
    start: float,
    end: float,
    num_threads: int,
) -> tuple[Recipe, Selection]:
    """Return LightGBM's inputs and the best settings that the run's budget allows for them.

    Choosing inputs takes two trainings and is not part of the budget. Every
    trial is a row at once. Who asks for tuning has time: more seeds are tried
    too, and kept if they pay.
    """
    middle = start + (end - start) * _SELECTED
    selection = select_features(
        data,
        recipe=recipe,
        num_threads=num_threads,
        progress=lambda share: life.report("selecting", start + (middle - start) * share),
    )
    found = tune(
        data.select(selection.kept),
        recipe=recipe,
        seconds=float(run.tuning_seconds),
        earlier=[_trial_of(row) for row in run.trials.order_by("number")],
        on_trial=lambda trial: _keep(run, trial),
        num_threads=num_threads,
        progress=lambda share: life.report("tuning", middle + (end - middle) * share),
    )
    more = _MORE_SEEDS if recipe.stop_share else ()
    return replace(found.recipe, optional_seeds=more), selection


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
