"""A trained model as one JSON document: LightGBM text or coefficients, calibration, schema, checksum."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ml.arrays import Floats
from ml.calibration import Calibration, Method, sigmoid, sigmoid_of
from ml.errors import LearningError
from ml.estimators import Estimator, Kind, LinearModel, TreeBag
from ml.forest import IsolationTrees

FORMAT = "backoffice-model-1"
_READERS: Mapping[Kind, Callable[[Mapping[str, Any]], Estimator]] = {
    Kind.LIGHTGBM: TreeBag.from_json,
    Kind.LOGISTIC: LinearModel.from_json,
    Kind.ISOLATION_FOREST: IsolationTrees.from_json,
}


@dataclass(frozen=True, eq=False)
class ModelArtifact:
    """A model that can score, explain and travel; never pickled.

    features       names of the inputs, in the order of a vector
    schema_hash    of the inputs' definitions when the model was trained
    metadata       JSON values about the training: windows, counts, settings
    """

    estimator: Estimator
    calibration: Calibration
    features: tuple[str, ...]
    schema_hash: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return self.estimator.kind

    @property
    def is_probability(self) -> bool:
        """False if scores are ranks only: nothing has tied them to how often rows prove bad."""
        if self.calibration.method is not Method.NONE:
            return True
        return bool(self.metadata.get("is_probability", self.kind is not Kind.ISOLATION_FOREST))

    @property
    def categorical(self) -> tuple[str, ...]:
        """The inputs that the model takes as names of categories, not as amounts."""
        return tuple(self.metadata.get("categorical", ()))

    def require_inputs(self, names: Sequence[str]) -> None:
        """Raise LearningError if what is computed now lacks an input of the model.

        Whether an input counts as a category is not asked: that is declared for trainings to come, and
        changes neither the values nor what this model makes of them.

        names    the columns that there are now, in any order
        """
        vanished = [name for name in self.features if name not in names]
        if vanished:
            sentence = f"The model takes inputs that are no longer computed: {', '.join(vanished)}."
            raise LearningError(sentence, code="vanished_feature")

    def score(self, vector: Floats) -> float:
        """Return the calibrated probability of bad, 0–1, of one (n_features,) vector."""
        if vector.shape != (len(self.features),):
            raise self._wrong_shape(vector)
        return self.calibration.apply_one(sigmoid_of(self.estimator.margin(vector)))

    def scores(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        """Return the calibrated probabilities of (n, n_features) rows; NaN is a missing input."""
        self._require_width(matrix)
        return self.calibration.apply(sigmoid(self.estimator.margins(matrix, num_threads=num_threads)))

    def explain(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        """Return (n, n_features + 1) contributions to the log-odds before calibration; the last is the base.

        About 1.5 ms a row and model of the bag: for a page or a worker, not for a whole batch.
        """
        self._require_width(matrix)
        return self.estimator.contributions(matrix, num_threads=num_threads)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(_canonical(self._body())).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the document; equal models give equal bytes."""
        return _canonical({"body": self._body(), "sha256": self.sha256})

    @classmethod
    def from_bytes(
        cls, document: bytes, *, expected_sha256: str | None = None, expected_schema_hash: str | None = None
    ) -> "ModelArtifact":
        """Return the model of a document, or raise LearningError if it must not be used.

        expected_sha256         what the database remembers of this version
        expected_schema_hash    of the inputs' definitions as they are now
        """
        body = _verified_body(document, expected_sha256)
        if expected_schema_hash not in (None, body.get("schema_hash")):
            sentence = "The model was trained on features that are defined differently now."
            raise LearningError(sentence, code="schema_mismatch")
        try:
            return cls._read(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LearningError("The model file lacks parts of a model.", code="damaged_artifact") from error

    @classmethod
    def _read(cls, body: Mapping[str, Any]) -> "ModelArtifact":
        artifact = cls(
            estimator=_READERS[Kind(body["kind"])](body["estimator"]),
            calibration=Calibration.from_json(body["calibration"]),
            features=tuple(body["features"]),
            schema_hash=body["schema_hash"],
            metadata=body["metadata"],
        )
        if artifact.estimator.width != len(artifact.features):
            raise ValueError("The estimator takes another number of inputs than are named.")
        return artifact

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": self.kind.value,
            "estimator": self.estimator.as_json(),
            "calibration": self.calibration.as_json(),
            "features": list(self.features),
            "schema_hash": self.schema_hash,
            "metadata": dict(self.metadata),
        }

    def _require_width(self, matrix: Floats) -> None:
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
            raise self._wrong_shape(matrix)

    def _wrong_shape(self, array: Floats) -> LearningError:
        sentence = f"The model takes {len(self.features)} inputs a row, not an array of shape {array.shape}."
        return LearningError(sentence, code="wrong_shape")


def _verified_body(document: bytes, expected_sha256: str | None) -> dict[str, Any]:
    try:
        content = json.loads(document)
        body, stated = content["body"], content["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise LearningError("The model file is truncated or not a model.", code="damaged_artifact") from error
    actual = hashlib.sha256(_canonical(body)).hexdigest()
    if actual != stated or expected_sha256 not in (None, actual):
        raise LearningError("The model file was altered: its checksum is wrong.", code="damaged_artifact")
    if not isinstance(body, dict):
        raise LearningError("The model file is truncated or not a model.", code="damaged_artifact")
    if body.get("format") != FORMAT:
        raise LearningError(
            f"The model file has the unknown format {body.get('format')!r}.", code="unknown_format"
        )
    return body


def _canonical(content: Mapping[str, Any]) -> bytes:
    """One spelling per content: sorted keys, no spaces, shortest floats, no NaN."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()
