"""Read the inputs stored with decisions as one matrix, without a Python object for each row."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import QuerySet

from core.bulk import read_binary

from .models import Decision

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def read_vectors(decisions: QuerySet[Decision], *, width: int) -> tuple[Ints, Floats]:
    """Return (ids, vectors) of decisions of one schema, (n,) and (n, width), in the order of the query.

    One query. ValueError if a stored vector has another width.
    """
    if connection.vendor == "postgresql":
        return _copy_vectors(decisions, width)
    rows = list(decisions.values_list("id", "features"))
    joined = b"".join([features for _, features in rows])
    if len(joined) != len(rows) * width * 8:
        raise ValueError("The stored vectors differ in width.")
    ids = np.array([id for id, _ in rows], dtype=np.int64)
    return ids, np.frombuffer(joined, dtype="<f8").reshape(-1, width)


def _copy_vectors(decisions: QuerySet[Decision], width: int) -> tuple[Ints, Floats]:
    sql, values = decisions.values_list("id", "features").query.sql_with_params()
    stream = BytesIO()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        select = cursor.cursor.mogrify(sql, values)
        cursor.copy_expert(b"COPY (%b) TO STDOUT (FORMAT binary)" % select, stream)
    ids, vectors = read_binary(stream.getvalue(), (8, width * 8))
    matrix = np.ascontiguousarray(vectors).view("<f8").reshape(-1, width)
    return np.ascontiguousarray(ids).view(">i8").ravel().astype(np.int64), matrix
