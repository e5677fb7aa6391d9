"""What decisions kept of their subjects: vectors, the values that rules saw, scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from risk.models import Decision
from risk.rules.columnar import DTYPES
from risk.rules.schema import Field, FieldType

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_CHUNK = 5_000  # decisions read at once: their vectors are some 7 MB
# Failures of the judgement of then, which is judged anew; anything else is a source that could not be read.
_OF_JUDGEMENT = frozenset({"model", "model_braked", "score", "rules", "ruleset"})


@dataclass(frozen=True, eq=False)
class Stored:
    """The first decisions on some of the asked subjects; every array is (n_found,).

    rows        places among the asked ids
    vectors     (n_found, n_inputs)
    direct      one column per field asked for, and "row"
    scores      NaN where the wanted model gave none
    degraded    whether a source had failed
    """

    rows: Ints
    vectors: Floats
    direct: pl.DataFrame
    scores: Floats
    degraded: Flags


@dataclass(frozen=True, eq=False)
class Gathered:
    """What was found or computed for the rows of a part; every array is (n,).

    matrix              (n, n_wanted)
    direct              one column per field that is not an input
    scores              NaN is no score
    degraded            whether a source had failed when the row was decided
    is_stored           whether inputs are those of a decision
    computed_scores     how many scores are not those of a decision
    """

    matrix: Floats
    direct: pl.DataFrame
    scores: Floats
    degraded: Flags
    is_stored: Flags
    computed_scores: int

    @property
    def counts(self) -> dict[str, int]:
        """How the rows were read, as a result shows it."""
        stored, n = int(self.is_stored.sum()), len(self.scores)
        without = int(np.isnan(self.scores).sum())
        return {
            "stored_inputs": stored,
            "recomputed_inputs": n - stored,
            "stored_scores": n - without - self.computed_scores,
            "computed_scores": self.computed_scores,
            "without_score": without,
            "degraded": int(self.degraded.sum()),
        }


def iter_stored(
    subject: str, ids: Ints, fields: tuple[Field, ...], *, feature_hash: str, model_hash: str
) -> Iterator[Stored]:
    """Yield what the first decisions on these subjects kept, if of today's schema, chunk by chunk.

    A later decision saw what was known later, which a backtest must not.
    """
    if not len(ids) or not _has_decisions(subject, ids):
        return
    for start in range(0, len(ids), _CHUNK):
        asked = ids[start : start + _CHUNK]
        found = _read_first(subject, asked, feature_hash)
        if found:
            yield _stack(found, asked, start, fields, model_hash)


def direct_frame(values: list[dict[str, Any]], rows: Ints, fields: tuple[Field, ...]) -> pl.DataFrame:
    """Return values as typed columns beside "row"; what does not fit its field is missing."""
    columns = {
        field.name: pl.Series(
            [_fitting(one.get(field.name), field.type) for one in values], dtype=DTYPES[field.type]
        )
        for field in fields
    }
    return pl.DataFrame({"row": rows, **columns})


def _has_decisions(subject: str, ids: Ints) -> bool:
    between = Decision.objects.filter(subject_id__gte=int(ids.min()), subject_id__lte=int(ids.max()))
    return between.filter(subject_kind=subject).exists()


def _read_first(subject: str, ids: Ints, feature_hash: str) -> dict[int, tuple[Any, ...]]:
    decisions = Decision.objects.filter(subject_kind=subject, subject_id__in=ids.tolist()).order_by("id")
    found: dict[int, tuple[Any, ...]] = {}
    columns = ("feature_hash", "features", "snapshot__values", "score", "model_hash", "degraded")
    for id, *values in decisions.values_list("subject_id", *columns):
        found.setdefault(id, tuple(values))
    return {id: values for id, values in found.items() if values[0] == feature_hash}


def _stack(
    found: dict[int, tuple[Any, ...]], asked: Ints, start: int, fields: tuple[Field, ...], model_hash: str
) -> Stored:
    places = np.array([place for place, id in enumerate(asked.tolist()) if id in found], dtype=np.int64)
    kept = [found[id] for id in asked[places].tolist()]
    rows = places + start
    return Stored(
        rows=rows,
        vectors=np.stack([np.frombuffer(features, dtype="<f8") for _, features, *_ in kept]),
        direct=direct_frame([values or {} for _, _, values, *_ in kept], rows, fields),
        scores=np.array(
            [
                score if score is not None and model == model_hash else np.nan
                for _, _, _, score, model, _ in kept
            ],
            dtype=np.float64,
        ),
        degraded=np.array([_has_failed_source(failed) for *_, failed in kept], dtype=np.bool_),
    )


def _has_failed_source(failed: list[str]) -> bool:
    return any(name not in _OF_JUDGEMENT and not name.startswith("list:") for name in failed)


def _fitting(value: Any, type_: FieldType) -> Any:
    match type_:
        case FieldType.NUMBER:
            is_fit = isinstance(value, int | float) and not isinstance(value, bool)
            return float(value) if is_fit else None
        case FieldType.BOOL:
            return value if isinstance(value, bool) else None
        case FieldType.TEXT:
            return value if isinstance(value, str) else None
        case FieldType.KEY:
            return value if isinstance(value, int) and not isinstance(value, bool) else None
    return _moment(value)


def _moment(value: Any) -> datetime | None:
    """Read a moment, which JSON keeps as text."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None
