"""Training is repeatable, respects time, calibrates, and refuses what cannot be learnt from."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.calibration import Method, expected_calibration_error
from ml.datasets import TrainingSet, split_by_share, split_by_time
from ml.errors import LearningError
from ml.estimators import compress
from ml.evaluation import roc_auc
from ml.training import BASELINE, Recipe, train
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
    for recipe in (QUICK, BASELINE):
        path = tmp_path / f"{recipe.kind}.json"
        path.write_bytes(train(data, recipe=recipe, schema_hash="s").to_bytes())
        program = (
            "import sys, numpy\n"
            "from ml.artifacts import ModelArtifact\n"
            "model = ModelArtifact.from_bytes(open(sys.argv[1], 'rb').read())\n"
            "model.score(numpy.zeros(3))\n"
            "assert model.kind == 'lightgbm' or 'sklearn' not in sys.modules, 'scikit-learn was imported'\n"
        )
        subprocess.run([sys.executable, "-c", program, str(path)], check=True)
