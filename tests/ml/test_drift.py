"""The stability index is zero without change, large with one, and sees missing values."""

import json

import numpy as np
import pytest

from ml.arrays import Floats
from ml.drift import LARGE_PSI, MODERATE_PSI, Reference, make_reference, population_stability_index

NORMAL = np.random.default_rng(1).normal(size=20_000)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (np.random.default_rng(2).normal(size=20_000), 0, 0.01),
        (NORMAL + 0.4, MODERATE_PSI, LARGE_PSI),
        (NORMAL * 3, LARGE_PSI, 10),
        (np.where(np.arange(20_000) % 2, NORMAL, np.nan), LARGE_PSI, 10),
        (np.array([]), LARGE_PSI, 100),
    ],
    ids=["same law", "moved", "spread", "half missing", "nothing"],
)
def test_index_sees_the_change(values: Floats, low: float, high: float) -> None:
    assert low <= population_stability_index(make_reference(NORMAL), values) <= high


@pytest.mark.parametrize("values", [np.full(50, np.nan), np.zeros(50), np.array([])])
def test_columns_without_spread_have_a_reference(values: Floats) -> None:
    assert population_stability_index(make_reference(values), values) == pytest.approx(0, abs=0.01)


def test_a_reference_survives_json() -> None:
    reference = make_reference(NORMAL)
    assert Reference.from_json(json.loads(json.dumps(reference.as_json()))) == reference
