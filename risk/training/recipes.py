"""How each kind is trained on the rows there are; LightGBM by hyper-parameters that are looked for, if asked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from ml.datasets import TrainingSet
from ml.estimators import Kind
from ml.training import ANOMALY, BASELINE, CHAMPION, Recipe
from risk.models import TrainingRun

FEW_BAD_ROWS = 200  # a 15 % part of fewer holds under 30: noise decides where to stop
_MORE_SEEDS = (2, 3)


class _Life(Protocol):
    def report(self, step: str, share: float) -> None: ...


def recipes_for(
    data: TrainingSet, run: TrainingRun, *, life: _Life, start: float, end: float, num_threads: int
) -> Mapping[Kind, Recipe]:
    """Return the recipe of each kind.

    With few bad rows nothing is held out for stopping and calibration: the
    parts would be too small to say anything. Shallow, few trees on unweighted
    rows then give probabilities that are about right by themselves.
    """
    if int(data.is_bad.sum()) >= FEW_BAD_ROWS:
        return {Kind.LIGHTGBM: CHAMPION, Kind.LOGISTIC: BASELINE, Kind.ISOLATION_FOREST: ANOMALY}
    shallow = {"num_leaves": 7, "min_data_in_leaf": 10}
    few = replace(CHAMPION, max_rounds=80, stop_share=0.0, calibrate_share=0.0, parameters=shallow)
    return {
        Kind.LIGHTGBM: few,
        Kind.LOGISTIC: replace(BASELINE, calibrate_share=0.0, bad_weight=1.0),
        Kind.ISOLATION_FOREST: ANOMALY,
    }
