"""LightGBM without the scikit-learn it would bring along, and its fast way to score one row."""

import ctypes
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ml.arrays import Floats

logger = logging.getLogger(__name__)

# Of LightGBM's c_api.h.
_DTYPE_FLOAT64 = 1
_PREDICT_RAW_SCORE = 1

Lane = Callable[[Floats], float]  # one thread's way to score a row


def load_lightgbm() -> ModuleType:
    """Return the lightgbm module.

    Its optional wrappers import scikit-learn, which is three quarters of the
    import's time and about 100 MB in every process that scores. We use only
    Booster and train; LightGBM does without scikit-learn when it is absent,
    so for the length of this one import it looks absent.
    """
    if "lightgbm" in sys.modules or "sklearn" in sys.modules:
        import lightgbm

        return lightgbm
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import lightgbm
    finally:
        del sys.modules["sklearn"]
    return lightgbm


class RowScorer:
    """The mean raw score of some boosters for one row at a time; bit for bit what Booster.predict gives.

    Booster.predict wraps every call in a matrix, a parameter text and two
    copies. LightGBM's single-row-fast calls do that once: each thread that
    scores gets its own prepared call per booster, with its own buffers. Where
    the library lacks these calls, or answers otherwise, predict itself is used.
    """

    def __init__(self, boosters: Sequence[Any]) -> None:
        self._boosters = tuple(boosters)
        self._threads = threading.local()
        self._library = _find_library()
        if self._library is not None and not self._answers_as_predict():
            logger.warning("single_row_scoring_unavailable")
            self._library, self._threads = None, threading.local()  # nor what the attempt has prepared

    @property
    def is_fast(self) -> bool:
        return self._library is not None

    def margin(self, vector: Floats) -> float:
        """Return the log-odds of an (n_features,) vector, NaN where a value is missing."""
        lane: Lane | None = getattr(self._threads, "lane", None)
        if lane is not None:
            return lane(vector)
        return self._predict(vector) if self._library is None else self._call(vector)

    def _call(self, vector: Floats) -> float:
        lane: Lane | None = getattr(self._threads, "lane", None)
        if lane is None:
            lane = self._threads.lane = _open_lane(self._library, self._boosters, len(vector))
        return lane(vector)

    def _predict(self, vector: Floats) -> float:
        matrix, total = vector[np.newaxis], 0.0
        for booster in self._boosters:  # not sum(): from Python 3.12 it rounds otherwise
            total += float(booster.predict(matrix, raw_score=True, num_threads=1)[0])
        return total / len(self._boosters)

    def _answers_as_predict(self) -> bool:
        width = self._boosters[0].num_feature()
        steps = np.arange(width, dtype=np.float64)
        rows = (
            np.zeros(width),
            np.full(width, np.nan),
            steps,
            -1000 * steps,
            np.where(steps % 2, np.nan, 1e6),
        )
        try:
            return all(self._call(row) == self._predict(row) for row in rows)
        except OSError:
            return False


def _find_library() -> Any | None:
    """Return LightGBM's library with the calls declared, None if this version lacks one."""
    loaded = getattr(getattr(load_lightgbm(), "basic", None), "_LIB", None)
    if loaded is None:
        return None
    try:
        # PyDLL keeps the interpreter's lock: released for these microseconds, it may take
        # another busy thread's whole switch interval (5 ms) to get it back.
        library = ctypes.PyDLL(loaded._name)
        prepare, score, free = (
            library.LGBM_BoosterPredictForMatSingleRowFastInit,
            library.LGBM_BoosterPredictForMatSingleRowFast,
            library.LGBM_FastConfigFree,
        )
    except (AttributeError, OSError):
        return None
    handle, integer = ctypes.c_void_p, ctypes.c_int
    prepare.argtypes = [handle, *[integer] * 4, ctypes.c_int32, ctypes.c_char_p, ctypes.POINTER(handle)]
    score.argtypes = [handle, handle, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_double)]
    free.argtypes = [handle]
    return library


def _open_lane(library: Any, boosters: tuple[Any, ...], width: int) -> Lane:
    """Return one thread's prepared calls as a function of a row, with the buffers that they read and write.

    A function, not an object with attributes: each look-up saved is a hundredth of the whole call.
    """
    handles: list[ctypes.c_void_p] = []
    row = np.empty(width)
    target: Any = row.data  # takes a row in half the time that the array itself does
    row_at = ctypes.c_void_p(row.ctypes.data)
    length, result = (ctypes.c_int64 * 1)(), (ctypes.c_double * 1)()
    call = library.LGBM_BoosterPredictForMatSingleRowFast

    def run(vector: Floats) -> float:
        try:
            target[:] = vector
        except ValueError:  # of another type, or not one value beside the other
            row[:] = vector
        total = 0.0
        for handle in handles:
            if call(handle, row_at, length, result):
                raise OSError("LightGBM could not score the row.")
            total += result[0]
        return float(total / len(handles))

    # The boosters outlive what points into them.
    weakref.finalize(run, _free, library, handles, boosters).atexit = False  # type: ignore[misc]  # a property
    for booster in boosters:
        handle = ctypes.c_void_p()
        if library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,
            _PREDICT_RAW_SCORE,
            0,
            booster.best_iteration,
            _DTYPE_FLOAT64,
            width,
            b"num_threads=1",
            ctypes.byref(handle),
        ):
            raise OSError("LightGBM could not prepare single rows.")
        handles.append(handle)
    return run


def _free(library: Any, handles: list[ctypes.c_void_p], boosters: tuple[Any, ...]) -> None:
    del boosters
    for handle in handles:
        library.LGBM_FastConfigFree(handle)
