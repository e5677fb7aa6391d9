"""Vectors of declared inputs: their order, their hash, their assembly from named numbers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple

import numpy as np
import numpy.typing as npt

from risk.rules.schema import Field

Vectors = npt.NDArray[np.float64]
NAN = float("nan")


def hash_of(fields: Sequence[Field], *, version: int) -> str:
    """Return the sha256 of the declarations, in order; `version` grows when a computation changes."""
    text = "\n".join([str(version), *("|".join(map(str, astuple(field))) for field in fields)])
    return hashlib.sha256(text.encode()).hexdigest()


def stack(rows: Sequence[Mapping[str, float]], fields: Sequence[Field]) -> Vectors:
    """Return (n_rows, n_fields) in the order of the fields; KeyError for a row that lacks one."""
    values = [[row[field.name] for field in fields] for row in rows]
    return np.array(values, dtype=np.float64).reshape(len(rows), len(fields))


def flag(value: bool | None) -> float:
    return NAN if value is None else float(value)
