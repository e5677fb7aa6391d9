"""Recipes: how much is held out depends on how many bad rows there are to learn from."""

import numpy as np
import pytest

from ml.datasets import TrainingSet
from ml.estimators import Kind
from risk.training.recipes import recipes_for


@pytest.mark.parametrize(
    ("bad", "leaves", "trees_hold_out", "line_holds_out"),
    [
        pytest.param(199, 7, False, False, id="very few"),
        pytest.param(200, 15, False, True, id="few"),
        pytest.param(1_499, 15, False, True, id="just too few to stop on"),
        pytest.param(1_500, None, True, True, id="enough"),
    ],
)
def test_the_fewer_bad_rows_the_less_is_held_out(
    bad: int, leaves: int | None, trees_hold_out: bool, line_holds_out: bool
) -> None:
    is_bad = np.arange(4_000) < bad
    recipes = recipes_for(TrainingSet(("x",), np.zeros((4_000, 1)), is_bad, np.arange(4_000)))
    trees, line = recipes[Kind.LIGHTGBM], recipes[Kind.LOGISTIC]
    assert (trees.stop_share > 0, trees.calibrate_share > 0) == (trees_hold_out, trees_hold_out)
    assert (line.calibrate_share > 0) == line_holds_out
    assert trees.parameters.get("num_leaves") == leaves
    # Only unweighted rows give probabilities where nothing calibrates them.
    assert trees.calibrate_share > 0 or trees.bad_weight == 1.0
    assert line.calibrate_share > 0 or line.bad_weight == 1.0
