"""The forest scores as scikit-learn's, explains itself, and needs no labels."""

import dataclasses
import json

import numpy as np
import pytest

from ml.arrays import Floats
from ml.artifacts import ModelArtifact
from ml.calibration import Method
from ml.datasets import TrainingSet
from ml.errors import LearningError
from ml.estimators import Kind, compress
from ml.evaluation import roc_auc
from ml.forest import IsolationTrees
from ml.training import ANOMALY, train
from ml.training.anomaly import export_forest
from tests.ml.synthetic import make_training_set


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    return make_training_set()


@pytest.fixture(scope="module")
def artifact(data: TrainingSet) -> ModelArtifact:
    return train(data, recipe=ANOMALY, schema_hash="s")


@pytest.fixture(scope="module")
def matrix() -> Floats:
    rows = make_training_set(seed=9, rows=3_000).matrix
    rows[0], rows[1], rows[2, 0] = np.nan, 1e9, -5.0
    return rows


@pytest.mark.parametrize("options", [{}, {"max_samples": 64, "n_estimators": 30}], ids=["usual", "small"])
def test_scores_equal_scikit_learns(data: TrainingSet, matrix: Floats, options: dict[str, int]) -> None:
    from sklearn.ensemble import IsolationForest

    fill = np.nanmedian(data.matrix, axis=0)
    settings = {"max_samples": 256, "n_estimators": 100, **options}
    theirs = IsolationForest(**settings, random_state=1).fit(
        compress(np.where(np.isnan(data.matrix), fill, data.matrix))
    )
    trees = [estimator.tree_ for estimator in theirs.estimators_]
    ours = export_forest(trees, fill, settings["max_samples"])
    expected = -theirs.score_samples(compress(np.where(np.isnan(matrix), fill, matrix)))
    np.testing.assert_allclose(ours.anomaly(matrix), expected, rtol=0, atol=1e-9)


def test_trained_scores_are_those_of_the_exported_forest(
    data: TrainingSet, artifact: ModelArtifact, matrix: Floats
) -> None:
    estimator = artifact.estimator
    assert isinstance(estimator, IsolationTrees)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-estimator.margins(matrix))), estimator.anomaly(matrix), atol=1e-12
    )
    assert artifact.kind is Kind.ISOLATION_FOREST


def test_one_row_scores_to_the_last_bit_as_in_the_batch(artifact: ModelArtifact, matrix: Floats) -> None:
    assert [artifact.score(row) for row in matrix[:300]] == artifact.scores(matrix)[:300].tolist()


def test_a_stored_forest_scores_exactly_as_before(artifact: ModelArtifact, matrix: Floats) -> None:
    restored = ModelArtifact.from_bytes(artifact.to_bytes(), expected_sha256=artifact.sha256)
    np.testing.assert_array_equal(restored.scores(matrix), artifact.scores(matrix))
    assert restored.to_bytes() == artifact.to_bytes()


def test_contributions_add_up_to_the_margin(artifact: ModelArtifact, matrix: Floats) -> None:
    shares = artifact.explain(matrix)
    np.testing.assert_allclose(shares.sum(axis=1), artifact.estimator.margins(matrix), atol=1e-9)
    assert len(np.unique(shares[:, -1])) == 1


def test_what_is_strange_about_a_row_contributes_most(artifact: ModelArtifact, data: TrainingSet) -> None:
    ordinary = np.nanmedian(data.matrix, axis=0)
    for column in range(3):
        strange = ordinary.copy()
        strange[column] = 1e6
        shares = artifact.explain(strange[np.newaxis])[0, :-1]
        assert shares.argmax() == column
        assert artifact.estimator.margin(strange) > artifact.estimator.margin(ordinary)


def test_labels_only_calibrate(data: TrainingSet) -> None:
    other = dataclasses.replace(data, is_bad=np.random.default_rng(0).permutation(data.is_bad))
    forests = [train(rows, recipe=ANOMALY, schema_hash="s") for rows in (data, other)]
    assert forests[0].estimator.as_json() == forests[1].estimator.as_json()
    assert forests[0].calibration.method is not Method.NONE
    assert forests[0].is_probability


def test_without_labels_its_scores_are_ranks(data: TrainingSet) -> None:
    unlabelled = dataclasses.replace(data, is_bad=np.zeros(len(data), dtype=bool))
    artifact = train(unlabelled, recipe=ANOMALY, schema_hash="s")
    assert artifact.calibration.method is Method.NONE
    assert not artifact.is_probability
    assert not ModelArtifact.from_bytes(artifact.to_bytes()).is_probability
    assert roc_auc(data.is_bad, artifact.scores(data.matrix)) > 0.55


def test_a_category_is_not_cut_by_its_number(data: TrainingSet) -> None:
    matrix = data.matrix.copy()
    matrix[:, 2] = np.random.default_rng(1).integers(0, 30, len(data))
    forest = train(
        dataclasses.replace(data, matrix=matrix, categorical=("noise",)), recipe=ANOMALY, schema_hash="s"
    )
    assert (forest.explain(matrix[:200])[:, 2] == 0).all()


@pytest.mark.parametrize(
    "spoil",
    [{"left": [10**6]}, {"threshold": []}, {"roots": []}, {"feature": None}],
    ids=["points outside", "incomplete", "no tree", "no numbers"],
)
def test_a_forest_that_is_damaged_inside_is_refused(
    artifact: ModelArtifact, spoil: dict[str, list[int] | None]
) -> None:
    document = artifact.estimator.as_json()
    for name, values in spoil.items():
        document[name] = (
            None if values is None else values + document[name][len(values) :] if values else values
        )

    class Spoilt(IsolationTrees):
        def as_json(self) -> dict[str, object]:
            return document

    estimator = artifact.estimator
    assert isinstance(estimator, IsolationTrees)
    fields = {
        field.name: getattr(estimator, field.name) for field in dataclasses.fields(estimator) if field.init
    }
    written = dataclasses.replace(artifact, estimator=Spoilt(**fields)).to_bytes()
    assert json.loads(written)
    with pytest.raises(LearningError) as refusal:
        ModelArtifact.from_bytes(written)
    assert refusal.value.code == "damaged_artifact"
