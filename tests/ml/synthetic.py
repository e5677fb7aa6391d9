"""A small labelled set whose truth is known: two inputs matter, one is noise, some values are missing."""

import numpy as np

from ml.calibration import sigmoid
from ml.datasets import TrainingSet

FEATURES = ("card_orders_1h_count", "order_amount_minor", "noise")
HOUR = 3_600_000_000


def make_training_set(*, rows: int = 4_000, seed: int = 7, bias: float = -4.0) -> TrainingSet:
    random = np.random.default_rng(seed)
    count = random.poisson(1.0, rows).astype(np.float64)
    amount = np.round(random.lognormal(8, 1, rows))
    noise = random.normal(size=rows)
    probability = sigmoid(bias + 1.2 * count + 0.5 * (np.log1p(amount) - 8))
    matrix = np.column_stack([count, amount, noise])
    matrix[random.random(rows) < 0.05, 1] = np.nan
    at = np.sort(random.integers(0, 90 * 24, rows)) * HOUR
    group = random.integers(0, 10 * rows, rows)
    return TrainingSet(FEATURES, matrix, random.random(rows) < probability, at, group=group)
