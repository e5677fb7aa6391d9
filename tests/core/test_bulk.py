"""Columns are written as they are, on either engine, and come back from COPY's binary format."""

from datetime import UTC, datetime

import numpy as np
import pytest
from django.db import IntegrityError

from core.bulk import _as_binary, insert_arrays, read_binary
from core.ids import new_id
from risk.models import ShadowScore
from tests.make import make_model

MOMENT = datetime(2026, 3, 2, 12, 0, 0, 123_456, UTC)


def columns(model_id: int, rows: int = 3) -> dict[str, np.ndarray]:
    return {
        "id": np.array([new_id() for _ in range(rows)]),
        "decision_id": np.array([-(2**62), 0, 2**62 + 1][:rows]),
        "model_id": np.full(rows, model_id),
        "score": np.array([0.1, 1 / 3, 1e-300][:rows]),
        "created_at": np.full(rows, np.datetime64(MOMENT.replace(tzinfo=None), "us")),
    }


@pytest.mark.django_db
def test_integers_floats_and_moments_arrive_to_the_last_bit() -> None:
    written = columns(make_model(status="shadow").pk)
    insert_arrays(ShadowScore, written)
    found = ShadowScore.objects.order_by("decision_id")
    assert list(found.values_list("decision_id", "score")) == list(
        zip(written["decision_id"].tolist(), written["score"].tolist(), strict=True)
    )
    assert {row.created_at for row in found} == {MOMENT}


@pytest.mark.django_db(transaction=True)
def test_a_pair_that_is_there_already_is_refused() -> None:
    model = make_model(status="shadow")
    insert_arrays(ShadowScore, columns(model.pk))
    with pytest.raises(IntegrityError):
        insert_arrays(ShadowScore, columns(model.pk))
    assert ShadowScore.objects.count() == 3


def test_what_was_written_reads_back() -> None:
    numbers = np.array([1, -(2**40)])
    (column,) = read_binary(_as_binary([numbers]), (8,))
    assert np.ascontiguousarray(column).view(">i8").ravel().tolist() == numbers.tolist()


@pytest.mark.parametrize("width", [4, 16])
def test_rows_of_another_width_are_refused(width: int) -> None:
    with pytest.raises(ValueError, match="differ in length"):
        read_binary(_as_binary([np.arange(3)]), (width,))


def test_no_rows_are_no_rows() -> None:
    (column,) = read_binary(_as_binary([np.array([], dtype=np.int64)]), (8,))
    assert column.shape == (0, 8)
