"""A biased model is blocked; chance, small segments and risk that is really higher are told apart."""

import json

import numpy as np
import pytest

from ml.arrays import Floats
from ml.fairness import FairnessLimits, audit_fairness
from ml.intervals import JudgedRows

COUNTRIES = np.array(["CN", "DE", "FR", "JP", "KR", "MY", "SG", "VN"])
SHARES = (0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.015, 0.005)


def market(
    seed: int, *, rows: int = 4_000, merchants: int | None = None, harsh_on: str = "", more: float = 0.05
) -> tuple[JudgedRows, Floats]:
    """Return rows of eight countries and calibrated probabilities, raised in one country if asked.

    merchants    rows belong to so many, who differ in their level; every row by itself if None
    """
    random = np.random.default_rng(seed)
    group = random.integers(0, merchants, rows) if merchants else None
    country = random.choice(COUNTRIES, rows, p=SHARES)
    level = np.zeros(rows)
    if group is not None:
        country = random.choice(COUNTRIES, merchants, p=SHARES)[group]
        level = random.normal(0, 0.8, merchants)[group]
    probability = 1 / (1 + np.exp(3.2 - random.normal(0, 0.8, rows) - level))
    is_bad = random.random(rows) < probability
    judged = JudgedRows(is_bad, np.arange(rows), group=group, segments={"country": country})
    return judged, np.clip(probability + more * (country == harsh_on), 0, 1)


@pytest.mark.parametrize("merchants", [None, 150], ids=["rows alone", "rows of merchants"])
def test_chance_does_not_block(merchants: int | None) -> None:
    blocked = 0
    for seed in range(100):
        rows, probability = market(seed, merchants=merchants)
        blocked += not audit_fairness(rows, probability, 0.1).passes
    assert blocked <= 5


def test_a_model_that_is_harsh_on_one_country_is_blocked_for_it() -> None:
    for seed in range(20):
        rows, probability = market(seed, rows=10_000, harsh_on="DE")
        found = audit_fairness(rows, probability, 0.1).breaches
        assert ("country", "DE", "held_too_often") in found
        assert ("country", "DE", "predicted_too_high") in found
        assert {value for _, value, _ in found} == {"DE"}


def test_five_rows_prove_nothing() -> None:
    rows, probability = market(1)
    country = np.array(["CN"] * 3_995 + ["XX"] * 5)
    rows = JudgedRows(np.zeros(4_000, dtype=bool), rows.at, segments={"country": country})
    probability[:] = np.where(np.arange(4_000) % 10 == 0, 0.2, 0.0)
    probability[-5:] = np.array([0.2, 0.2, 0.0, 0.0, 0.0])
    report = audit_fairness(rows, probability, 0.1)
    assert all(value == "CN" for _, value, _ in report.breaches)
    tiny = report.segments["country"][1]
    assert tiny.false_positive_rate == pytest.approx(0.4)
    assert tiny.rows == 5


def test_many_rows_of_one_merchant_prove_nothing_about_a_segment() -> None:
    rows, probability = market(2, rows=6_000, harsh_on="KR", more=0.3)
    alone = audit_fairness(rows, probability, 0.1)
    country = rows.segments["country"]
    one_seller = np.where(country == "KR", 0, np.arange(len(rows)) + 1)
    grouped = JudgedRows(rows.is_bad, rows.at, group=one_seller, segments=rows.segments)
    assert ("country", "KR", "held_too_often") in alone.breaches
    assert all(value != "KR" for _, value, _ in audit_fairness(grouped, probability, 0.1).breaches)


def test_underestimating_a_segment_is_a_breach_of_calibration_only() -> None:
    rows, probability = market(3, rows=20_000, harsh_on="CN", more=-0.05)
    codes = {code for _, value, code in audit_fairness(rows, probability, 0.1).breaches if value == "CN"}
    assert codes == {"predicted_too_low"}


def test_ranks_are_not_asked_to_come_true() -> None:
    rows, probability = market(4, rows=20_000)
    ranks = np.sqrt(probability)
    assert not audit_fairness(rows, ranks, 0.3).passes
    assert audit_fairness(rows, ranks, 0.3, is_calibrated=False).passes


def test_a_segment_whose_risk_is_known_to_differ_is_only_asked_for_calibration() -> None:
    random = np.random.default_rng(5)
    tenure = np.where(random.random(20_000) < 0.3, "new", "old")
    probability = np.clip(np.where(tenure == "new", 0.12, 0.04) + random.normal(0, 0.02, 20_000), 0.001, 1)
    rows = JudgedRows(random.random(20_000) < probability, np.arange(20_000), segments={"tenure": tenure})
    assert audit_fairness(rows, probability, 0.1).breaches == [("tenure", "new", "held_too_often")]
    limits = FairnessLimits(risk_segments=("tenure",))
    report = audit_fairness(rows, probability, 0.1, limits=limits)
    assert report.passes
    assert report.segments["tenure"][0].fpr_ratio is not None


def test_unknown_is_shown_and_never_blocks() -> None:
    rows, probability = market(6, rows=10_000, harsh_on="DE")
    country = np.where(rows.segments["country"] == "DE", "", rows.segments["country"])
    rows = JudgedRows(rows.is_bad, rows.at, segments={"country": country})
    report = audit_fairness(rows, probability, 0.1)
    assert report.segments["country"][0].value == ""
    assert all(value != "" for _, value, _ in report.breaches)


def test_segments_without_good_or_bad_rows_have_no_rates() -> None:
    is_bad = np.array([True, True, False, False])
    rows = JudgedRows(is_bad, np.arange(4), segments={"s": np.array(["a", "a", "b", "b"])})
    report = audit_fairness(rows, np.array([0.9, 0.8, 0.1, 0.2]), 0.5)
    only_bad, only_good = report.segments["s"]
    assert only_bad.false_positive_rate is None
    assert only_good.recall is None
    assert report.passes
    json.dumps(report.as_json(), allow_nan=False)
