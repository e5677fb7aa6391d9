"""What each row weighs while fitting."""

import numpy as np

from ml.arrays import Floats
from ml.datasets import TrainingSet

from .recipes import Recipe


def fitting_weights(data: TrainingSet, recipe: Recipe) -> Floats:
    """Return (n,) the rows' own weights, those of bad rows multiplied as the recipe says."""
    weights = np.ones(len(data)) if data.weight is None else data.weight
    bad_weight = recipe.bad_weight
    if bad_weight is None:
        bad_weight = float(weights[~data.is_bad].sum() / weights[data.is_bad].sum())
    return np.where(data.is_bad, bad_weight, 1.0) * weights
