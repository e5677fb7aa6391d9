"""A stored model scores as the trained one did, explains itself, and is refused once touched."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ml.arrays import Floats
from ml.artifacts import ModelArtifact
from ml.errors import LearningError
from ml.training import ANOMALY, BASELINE, Recipe, train
from tests.ml.synthetic import make_training_set

QUICK = Recipe(max_rounds=20, patience=5, seeds=(1, 2), parameters={"num_leaves": 7})


@pytest.fixture(scope="module", params=[QUICK, BASELINE, ANOMALY], ids=["lightgbm", "logistic", "forest"])
def artifact(request: pytest.FixtureRequest) -> ModelArtifact:
    return train(make_training_set(), recipe=request.param, schema_hash="abc")


@pytest.fixture(scope="module")
def matrix() -> Floats:
    return make_training_set(seed=9, rows=200).matrix


def test_a_stored_model_scores_exactly_as_before(artifact: ModelArtifact, matrix: Floats) -> None:
    restored = ModelArtifact.from_bytes(artifact.to_bytes(), expected_sha256=artifact.sha256)
    np.testing.assert_array_equal(restored.scores(matrix), artifact.scores(matrix))
    assert restored.to_bytes() == artifact.to_bytes()


def test_one_row_scores_as_in_the_batch(artifact: ModelArtifact, matrix: Floats) -> None:
    one_by_one = [artifact.score(row) for row in matrix[:20]]
    np.testing.assert_allclose(one_by_one, artifact.scores(matrix)[:20], rtol=1e-12)


def test_contributions_add_up_to_the_margin(artifact: ModelArtifact, matrix: Floats) -> None:
    contributions = artifact.explain(matrix)
    assert contributions.shape == (len(matrix), len(artifact.features) + 1)
    np.testing.assert_allclose(contributions.sum(axis=1), artifact.estimator.margins(matrix), atol=1e-9)


def test_probabilities_rise_with_the_margin(artifact: ModelArtifact, matrix: Floats) -> None:
    order = np.argsort(artifact.estimator.margins(matrix))
    assert (np.diff(artifact.scores(matrix)[order]) >= 0).all()


def test_a_document_is_json_without_pickle(artifact: ModelArtifact) -> None:
    document = json.loads(artifact.to_bytes())
    assert set(document) == {"body", "sha256"}
    assert document["sha256"] == artifact.sha256


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document[:-100],
        lambda document: b"\x80\x04pickle",
        lambda document: b"[]",
        lambda document: document.replace(b'"schema_hash":"abc"', b'"schema_hash":"abd"'),
    ],
    ids=["truncated", "not json", "not a model", "one letter changed"],
)
def test_a_damaged_document_is_refused(artifact: ModelArtifact, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(LearningError) as refusal:
        ModelArtifact.from_bytes(spoil(artifact.to_bytes()))
    assert refusal.value.code == "damaged_artifact"


def test_another_model_than_the_expected_one_is_refused(artifact: ModelArtifact) -> None:
    with pytest.raises(LearningError) as refusal:
        ModelArtifact.from_bytes(artifact.to_bytes(), expected_sha256="0" * 64)
    assert refusal.value.code == "damaged_artifact"


def test_a_schema_mismatch_is_refused(artifact: ModelArtifact) -> None:
    assert ModelArtifact.from_bytes(artifact.to_bytes(), expected_schema_hash="abc").schema_hash == "abc"
    with pytest.raises(LearningError) as refusal:
        ModelArtifact.from_bytes(artifact.to_bytes(), expected_schema_hash="other")
    assert refusal.value.code == "schema_mismatch"


def test_a_vector_of_the_wrong_length_is_refused(artifact: ModelArtifact) -> None:
    with pytest.raises(LearningError) as refusal:
        artifact.score(np.zeros(2))
    assert refusal.value.code == "wrong_shape"


def rewritten(artifact: ModelArtifact, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return the document with a changed body and the checksum that belongs to it."""
    body = json.loads(artifact.to_bytes())["body"]
    change(body)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return json.dumps({"body": body, "sha256": hashlib.sha256(canonical).hexdigest()}).encode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: body.pop("estimator"), "damaged_artifact"),
        (lambda body: body.update(kind="oracle"), "damaged_artifact"),
        (lambda body: body["features"].pop(), "damaged_artifact"),
        (lambda body: body.update(calibration=None), "damaged_artifact"),
        (lambda body: body.update(estimator={}), "damaged_artifact"),
        (lambda body: body.update(format="backoffice-model-9"), "unknown_format"),
        (lambda body: body.pop("format"), "unknown_format"),
    ],
    ids=[
        "no estimator",
        "unknown kind",
        "too few names",
        "no calibration",
        "empty",
        "later format",
        "no format",
    ],
)
def test_a_whole_document_without_a_whole_model_is_refused(
    artifact: ModelArtifact, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    with pytest.raises(LearningError) as refusal:
        ModelArtifact.from_bytes(rewritten(artifact, change))
    assert refusal.value.code == code


def test_every_prefix_of_a_document_is_refused() -> None:
    document = train(make_training_set(), recipe=BASELINE, schema_hash="abc").to_bytes()
    for length in range(0, len(document), 97):
        with pytest.raises(LearningError):
            ModelArtifact.from_bytes(document[:length])


def test_inputs_that_vanished_are_named(artifact: ModelArtifact) -> None:
    artifact.require_inputs([*artifact.features, "new_one"])
    with pytest.raises(LearningError, match="noise") as vanished:
        artifact.require_inputs(["order_amount_minor", "card_orders_1h_count"])
    assert vanished.value.code == "vanished_feature"
