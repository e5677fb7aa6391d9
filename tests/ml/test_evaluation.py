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


WEIGHTED = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.integers(1, 5)),
    min_size=2,
    max_size=30,
)


@settings(deadline=None)
@given(WEIGHTED)
def test_weighted_figures_equal_scikit_learn(rows: list[tuple[bool, float, int]]) -> None:
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    is_bad, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    weight = weight / 3
    if 0 < is_bad.sum() < len(is_bad):
        report = evaluation.evaluate(is_bad, score, weight)
        assert report.auc == pytest.approx(roc_auc_score(is_bad, score, sample_weight=weight))
        theirs = average_precision_score(is_bad, score, sample_weight=weight)
        assert report.average_precision == pytest.approx(theirs)
        assert report.brier == pytest.approx(brier_score_loss(is_bad, score, sample_weight=weight))


@settings(deadline=None)
@given(WEIGHTED)
def test_a_weight_counts_like_so_many_equal_rows(rows: list[tuple[bool, float, int]]) -> None:
    is_bad, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    copies = np.repeat(np.arange(len(rows)), weight)
    day = np.arange(len(rows)) % 2
    weighted = evaluation.evaluate(is_bad, score, weight.astype(float))
    repeated = evaluation.evaluate(is_bad[copies], score[copies])
    for name in ("auc", "average_precision", "recall_at_1pct_fpr", "recall_at_5pct_fpr", "brier"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), nan_ok=True)
    assert evaluation.precision_at_k(day, is_bad, score, k=4, weight=weight) == pytest.approx(
        evaluation.precision_at_k(day[copies], is_bad[copies], score[copies], k=4)
    )


def test_precision_at_k_equals_counting_by_hand() -> None:
    random = np.random.default_rng(2)
    day, is_bad, score = random.integers(0, 9, 500), random.random(500) < 0.3, random.random(500)
    by_hand = [is_bad[day == today][np.argsort(-score[day == today])][:20].mean() for today in np.unique(day)]
    assert evaluation.precision_at_k(day, is_bad, score, k=20) == pytest.approx(np.mean(by_hand))


def test_precision_of_tied_rows_does_not_depend_on_their_order() -> None:
    is_bad = np.array([True, True, False, False])
    day, score = np.zeros(4, dtype=np.int64), np.full(4, 0.5)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        assert evaluation.precision_at_k(day, is_bad[order], score, k=2) == 0.5
