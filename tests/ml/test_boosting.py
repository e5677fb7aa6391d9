"""One row is scored fast, in every thread, and exactly as LightGBM's own predict scores it."""

import ctypes
import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

import numpy as np
import pytest

from ml import boosting
from ml.arrays import Floats
from ml.artifacts import ModelArtifact
from ml.boosting import RowScorer, load_lightgbm
from ml.calibration import Calibration, Method
from ml.estimators import TreeBag

WIDTH = 6


def grow(seed: int = 1, *, categorical: bool = False) -> str:
    """Return a booster's text: 30 trees on six inputs with gaps, the last one perhaps a category."""
    lightgbm = load_lightgbm()
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(1_500, WIDTH))
    matrix[:, 5] = random.integers(0, 9, 1_500)
    is_bad = matrix[:, 0] + np.isin(matrix[:, 5], (2, 3, 7)) + random.normal(0, 0.5, 1_500) > 0.7
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    data = lightgbm.Dataset(matrix, is_bad, categorical_feature=[5] if categorical else [])
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": seed}
    return str(lightgbm.train(options, data, 30).model_to_string())


def rows(count: int = 400) -> Floats:
    random = np.random.default_rng(8)
    matrix = random.normal(size=(count, WIDTH)) * 10.0 ** random.integers(-3, 4, (count, 1))
    matrix[:, 5] = random.integers(-1, 12, count)  # categories never seen, too
    matrix[random.random(matrix.shape) < 0.2] = np.nan
    matrix[0], matrix[1], matrix[2, 0], matrix[3, 0] = np.nan, 0.0, np.inf, -np.inf
    return matrix


BAGS = {
    "one booster": (grow(),),
    "several boosters": (grow(1), grow(2), grow(3)),
    "with a category": (grow(4, categorical=True), grow(5)),
}
CALIBRATIONS = {
    "not calibrated": Calibration(),
    "sigmoid": Calibration(Method.SIGMOID, slope=0.83, intercept=-0.41),
    "table": Calibration(Method.TABLE, raw=(0.0, 0.13, 0.6, 1.0), probability=(0.0, 0.07, 0.71, 1.0)),
}


@pytest.mark.parametrize("bag", BAGS)
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_one_row_scores_to_the_last_bit_as_in_the_batch(bag: str, calibration: str) -> None:
    names = tuple(f"input_{number}" for number in range(WIDTH))
    artifact = ModelArtifact(TreeBag(BAGS[bag]), CALIBRATIONS[calibration], names, "abc")
    matrix = rows()
    assert [artifact.score(row) for row in matrix] == artifact.scores(matrix).tolist()


@pytest.mark.parametrize("bag", BAGS)
def test_the_fast_path_and_the_fallback_agree_to_the_last_bit(bag: str) -> None:
    boosters = TreeBag(BAGS[bag])._boosters
    fast, slow = RowScorer(boosters), RowScorer(boosters)
    slow._library = None
    assert (fast.is_fast, slow.is_fast) == (True, False)
    assert [fast.margin(row) for row in rows()] == [slow.margin(row) for row in rows()]


def test_a_row_need_not_lie_in_one_piece() -> None:
    scorer = RowScorer(TreeBag(BAGS["one booster"])._boosters)
    matrix = rows()
    wide = np.repeat(matrix, 2, axis=1)
    assert scorer.margin(wide[7, ::2]) == scorer.margin(matrix[7])


def test_threads_do_not_write_into_each_others_buffers() -> None:
    estimator, matrix = TreeBag(BAGS["several boosters"]), rows()
    expected = estimator.margins(matrix).tolist()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: [estimator.margin(row) for row in matrix], range(8)))
    assert answers == [expected] * 8


def test_a_library_without_the_calls_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "PyDLL", lambda name: object())
    scorer = RowScorer(TreeBag(BAGS["one booster"])._boosters)
    assert not scorer.is_fast
    assert scorer.margin(rows()[5]) == TreeBag(BAGS["one booster"]).margins(rows()[5:6])[0]


def test_calls_that_answer_otherwise_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "_open_lane", lambda *_: lambda vector: 0.25)
    scorer = RowScorer(TreeBag(BAGS["one booster"])._boosters)
    assert not scorer.is_fast
    assert scorer.margin(rows()[5]) != 0.25


def test_calls_that_fail_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "_PREDICT_RAW_SCORE", 99)
    boosters = TreeBag(BAGS["one booster"])._boosters
    scorer = RowScorer(boosters)
    assert not scorer.is_fast
    assert scorer.margin(rows()[5]) == float(boosters[0].predict(rows()[5:6], raw_score=True)[0])


def test_what_a_thread_prepared_is_freed_with_the_thread_and_with_the_scorer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freed: list[int | None] = []
    free = boosting._free

    def count(library: Any, handles: list[ctypes.c_void_p], boosters: tuple[Any, ...]) -> None:
        freed.extend(handle.value for handle in handles)
        free(library, handles, boosters)

    monkeypatch.setattr(boosting, "_free", count)
    scorer = RowScorer(TreeBag(BAGS["several boosters"])._boosters)
    scorer.margin(rows()[0])
    assert freed == []
    another = Thread(target=scorer.margin, args=(rows()[0],))
    another.start()
    another.join()
    gc.collect()
    assert len(set(freed)) == 3  # what the other thread had
    del scorer
    gc.collect()
    assert len(freed) == 6


@pytest.mark.parametrize("kind", ["reversed", "of single precision"])
def test_a_row_that_lies_otherwise_in_memory_scores_the_same(kind: str) -> None:
    scorer = RowScorer(TreeBag(BAGS["one booster"])._boosters)
    row = rows()[7]
    other = row[::-1].copy()[::-1] if kind == "reversed" else row.astype(np.float32)
    assert scorer.margin(other) == scorer.margin(np.array(other, dtype=np.float64))
