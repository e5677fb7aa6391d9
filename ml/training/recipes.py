"""How a model is trained, as data: recipes of each kind and LightGBM's settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml.estimators import Kind

Progress = Callable[[int, int], None]  # (steps done, steps in all); may raise Cancelled


@dataclass(frozen=True)
class Recipe:
    """How to train. Shares are of the rows by time: fit on the earliest, then stop, then calibrate.

    max_rounds         trees per model; the number used if `stop_share` is 0
    patience           rounds without a better average precision on later time before stopping
    seeds              one LightGBM model each; their mean is steadier than any of them
    optional_seeds     further ones, kept only if the mean of all beats the mean of `seeds` on the stop part
                       by more than noise; they cost training and scoring time. Need a stop part
    bad_weight         how much heavier a bad row weighs, None to balance; calibration undoes the shift
    calibrate_share    0 leaves the score as it is: ranks only, no probability
    parameters         further LightGBM parameters; of an isolation forest n_estimators and max_samples
    """

    kind: Kind = Kind.LIGHTGBM
    max_rounds: int = 400
    patience: int = 40
    stop_share: float = 0.15
    calibrate_share: float = 0.15
    seeds: tuple[int, ...] = (1,)
    bad_weight: float | None = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    optional_seeds: tuple[int, ...] = ()


CHAMPION = Recipe()
BASELINE = Recipe(kind=Kind.LOGISTIC, stop_share=0.0, bad_weight=None)
# 256 rows a tree and 100 trees: where Liu, Ting & Zhou 2008 saw no gain from more.
ANOMALY = Recipe(
    kind=Kind.ISOLATION_FOREST,
    stop_share=0.0,
    parameters={"n_estimators": 100, "max_samples": 256},
)

LIGHTGBM_DEFAULTS: Mapping[str, Any] = {
    "objective": "binary",
    "metric": "average_precision",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 255,
    "deterministic": True,
    "force_row_wise": True,  # the automatic choice depends on timing, and with it the result
    "verbosity": -1,
}
