"""An isolation forest as plain arrays: how few random cuts set a row apart, without any label.

Liu, Ting & Zhou 2008. Fitted by scikit-learn (`ml.training`), written down as numbers, scored by numpy here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ml.arrays import Floats, Ints
from ml.calibration import SMALLEST
from ml.estimators import Kind, compress

_CHUNK = 2_048  # rows × trees of a step stay in the cache


@dataclass(frozen=True, eq=False)
class IsolationTrees:
    """The trees of a forest one after the other; every array but `roots` and `fill` is (nodes,).

    fill          (n_features,) takes the place of a missing value; then compress(), as for the linear model
    roots         (trees,) where each tree starts
    left, right   the node that follows if the value is at most `threshold`, or above; a leaf follows itself
    feature       column that the node asks; 0 at a leaf
    path          expected number of cuts below the root for a training row that is at this node: at a leaf
                  its depth and the usual rest for the rows in it
    normaliser    mean number of cuts in a random tree over as many rows as each tree saw
    """

    fill: Floats
    roots: Ints
    left: Ints
    right: Ints
    feature: Ints
    threshold: Floats
    path: Floats
    normaliser: float
    kind: Kind = field(default=Kind.ISOLATION_FOREST, init=False)

    @property
    def width(self) -> int:
        return len(self.fill)

    def anomaly(self, matrix: Floats) -> Floats:
        """Return the (n,) anomaly scores, 0–1, about 0.5 for an ordinary row.

        The negative of what scikit-learn's score_samples gives for the filled and compressed matrix.
        """
        return np.exp2(-self._mean_paths(matrix) / self.normaliser)

    def margins(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        """Return the (n,) log-odds of the anomaly score: the same ranking, not yet a probability of bad."""
        del num_threads  # numpy
        return self._margin_of(self._mean_paths(matrix))

    def margin(self, vector: Floats) -> float:
        filled, nodes = self._filled(vector), self.roots
        for _ in range(self._depth):
            is_above = filled[self.feature[nodes]] > self.threshold[nodes]
            nodes = np.where(is_above, self.right[nodes], self.left[nodes])
        return float(self._margin_of(self.path[nodes].mean(keepdims=True))[0])

    def contributions(self, matrix: Floats, *, num_threads: int = 1) -> Floats:
        """Return each input's share of the margin, the base last: what its cuts took off the expected path.

        At each cut the expected path of the row changes from the node's to the child's; the column that was
        asked gets the change (Saabas 2014, for path lengths as in DIFFI, Carletti et al. 2023). These changes
        add up to the path exactly; the margin is a curve of the path, so the changes are scaled by the
        slope between the row's path and the base.
        """
        del num_threads
        filled = self._filled(matrix)
        changes = np.zeros((len(filled), self.width))
        for start in range(0, len(filled), _CHUNK):
            self._add_changes(filled[start : start + _CHUNK], changes[start : start + _CHUNK])
        paths, base = self._mean_paths(matrix), float(self.path[self.roots].mean())
        base_margin = float(self._margin_of(np.array([base]))[0])
        moved = changes.sum(axis=1)
        slope = np.where(
            np.abs(moved) > SMALLEST,
            (self._margin_of(paths) - base_margin) / np.where(np.abs(moved) > SMALLEST, moved, 1.0),
            0.0,
        )
        return np.column_stack([changes * slope[:, np.newaxis], np.full(len(filled), base_margin)])

    def as_json(self) -> dict[str, Any]:
        names = ("fill", "roots", "left", "right", "feature", "threshold", "path")
        return {name: getattr(self, name).tolist() for name in names} | {"normaliser": self.normaliser}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "IsolationTrees":
        roots, left, right, feature = (
            np.asarray(document[name], dtype=np.int64) for name in ("roots", "left", "right", "feature")
        )
        fill, threshold, path = (
            np.asarray(document[name], dtype=np.float64) for name in ("fill", "threshold", "path")
        )
        nodes = len(path)
        if {len(left), len(right), len(feature), len(threshold)} != {nodes} or not len(roots):
            raise ValueError("The nodes of the forest are incomplete.")
        for column, size in ((roots, nodes), (left, nodes), (right, nodes), (feature, len(fill))):
            if len(column) and not (column.min() >= 0 and column.max() < size):
                raise ValueError("A node of the forest points outside of it.")
        return cls(fill, roots, left, right, feature, threshold, path, float(document["normaliser"]))

    def _filled(self, matrix: Floats) -> Floats:
        """Return the values as scikit-learn compares them: rounded to single precision."""
        filled = compress(np.where(np.isnan(matrix), self.fill, matrix))
        return filled.astype(np.float32).astype(np.float64)

    def _mean_paths(self, matrix: Floats) -> Floats:
        filled = self._filled(matrix)
        paths = np.empty(len(filled))
        for start in range(0, len(filled), _CHUNK):
            nodes = self._start(filled[start : start + _CHUNK])
            for _ in range(self._depth):
                nodes, _ = self._step(filled[start : start + _CHUNK], nodes)
            paths[start : start + _CHUNK] = self.path[nodes].mean(axis=1)
        return paths

    def _add_changes(self, filled: Floats, changes: Floats) -> None:
        nodes = self._start(filled)
        cells = np.arange(len(filled))[:, np.newaxis] * self.width
        for _ in range(self._depth):
            after, asked = self._step(filled, nodes)
            change = (self.path[after] - self.path[nodes]) / len(self.roots)
            sums = np.bincount((cells + asked).ravel(), weights=change.ravel(), minlength=changes.size)
            changes += sums.reshape(changes.shape)
            nodes = after

    def _start(self, filled: Floats) -> Ints:
        return np.broadcast_to(self.roots, (len(filled), len(self.roots)))

    def _step(self, filled: Floats, nodes: Ints) -> tuple[Ints, Ints]:
        """Return the nodes that follow, and the columns that were asked; both (rows, trees)."""
        asked = self.feature[nodes]
        is_above = np.take_along_axis(filled, asked, axis=1) > self.threshold[nodes]
        return np.where(is_above, self.right[nodes], self.left[nodes]), asked

    def _margin_of(self, paths: Floats) -> Floats:
        anomaly = np.clip(np.exp2(-paths / self.normaliser), SMALLEST, 1 - SMALLEST)
        return np.asarray(np.log(anomaly / (1 - anomaly)), dtype=np.float64)

    @cached_property
    def _depth(self) -> int:
        """The most cuts from a root to a leaf."""
        nodes, depth = self.roots, 0
        while True:
            nodes = np.unique(np.concatenate([self.left[nodes], self.right[nodes]]))
            nodes = nodes[self.left[nodes] != nodes]
            if depth > len(self.path):
                raise ValueError("The forest goes round in circles.")
            depth += 1
            if not len(nodes):
                return depth
