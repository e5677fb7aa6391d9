"""Training is repeatable, respects time, calibrates, and refuses what cannot be learnt from."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.calibration import Method, expected_calibration_error
from ml.datasets import TrainingSet, split_by_share, split_by_time
from ml.drift import Reference, population_stability_index
from ml.errors import Cancelled, LearningError
from ml.estimators import TreeBag, compress
from ml.evaluation import roc_auc
from ml.training import ANOMALY, BASELINE, Recipe, train
from ml.training.trees import ensemble_gain
from tests.ml.synthetic import HOUR, make_training_set

QUICK = Recipe(max_rounds=60, patience=10, seeds=(1, 2), parameters={"num_leaves": 7})


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    return make_training_set()


@pytest.fixture(scope="module")
def later() -> TrainingSet:
    return make_training_set(seed=8)


@pytest.mark.parametrize("recipe", [QUICK, BASELINE], ids=["lightgbm", "logistic"])
def test_both_kinds_rank_and_calibrate_on_unseen_rows(
    data: TrainingSet, later: TrainingSet, recipe: Recipe
) -> None:
    artifact = train(data, recipe=recipe, schema_hash="s")
    probability = artifact.scores(later.matrix)
    assert roc_auc(later.is_bad, probability) > 0.75
    assert expected_calibration_error(later.is_bad, probability) < 0.03
    assert artifact.calibration.method is not Method.NONE


@pytest.mark.parametrize("recipe", [QUICK, BASELINE], ids=["lightgbm", "logistic"])
def test_same_data_and_seed_give_the_same_bytes(data: TrainingSet, recipe: Recipe) -> None:
    first, second = (train(data, recipe=recipe, schema_hash="s").to_bytes() for _ in range(2))
    assert first == second


def test_seeds_of_a_bag_differ(data: TrainingSet) -> None:
    first, second = train(data, recipe=QUICK, schema_hash="s").estimator.as_json()["models"]
    assert first != second


def test_balancing_the_classes_leaves_probabilities_calibrated(data: TrainingSet, later: TrainingSet) -> None:
    balanced = dataclasses.replace(QUICK, bad_weight=None)
    probability = train(data, recipe=balanced, schema_hash="s").scores(later.matrix)
    assert expected_calibration_error(later.is_bad, probability) < 0.03


def test_later_rows_never_move_what_was_fitted(data: TrainingSet) -> None:
    fitted_share = 1 - QUICK.stop_share - QUICK.calibrate_share
    is_held_out = data.at > np.quantile(data.at, fitted_share + QUICK.stop_share + 0.01)
    shuffled = data.is_bad.copy()
    shuffled[is_held_out] = np.random.default_rng(0).permutation(shuffled[is_held_out])
    other = dataclasses.replace(data, is_bad=shuffled)
    models = [train(rows, recipe=QUICK, schema_hash="s").estimator.as_json() for rows in (data, other)]
    assert models[0] == models[1]


def test_logistic_scores_equal_scikit_learns_pipeline(data: TrainingSet, later: TrainingSet) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    recipe = dataclasses.replace(BASELINE, calibrate_share=0.0, bad_weight=1.0)
    pipeline = make_pipeline(
        SimpleImputer(strategy="median"),
        FunctionTransformer(compress),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    ).fit(data.matrix, data.is_bad)
    ours = train(data, recipe=recipe, schema_hash="s").scores(later.matrix)
    np.testing.assert_allclose(ours, pipeline.predict_proba(later.matrix)[:, 1], rtol=1e-9)


def test_a_column_that_is_always_missing_does_no_harm(data: TrainingSet) -> None:
    empty = dataclasses.replace(data, matrix=data.matrix.copy())
    empty.matrix[:, 2] = np.nan
    for recipe in (QUICK, BASELINE):
        assert np.isfinite(train(empty, recipe=recipe, schema_hash="s").scores(empty.matrix)).all()


def test_progress_rises_to_at_most_all(data: TrainingSet) -> None:
    steps: list[tuple[int, int]] = []
    train(data, recipe=QUICK, schema_hash="s", progress=lambda done, in_all: steps.append((done, in_all)))
    assert steps == sorted(steps)
    assert steps[0] == (1, 120)
    assert steps[-1][0] <= 120


def test_metadata_tells_the_windows_and_counts(data: TrainingSet) -> None:
    parts = train(data, recipe=QUICK, schema_hash="s").metadata["parts"]
    assert parts["fit"]["last_at"] < parts["stop"]["first_at"] < parts["calibrate"]["first_at"]
    assert parts["calibrate"]["bad"] > 0


def test_one_class_is_refused(data: TrainingSet) -> None:
    good = data.take(~data.is_bad)
    with pytest.raises(LearningError) as refusal:
        train(good, recipe=QUICK, schema_hash="s")
    assert refusal.value.code == "one_class"


def test_too_few_labels_are_refused(data: TrainingSet) -> None:
    bad = np.flatnonzero(data.is_bad)
    few = bad[:: len(bad) // 30]
    scarce = data.take(np.sort(np.append(few, np.flatnonzero(~data.is_bad))))
    with pytest.raises(LearningError) as refusal:
        train(scarce, recipe=QUICK, schema_hash="s")
    assert refusal.value.code == "too_few_labels"


def test_columns_of_different_length_are_refused(data: TrainingSet) -> None:
    with pytest.raises(LearningError) as refusal:
        dataclasses.replace(data, at=data.at[:-1])
    assert refusal.value.code == "wrong_shape"


def test_a_vanished_feature_is_named(data: TrainingSet) -> None:
    with pytest.raises(LearningError, match="card_age_days"):
        data.select(["noise", "card_age_days"])


def test_selected_columns_keep_their_values(data: TrainingSet) -> None:
    selected = data.select(["noise", "card_orders_1h_count"])
    np.testing.assert_array_equal(selected.matrix, data.matrix[:, [2, 0]])


def test_groups_never_straddle_a_split(data: TrainingSet) -> None:
    few_groups = dataclasses.replace(data, group=np.random.default_rng(0).integers(0, 2_000, len(data)))
    early, late = split_by_time(few_groups, 1500 * HOUR)
    assert early.at.max() < 1500 * HOUR <= late.at.min()
    assert early.group is not None
    assert late.group is not None
    assert not set(early.group) & set(late.group)


def test_split_by_share_keeps_simultaneous_rows_together() -> None:
    rows = 10
    at = np.repeat([0, 1], 5)
    data = TrainingSet(("x",), np.zeros((rows, 1)), np.zeros(rows, dtype=bool), at)
    early, late = split_by_share(data, 0.3)
    assert (len(early), len(late)) == (5, 5)


def test_scoring_never_imports_scikit_learn(data: TrainingSet, tmp_path: Path) -> None:
    for recipe in (QUICK, BASELINE, ANOMALY):
        path = tmp_path / f"{recipe.kind}.json"
        path.write_bytes(train(data, recipe=recipe, schema_hash="s").to_bytes())
        program = (
            "import sys, numpy\n"
            "from ml.artifacts import ModelArtifact\n"
            "model = ModelArtifact.from_bytes(open(sys.argv[1], 'rb').read())\n"
            "model.score(numpy.zeros(3))\n"
            "assert 'sklearn' not in sys.modules, 'scikit-learn was imported'\n"
            "assert 'optuna' not in sys.modules, 'Optuna was imported'\n"
        )
        subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def with_category(data: TrainingSet, *, effect: float = 3.0) -> TrainingSet:
    """Turn the noise into a category of 30, of which the scattered third with even squares mod 7 is bad."""
    random = np.random.default_rng(2)
    code = random.integers(0, 30, len(data)).astype(np.float64)
    is_risky = (code**2 % 7) % 2 == 0
    is_bad = data.is_bad | (is_risky & (random.random(len(data)) < effect / 10))
    code[random.random(len(data)) < 0.03] = np.nan
    matrix = data.matrix.copy()
    matrix[:, 2] = code
    return dataclasses.replace(data, matrix=matrix, is_bad=is_bad, categorical=("noise",))


def test_categories_are_split_by_membership(data: TrainingSet) -> None:
    rows = with_category(data)
    artifact = train(rows, recipe=QUICK, schema_hash="s")
    assert artifact.categorical == ("noise",)
    model = artifact.estimator.as_json()["models"][0]
    assert "num_cat=0" in train(data, recipe=QUICK, schema_hash="s").estimator.as_json()["models"][0]
    assert any(line.startswith("num_cat=") and line != "num_cat=0" for line in model.splitlines())
    as_numbers = train(
        dataclasses.replace(rows, categorical=()),
        recipe=dataclasses.replace(QUICK, max_rounds=10),
        schema_hash="s",
    )
    few = train(rows, recipe=dataclasses.replace(QUICK, max_rounds=10), schema_hash="s")
    later = with_category(make_training_set(seed=8))
    assert roc_auc(later.is_bad, few.scores(later.matrix)) > roc_auc(
        later.is_bad, as_numbers.scores(later.matrix)
    )


def test_the_line_of_the_baseline_does_not_follow_category_numbers(data: TrainingSet) -> None:
    artifact = train(with_category(data), recipe=BASELINE, schema_hash="s")
    assert artifact.explain(data.matrix)[:, 2].tolist() == [0.0] * len(data)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_monotone_input_never_moves_the_score_the_other_way(data: TrainingSet, sign: int) -> None:
    constrained = dataclasses.replace(data, monotone={"order_amount_minor": sign, "noise": sign})
    artifact = train(constrained, recipe=QUICK, schema_hash="s")
    assert artifact.metadata["monotone"] == {"order_amount_minor": sign, "noise": sign}
    for column in (1, 2):
        rows = np.repeat(data.matrix[:50], 40, axis=0)
        steps = np.nanquantile(data.matrix[:, column], np.linspace(0, 1, 40))
        rows[:, column] = np.tile(steps, 50)
        moves = np.diff(artifact.scores(rows).reshape(50, 40), axis=1)
        assert (sign * moves >= 0).all()
    free = train(data, recipe=QUICK, schema_hash="s")
    rows[:, 2] = np.tile(steps, 50)
    assert (np.diff(free.scores(rows).reshape(50, 40), axis=1) * sign < 0).any()


def test_weights_decide_what_is_learnt() -> None:
    data = make_training_set(rows=12_000)
    half = np.arange(len(data)) % 2 == 0
    wrong = dataclasses.replace(
        data, is_bad=np.where(half, data.is_bad, ~data.is_bad), weight=np.where(half, 1.0, 1e-6)
    )
    for recipe in (QUICK, BASELINE):
        artifact = train(wrong, recipe=recipe, schema_hash="s")
        assert roc_auc(data.is_bad, artifact.scores(data.matrix)) > 0.75
        assert artifact.scores(data.matrix).mean() == pytest.approx(data.is_bad.mean(), abs=0.03)


def test_optional_seeds_stay_only_if_they_pay() -> None:
    data = make_training_set(rows=12_000)
    unsteady = {"num_leaves": 63, "min_data_in_leaf": 2, "lambda_l2": 0, "learning_rate": 0.3}
    steady = {"num_leaves": 7, "feature_fraction": 1.0, "bagging_fraction": 1.0}
    for parameters, kept in ((unsteady, 8), (steady, 1)):
        recipe = Recipe(
            max_rounds=30, stop_share=0.4, parameters=parameters, optional_seeds=tuple(range(2, 9))
        )
        artifact = train(data, recipe=recipe, schema_hash="s")
        note = artifact.metadata["ensemble"]
        assert (note["tried"], note["kept"], note["gain"]["low"] > 0) == (8, kept, kept > 1)
        assert len(artifact.estimator.as_json()["models"]) == kept


def test_the_gain_of_more_models_is_measured_on_later_rows(data: TrainingSet, later: TrainingSet) -> None:
    good = train(data, recipe=QUICK, schema_hash="s").estimator
    inverted = train(dataclasses.replace(data, is_bad=~data.is_bad), recipe=QUICK, schema_hash="s").estimator
    assert isinstance(good, TreeBag)
    assert isinstance(inverted, TreeBag)
    nothing = ensemble_gain(good, good, later)
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)
    loss = ensemble_gain(good, inverted, later)
    assert loss.high is not None
    assert loss.high < 0


@pytest.mark.parametrize("recipe", [QUICK, BASELINE, ANOMALY], ids=["lightgbm", "logistic", "forest"])
def test_cancelling_ends_training_at_once(data: TrainingSet, recipe: Recipe) -> None:
    steps: list[int] = []

    def stop(done: int, in_all: int) -> None:
        steps.append(done)
        if len(steps) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(data, recipe=recipe, schema_hash="s", progress=stop)
    assert len(steps) == 2


def test_the_spread_of_inputs_and_scores_is_remembered(data: TrainingSet, later: TrainingSet) -> None:
    artifact = train(data, recipe=QUICK, schema_hash="s")
    assert list(artifact.metadata["references"]) == list(data.features)
    for column, stored in enumerate(artifact.metadata["references"].values()):
        assert population_stability_index(Reference.from_json(stored), later.matrix[:, column]) < 0.02
    scores = Reference.from_json(artifact.metadata["score_reference"])
    assert population_stability_index(scores, artifact.scores(later.matrix)) < 0.1


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda data: {"categorical": ("gone",)}, "vanished_feature"),
        (lambda data: {"monotone": {"gone": 1}}, "vanished_feature"),
        (lambda data: {"monotone": {"noise": 2}}, "bad_declaration"),
        (lambda data: {"monotone": {"noise": 1}, "categorical": ("noise",)}, "bad_declaration"),
        (lambda data: {"categorical": ("noise",)}, "changed_type"),
        (lambda data: {"matrix": data.matrix.astype(object)}, "changed_type"),
        (lambda data: {"matrix": np.where(data.matrix > 3, np.inf, data.matrix)}, "not_finite"),
    ],
    ids=["category gone", "monotone gone", "no sign", "monotone category", "numbers", "objects", "infinite"],
)
def test_columns_that_are_not_what_they_are_declared_are_refused(
    data: TrainingSet, spoil: Callable[[TrainingSet], dict[str, Any]], code: str
) -> None:
    with pytest.raises(LearningError) as refusal:
        train(dataclasses.replace(data, **spoil(data)), recipe=QUICK, schema_hash="s")
    assert refusal.value.code == code


def test_groups_straddle_none_of_the_parts(data: TrainingSet) -> None:
    rows = dataclasses.replace(data, group=np.random.default_rng(0).integers(0, 9_000, len(data)))
    earlier, calibrate = split_by_share(rows, 0.15)
    fit, stop = split_by_share(earlier, 0.15 / 0.85)
    groups = [set(part.group.tolist()) for part in (fit, stop, calibrate) if part.group is not None]
    assert len(groups) == 3
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    parts = train(rows, recipe=QUICK, schema_hash="s").metadata["parts"]
    assert [parts[name]["rows"] for name in parts] == [len(fit), len(stop), len(calibrate)]
