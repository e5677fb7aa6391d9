"""Score one vector with a live model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan

import numpy as np
import numpy.typing as npt

from ml.artifacts import ModelArtifact

Floats = npt.NDArray[np.float64]


class SchemaMismatch(ValueError):
    """The vector's columns are defined differently from those the model was trained on."""


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A model version in memory. Its inputs may be a selection of a vector's columns."""

    id: int
    sha256: str
    artifact: ModelArtifact
    _columns: npt.NDArray[np.intp] = field(repr=False)

    def score(self, vector: Floats, feature_hash: str) -> float:
        """Return the calibrated probability of bad, 0–1, for an (n_inputs,) vector."""
        self._require(feature_hash)
        return self.artifact.score(vector[self._columns])

    def scores(self, matrix: Floats, feature_hash: str, *, num_threads: int = 1) -> Floats:
        """Return the calibrated probabilities of (n, n_inputs) vectors."""
        self._require(feature_hash)
        # take() keeps a row's values side by side, as trees read them; an index would part them.
        return self.artifact.scores(np.take(matrix, self._columns, axis=1), num_threads=num_threads)

    def contributions(self, vector: Floats, feature_hash: str) -> Floats:
        """Return each input's share of the log-odds before calibration, (n_inputs + 1,), the base last.

        Inputs that the model does not use contribute 0.
        """
        self._require(feature_hash)
        used = self.artifact.explain(vector[np.newaxis, self._columns])[0]
        shares = np.zeros(len(vector) + 1)
        shares[self._columns], shares[-1] = used[:-1], used[-1]
        return shares

    def _require(self, feature_hash: str) -> None:
        if feature_hash != self.artifact.schema_hash:
            raise SchemaMismatch("The model was trained on inputs that are defined differently.")


def carried_score(subject: str, values: Mapping[str, object]) -> float | None:
    """Return the score that stands in for a model's: a merchant account's own; None for every other subject.

    values    the facts of the subject by name
    """
    score = values.get("account_score") if subject == "merchant" else None
    return score if isinstance(score, float) and not isnan(score) else None


def load_model(id: int, document: bytes, *, sha256: str, input_names: tuple[str, ...]) -> LiveModel:
    """Return a model checked against its row's sha256; LearningError if it was altered or lacks an input.

    input_names    the columns of the subject's vectors, in order
    """
    artifact = ModelArtifact.from_bytes(document, expected_sha256=sha256)
    artifact.require_inputs(input_names)
    columns = np.array([input_names.index(name) for name in artifact.features], dtype=np.intp)
    return LiveModel(id, sha256, artifact, columns)
