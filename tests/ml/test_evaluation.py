"""Our figures are scikit-learn's and the Handbook's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import evaluation
from ml.protocols import DelayedSplit

RANKINGS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])), min_size=2, max_size=30
)


@settings(deadline=None)
@given(RANKINGS)
def test_area_and_average_precision_equal_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    is_bad, score = (np.array(column) for column in zip(*rows, strict=True))
    if 0 < is_bad.sum() < len(is_bad):
        assert evaluation.roc_auc(is_bad, score) == pytest.approx(roc_auc_score(is_bad, score))
        ours = evaluation.average_precision(is_bad, score)
        assert ours == pytest.approx(average_precision_score(is_bad, score))


def test_one_class_has_no_figures() -> None:
    report = evaluation.evaluate(np.array([False, False]), np.array([0.1, 0.2]))
    assert np.isnan([report.auc, report.average_precision, report.recall_at_1pct_fpr]).all()


def test_recall_counts_only_thresholds_within_the_rate() -> None:
    is_bad = np.array([True, False, True, False, True])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    recalls = [evaluation.recall_at_fpr(is_bad, score, rate) for rate in (0.0, 0.5, 1.0)]
    assert recalls == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_card_precision_takes_a_card_once_a_day_by_its_riskiest_row() -> None:
    day = np.zeros(4, dtype=np.int64)
    card = np.array([1, 1, 2, 3])
    is_bad = np.array([False, True, False, True])
    score = np.array([0.9, 0.1, 0.8, 0.2])
    assert evaluation.card_precision_at_k(day, card, is_bad, score, k=2) == 0.5


def test_a_caught_card_is_not_caught_again() -> None:
    day, card = np.array([0, 1]), np.array([1, 1])
    is_bad, score = np.array([True, True]), np.array([0.9, 0.9])
    assert evaluation.card_precision_at_k(day, card, is_bad, score, k=1) == 0.5


def test_a_compromised_card_leaves_the_test_days_once_it_is_known() -> None:
    split = DelayedSplit(first_day=100)
    day = np.array([106, 107, 114, 114, 115, 115])
    card = np.array([1, 2, 1, 2, 1, 2])
    is_bad = np.array([True, True, False, False, False, False])
    # Card 1 fell on the last day of training; card 2 a day later, so the first test day does not know it yet.
    assert split.test_rows(day, card, is_bad).tolist() == [3]
    assert split.train_rows(day).tolist() == [0]
