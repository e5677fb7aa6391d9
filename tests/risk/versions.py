"""Model versions with chosen weights, so that a test knows what a score has to be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files.base import ContentFile

from ml.artifacts import ModelArtifact
from ml.calibration import Calibration
from ml.datasets import TrainingSet
from ml.estimators import LinearModel
from ml.training import Recipe, train
from risk import live
from risk.inputs import current_inputs
from risk.models import ModelVersion, TrainingRun
from tests.make import NOON, make_model, promote

__all__ = ["make_linear_model", "make_model", "make_tree_model", "store"]


def make_linear_model(
    weights: Mapping[str, float],
    *,
    intercept: float = -2.0,
    subject: str = "order",
    metadata: Mapping[str, Any] | None = None,
    **fields: Any,
) -> ModelVersion:
    """Return a version whose log-odds are intercept + Σ weight · ln(1 + value); missing counts as 0."""
    names, feature_hash = current_inputs(subject)
    zeros, ones = np.zeros(len(names)), np.ones(len(names))
    coefficient = np.array([weights.get(name, 0.0) for name in names])
    estimator = LinearModel(zeros, zeros, ones, coefficient, intercept)
    artifact = ModelArtifact(estimator, Calibration(), names, feature_hash, metadata or {})
    return store(artifact, subject, **fields)


def make_tree_model(names: tuple[str, ...], *, subject: str = "order", **fields: Any) -> ModelVersion:
    """Return a version with a few real trees on these inputs, learnt from what the first one explains."""
    _, feature_hash = current_inputs(subject)
    random = np.random.default_rng(5)
    matrix = random.exponential(3.0, (600, len(names)))
    is_bad = matrix[:, 0] + random.normal(0, 1, 600) > 6
    data = TrainingSet(names, matrix, is_bad, at=np.arange(600))
    recipe = Recipe(max_rounds=15, stop_share=0.0, calibrate_share=0.3)
    return store(train(data, recipe=recipe, schema_hash=feature_hash), subject, **fields)


def store(
    artifact: ModelArtifact, subject: str, *, status: str = "champion", requested_by: Any = None
) -> ModelVersion:
    run = TrainingRun.objects.create(
        subject=subject, as_of=NOON, status="finished", requested_by=requested_by
    )
    version = ModelVersion(
        subject=subject,
        number=ModelVersion.objects.filter(subject=subject).count() + 1,
        kind=artifact.kind.value,
        status="shadow" if status == "champion" else status,
        sha256=artifact.sha256,
        feature_hash=artifact.schema_hash,
        training=run,
    )
    version.artifact.save(f"{version.pk}.json", ContentFile(artifact.to_bytes()), save=False)
    version.save(force_insert=True)
    if status == "champion":
        promote(version)
    live.forget()
    return version


def alter(version: ModelVersion) -> None:
    """Change what the stored file says, as somebody with access to the disk could."""
    path = Path(version.artifact.path)
    changed = path.read_bytes().replace(b'"scale":[1.0', b'"scale":[9.0')
    assert changed != path.read_bytes()
    path.write_bytes(changed)
