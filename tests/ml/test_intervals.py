"""Intervals hold the truth as often as they say, move with groups, and cost what a sort costs."""

import dataclasses

import numpy as np
import pytest

from ml.arrays import Flags, Floats
from ml.calibration import brier_score, expected_calibration_error
from ml.comparison import Margins, compare
from ml.costs import Costs, expected_cost
from ml.errors import Cancelled, LearningError
from ml.evaluation import average_precision, precision_at_k, recall_at_fpr, roc_auc
from ml.intervals import FIGURES, JudgedRows, Judging, judge

HOUR = 3_600_000_000
TRUE_AUC = 0.7602499  # of two normals one apart: Φ(1 / √2)


def scored(rows: int, *, seed: int, share: float = 0.2, apart: float = 1.0) -> tuple[Flags, Floats]:
    random = np.random.default_rng(seed)
    is_bad = random.random(rows) < share
    return is_bad, random.normal(apart * is_bad, 1.0)


def rows_of(is_bad: Flags, **columns: object) -> JudgedRows:
    return JudgedRows(is_bad, np.arange(len(is_bad)) * HOUR, **columns)  # type: ignore[arg-type]


def test_estimates_are_those_of_the_plain_figures() -> None:
    random = np.random.default_rng(4)
    is_bad, score = scored(800, seed=4)
    probability, weight = 1 / (1 + np.exp(-score)), random.integers(1, 5, 800).astype(float)
    amount = random.integers(100, 9_000, 800)
    rows = rows_of(is_bad, weight=weight, amount_minor=amount)
    found = judge(rows, {"m": probability}, thresholds={"m": 0.6}, judging=Judging(k=5, draws=2))
    expected = [
        roc_auc(is_bad, probability, weight),
        average_precision(is_bad, probability, weight),
        recall_at_fpr(is_bad, probability, 0.01, weight),
        recall_at_fpr(is_bad, probability, 0.05, weight),
        precision_at_k(rows.day, is_bad, probability, k=5, weight=weight),
        expected_cost(is_bad, probability, amount, 0.6, Costs(), weight),
        brier_score(is_bad, probability, weight),
        expected_calibration_error(is_bad, probability, weight),
    ]
    assert found.estimates["m"] == pytest.approx(expected, rel=0.02, abs=0.002)
    assert found.estimates["m"][:7] == pytest.approx(expected[:7])


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        is_bad, score = scored(400, seed=seed)
        found = judge(rows_of(is_bad), {"m": score}, thresholds={"m": 0}, judging=Judging(draws=150))
        interval = found.interval("m", "auc")
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= TRUE_AUC <= interval.high
    assert 0.90 <= held / 200 <= 0.985  # 95 % ± 3 standard errors


def test_rows_of_one_group_say_less_than_as_many_groups() -> None:
    is_bad, score = scored(300, seed=1)
    copies = np.repeat(np.arange(300), 4)
    alone = rows_of(is_bad[copies])
    grouped = dataclasses.replace(alone, group=copies)
    widths = []
    for rows in (alone, grouped):
        interval = judge(rows, {"m": score[copies]}).interval("m", "auc")
        assert interval.low is not None
        assert interval.high is not None
        widths.append(interval.high - interval.low)
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.25)  # √4 as wide


def test_the_same_seed_gives_the_same_intervals() -> None:
    is_bad, score = scored(500, seed=1)
    first, second, other = (
        judge(rows_of(is_bad), {"m": score}, judging=Judging(seed=seed, draws=50)).figures("m")
        for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_one_class_has_no_interval_but_costs_and_brier_do() -> None:
    rows = rows_of(np.zeros(50, dtype=bool))
    figures = judge(rows, {"m": np.linspace(0, 1, 50)}).figures("m")
    assert figures["auc"].value is None
    assert figures["average_precision"].low is None
    assert figures["brier"].high is not None


def test_nothing_judged_has_no_figures() -> None:
    found = judge(rows_of(np.zeros(0, dtype=bool)), {"m": np.zeros(0)})
    assert {found.interval("m", figure).value for figure in FIGURES} == {None}


def test_a_calibrated_model_is_not_called_uncalibrated_by_resampling() -> None:
    random = np.random.default_rng(3)
    probability = random.random(2_000) * 0.3
    is_bad = random.random(2_000) < probability
    interval = judge(rows_of(is_bad), {"m": probability}).interval("m", "calibration_error")
    assert interval.value is not None
    assert interval.low is not None
    assert interval.low < interval.value < 0.02


def test_an_equal_model_is_non_inferior_and_a_worse_one_is_not() -> None:
    is_bad, score = scored(8_000, seed=6, share=0.02, apart=2.0)
    _, noise = scored(8_000, seed=7, apart=0.0)
    probability = 1 / (1 + np.exp(-score + 4))
    worse = 1 / (1 + np.exp(-(score + 2 * noise) + 4))
    rows = rows_of(is_bad, amount_minor=np.full(8_000, 20_000))
    found = judge(rows, {"same": probability, "worse": worse, "champion": probability})
    assert compare(found, "same", "champion").passes
    verdict = compare(found, "worse", "champion")
    assert set(verdict.reasons) == {"worse_average_precision", "worse_cost"}
    gain = compare(found, "champion", "worse").differences["average_precision"]
    assert gain.low is not None
    assert gain.low > 0


def test_few_rows_cannot_prove_a_small_margin() -> None:
    is_bad, score = scored(120, seed=6)
    other = score + np.random.default_rng(1).normal(0, 0.7, 120)
    found = judge(rows_of(is_bad), {"new": other, "champion": score})
    verdict = compare(found, "new", "champion", margins=Margins(average_precision=0.001))
    assert not verdict.passes


def test_paired_intervals_are_narrower_than_those_apart() -> None:
    is_bad, score = scored(2_000, seed=6)
    near = score + np.random.default_rng(1).normal(0, 0.1, 2_000)
    found = judge(rows_of(is_bad), {"a": score, "b": near})
    paired, apart = found.difference("a", "b", "auc"), found.interval("a", "auc")
    assert None not in (paired.low, paired.high, apart.low, apart.high)
    assert paired.high - paired.low < (apart.high - apart.low) / 3  # type: ignore[operator]


def test_scores_of_other_rows_are_refused() -> None:
    with pytest.raises(LearningError) as refusal:
        judge(rows_of(np.zeros(3, dtype=bool)), {"m": np.zeros(2)})
    assert refusal.value.code == "wrong_shape"


def test_cancelling_ends_the_draws() -> None:
    is_bad, score = scored(100, seed=1)
    seen: list[int] = []

    def stop(done: int, in_all: int) -> None:
        seen.append(done)
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        judge(rows_of(is_bad), {"m": score}, step=stop)
    assert seen == [1, 2, 3]
