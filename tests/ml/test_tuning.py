"""The search goes on where it was interrupted, keeps to its budget, and never ends worse than it began."""

import json
from dataclasses import asdict, replace

import pytest

from ml.datasets import TrainingSet
from ml.errors import Cancelled, LearningError
from ml.training import BASELINE, Recipe
from ml.tuning import SPACE, State, Trial, own_parameters, tune
from tests.ml.synthetic import make_training_set

QUICK = Recipe(max_rounds=8, patience=4)


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    return make_training_set(rows=3_000)


@pytest.fixture(scope="module")
def whole(data: TrainingSet) -> tuple[Trial, ...]:
    """A search past the ten random trials that TPE starts with, so that records matter to what follows."""
    return tune(data, recipe=QUICK, seconds=1e9, max_trials=14).trials


def bare(trials: tuple[Trial, ...]) -> list[Trial]:
    return [replace(trial, seconds=0.0) for trial in trials]


def test_an_interrupted_search_goes_on_to_the_same_best(data: TrainingSet, whole: tuple[Trial, ...]) -> None:
    first = tune(data, recipe=QUICK, seconds=1e9, max_trials=11)
    records = [Trial(**json.loads(json.dumps(asdict(trial)))) for trial in reversed(first.trials)]
    second = tune(data, recipe=QUICK, seconds=1e9, max_trials=14, earlier=records)
    assert bare(second.trials) == bare(whole)
    assert second.best is not None
    assert second.recipe.parameters == second.best.parameters


def test_other_records_lead_elsewhere(data: TrainingSet, whole: tuple[Trial, ...]) -> None:
    turned = [replace(trial, value=1 - (trial.value or 0)) for trial in whole[:13]]
    other = tune(data, recipe=QUICK, seconds=1e9, max_trials=14, earlier=turned).trials[-1]
    assert other.parameters != whole[-1].parameters


def test_the_first_trial_is_the_recipe_itself_and_the_best_is_no_worse(whole: tuple[Trial, ...]) -> None:
    assert whole[0].parameters == own_parameters(QUICK)
    values = [trial.value for trial in whole if trial.value is not None]
    assert max(values) >= values[0]
    assert len(set(values)) > 3


def test_every_trial_stays_inside_the_space(whole: tuple[Trial, ...]) -> None:
    for trial in whole:
        assert set(trial.parameters) == set(SPACE)
        for name, value in trial.parameters.items():
            assert SPACE[name].low <= value <= SPACE[name].high
            assert isinstance(value, int) == SPACE[name].is_whole


def test_records_are_handed_out_as_they_come(data: TrainingSet) -> None:
    seen: list[Trial] = []
    found = tune(data, recipe=QUICK, seconds=1e9, max_trials=2, on_trial=seen.append)
    assert tuple(seen) == found.trials


def test_time_of_earlier_trials_counts(data: TrainingSet, whole: tuple[Trial, ...]) -> None:
    spent = [replace(whole[0], seconds=60.0)]
    found = tune(data, recipe=QUICK, seconds=60.0, earlier=spent)
    assert found.trials == tuple(spent)
    assert found.recipe.parameters == whole[0].parameters


def test_a_trial_under_way_is_dropped_when_time_is_up(data: TrainingSet) -> None:
    ticks = iter(range(10_000))
    found = tune(data, recipe=QUICK, seconds=30, clock=lambda: float(next(ticks)))
    assert 1 <= len(found.trials) <= 3
    assert {trial.state for trial in found.trials} == {State.COMPLETE}


def test_without_time_the_recipe_stays(data: TrainingSet) -> None:
    found = tune(data, recipe=QUICK, seconds=0)
    assert (found.recipe, found.trials, found.best) == (QUICK, (), None)


def test_parameters_that_lightgbm_refuses_are_a_failed_trial(data: TrainingSet) -> None:
    refused = replace(QUICK, parameters={"boosting": "none such"})
    found = tune(data, recipe=refused, seconds=1e9, max_trials=2)
    assert [trial.state for trial in found.trials] == [State.FAILED] * 2
    assert found.recipe == refused


def test_share_rises_to_one_and_cancelling_ends_the_search(data: TrainingSet) -> None:
    shares: list[float] = []
    tune(data, recipe=QUICK, seconds=1e9, max_trials=3, progress=shares.append)
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1
    kept: list[Trial] = []

    def stop(share: float) -> None:
        if kept:
            raise Cancelled

    with pytest.raises(Cancelled):
        tune(data, recipe=QUICK, seconds=1e9, on_trial=kept.append, progress=stop)
    assert len(kept) == 1


def test_only_lightgbm_is_tuned(data: TrainingSet) -> None:
    with pytest.raises(LearningError, match="LightGBM"):
        tune(data, recipe=BASELINE, seconds=10)
