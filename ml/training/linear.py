"""Fitting the baseline: logistic regression by scikit-learn, kept as numbers."""

import numpy as np

from ml.datasets import TrainingSet
from ml.estimators import LinearModel, compress

from .recipes import Progress, Recipe
from .weights import fitting_weights


def fit_logistic(fit: TrainingSet, recipe: Recipe, progress: Progress) -> LinearModel:
    """Fit scikit-learn's pipeline and keep its numbers, so that scoring never imports it.

    Categories are left out: their numbers have no order that a line could follow.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    progress(0, 1)
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        FunctionTransformer(compress),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    matrix = fit.matrix
    if fit.categorical:
        matrix = matrix.copy()
        matrix[:, fit.categorical_columns] = np.nan
    pipeline.fit(matrix, fit.is_bad, logisticregression__sample_weight=fitting_weights(fit, recipe))
    progress(1, 1)
    imputer, _, scaler, regression = (step for _, step in pipeline.steps)
    coefficient = regression.coef_[0].copy()
    coefficient[fit.categorical_columns] = 0.0
    return LinearModel(
        fill=imputer.statistics_,
        mean=scaler.mean_,
        scale=scaler.scale_,
        coefficient=coefficient,
        intercept=float(regression.intercept_[0]),
    )
