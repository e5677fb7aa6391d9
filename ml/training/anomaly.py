"""Fitting an isolation forest by scikit-learn, kept as arrays."""

from typing import Any

import numpy as np

from ml.arrays import Floats, Ints
from ml.datasets import TrainingSet
from ml.estimators import compress
from ml.forest import IsolationTrees

from .recipes import ANOMALY, Progress, Recipe


def fit_forest(fit: TrainingSet, recipe: Recipe, progress: Progress) -> IsolationTrees:
    """Fit on the inputs alone; labels and weights are not looked at.

    A category is filled like a missing value in every row: cuts by its number would mean nothing, and a
    column that never changes is never cut.
    """
    from sklearn.ensemble import IsolationForest

    parameters = {**ANOMALY.parameters, **recipe.parameters}
    progress(0, 1)
    fill = _medians(fit.matrix)
    filled = compress(np.where(np.isnan(fit.matrix), fill, fit.matrix))
    filled[:, fit.categorical_columns] = 0.0
    samples = min(int(parameters.pop("max_samples")), len(fit))
    forest = IsolationForest(**parameters, max_samples=samples, random_state=recipe.seeds[0]).fit(filled)
    progress(1, 1)
    return export_forest([estimator.tree_ for estimator in forest.estimators_], fill, samples)


def export_forest(trees: list[Any], fill: Floats, samples: int) -> IsolationTrees:
    """Return scikit-learn's trees, one after the other, with the expected path of each node."""
    sizes = np.array([tree.node_count for tree in trees], dtype=np.int64)
    roots = np.cumsum(sizes) - sizes
    left, right, feature, threshold, path = [], [], [], [], []
    for tree, root in zip(trees, roots.tolist(), strict=True):
        itself = np.arange(tree.node_count)
        is_leaf = tree.children_left < 0
        left.append(root + np.where(is_leaf, itself, tree.children_left))
        right.append(root + np.where(is_leaf, itself, tree.children_right))
        feature.append(np.where(is_leaf, 0, tree.feature))
        threshold.append(np.where(is_leaf, 0.0, tree.threshold))
        path.append(_expected_paths(tree))
    return IsolationTrees(
        fill=fill,
        roots=roots,
        left=np.concatenate(left).astype(np.int64),
        right=np.concatenate(right).astype(np.int64),
        feature=np.concatenate(feature).astype(np.int64),
        threshold=np.concatenate(threshold).astype(np.float64),
        path=np.concatenate(path),
        normaliser=float(usual_path(np.array([samples]))[0]),
    )


def usual_path(rows: Ints) -> Floats:
    """Return the mean number of cuts that sets a row apart among so many (Liu, Ting & Zhou 2008, equation 1).

    >>> usual_path(np.array([1, 2, 256])).round(3)
    array([ 0.   ,  1.   , 10.245])
    """
    many = np.maximum(rows, 3).astype(np.float64)
    usual = 2 * (np.log(many - 1) + np.euler_gamma) - 2 * (many - 1) / many
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, usual))


def _expected_paths(tree: Any) -> Floats:
    """Return (nodes,) the path of a leaf, and the mean path of the training rows below any other node."""
    rows = tree.n_node_samples
    depth = np.zeros(tree.node_count)
    left, right = tree.children_left, tree.children_right
    inner = np.flatnonzero(left >= 0)  # a parent comes before its children
    for node in inner:
        depth[left[node]] = depth[right[node]] = depth[node] + 1
    path = depth + usual_path(rows)
    for node in inner[::-1]:
        children = np.array([left[node], right[node]])
        path[node] = path[children] @ rows[children] / rows[children].sum()
    return path


def _medians(matrix: Floats) -> Floats:
    """Return the median of each column's present values, 0 for a column that has none."""
    columns = [column[~np.isnan(column)] for column in matrix.T]
    return np.array([float(np.median(present)) if len(present) else 0.0 for present in columns])
