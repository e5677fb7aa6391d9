"""The report is JSON without NaN, holds what its docstring says, and keeps to one set of rows."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ml.artifacts import ModelArtifact
from ml.datasets import TrainingSet, split_by_share
from ml.errors import Cancelled, LearningError
from ml.evaluation import average_precision, roc_auc
from ml.intervals import FIGURES, JudgedRows, Judging
from ml.report import ReportOptions, build_report
from ml.training import ANOMALY, BASELINE, Recipe, train
from tests.ml.synthetic import make_training_set

QUICK = Recipe(max_rounds=40, patience=10, parameters={"num_leaves": 7})
OPTIONS = ReportOptions(judging=Judging(draws=100, k=10), part_draws=20)


@dataclasses.dataclass(frozen=True)
class Judged:
    rows: JudgedRows
    later: TrainingSet
    model: ModelArtifact
    baseline: ModelArtifact
    forest: ModelArtifact


@pytest.fixture(scope="module")
def judged() -> Judged:
    data = make_training_set(rows=5_000)
    random = np.random.default_rng(3)
    data = dataclasses.replace(data, weight=random.integers(1, 4, len(data)).astype(float))
    earlier, later = split_by_share(data, 0.4)
    labels = {
        "country": random.choice(["CN", "DE", ""], len(later)),
        "merchant_size": random.choice(["small", "large"], len(later)),
    }
    amount = np.nan_to_num(later.matrix[:, 1]).astype(np.int64)
    unlabelled = dataclasses.replace(earlier, is_bad=np.zeros(len(earlier), dtype=bool))
    return Judged(
        JudgedRows.of(later, amount_minor=amount, segments=labels),
        later,
        train(earlier, recipe=QUICK, schema_hash="s"),
        train(earlier, recipe=BASELINE, schema_hash="s"),
        train(unlabelled, recipe=ANOMALY, schema_hash="s"),
    )


@pytest.fixture(scope="module")
def report(judged: Judged) -> dict[str, Any]:
    others = {
        "baseline": judged.baseline.scores(judged.later.matrix),
        "isolation_forest": judged.forest.scores(judged.later.matrix),
    }
    return build_report(
        judged.rows,
        judged.later,
        judged.model,
        others=others,
        uncalibrated=["isolation_forest"],
        thresholds={"model": 0.1},
        context={"code_version": "1.2.3"},
        options=OPTIONS,
    )


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def test_it_is_json_without_nan_and_of_plain_values(report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert {type(leaf) for leaf in leaves(report)} <= {str, int, float, bool, type(None)}


def test_every_key_is_described(report: dict[str, Any]) -> None:
    import ml.report as module

    assert module.__doc__ is not None
    described = {
        line.split()[0] for line in module.__doc__.splitlines() if line.startswith("    ") and line[4] != " "
    }
    assert set(report) == described


def test_figures_are_those_of_the_later_rows(judged: Judged, report: dict[str, Any]) -> None:
    probability = judged.model.scores(judged.later.matrix)
    figures = report["models"]["model"]["figures"]
    rows = judged.rows
    assert set(figures) == set(FIGURES)
    assert figures["auc"]["value"] == pytest.approx(roc_auc(rows.is_bad, probability, rows.weight))
    assert figures["average_precision"]["value"] == pytest.approx(
        average_precision(rows.is_bad, probability, rows.weight)
    )
    for figure in figures.values():
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_thresholds_say_where_they_come_from(report: dict[str, Any]) -> None:
    models = report["models"]
    assert (models["model"]["threshold"], models["model"]["threshold_from"]) == (0.1, "given")
    assert models["baseline"]["threshold_from"] == "cheapest"


def test_ranks_have_no_figures_of_probabilities(report: dict[str, Any]) -> None:
    forest = report["models"]["isolation_forest"]
    assert not forest["is_calibrated"]
    assert forest["figures"]["brier"]["value"] is None
    assert forest["figures"]["auc"]["value"] > 0.5


def test_the_model_is_compared_with_every_other(report: dict[str, Any]) -> None:
    assert set(report["comparisons"]) == {"baseline", "isolation_forest"}
    against_forest = report["comparisons"]["isolation_forest"]
    assert "average_precision" not in " ".join(against_forest["reasons"])
    assert against_forest["differences"]["average_precision"]["low"] > 0
    assert against_forest["differences"]["brier"]["value"] is None
    assert report["comparisons"]["baseline"]["differences"]["brier"]["value"] is not None


def test_months_and_segments_hold_every_row_once(judged: Judged, report: dict[str, Any]) -> None:
    for parts in (report["months"], *report["segments"].values()):
        assert sum(part["rows"] for part in parts) == len(judged.rows)
        assert sum(part["bad"] for part in parts) == int(judged.rows.is_bad.sum())
    months = [part["value"] for part in report["months"]]
    assert months == sorted(months)
    assert months[0].startswith("1970-0")
    assert [part["rows"] for part in report["segments"]["country"]] == sorted(
        (part["rows"] for part in report["segments"]["country"]), reverse=True
    )


def test_reliability_bins_hold_all_weight(judged: Judged, report: dict[str, Any]) -> None:
    for bins in report["reliability"].values():
        assert sum(bin_["weight"] for bin_ in bins) == pytest.approx(judged.rows.weights.sum())
        assert all(bin_["low"] <= bin_["observed"] <= bin_["high"] for bin_ in bins)


def test_what_matters_leads_importance_and_contributions(report: dict[str, Any]) -> None:
    assert report["importance"][0]["feature"] == "card_orders_1h_count"
    assert report["contributions"][0]["feature"] == "card_orders_1h_count"
    assert sum(row["gain_share"] for row in report["importance"]) == pytest.approx(1)


def test_costs_have_a_curve_with_its_cheapest_point(report: dict[str, Any]) -> None:
    cost = report["cost"]
    assert len(cost["curve"]) <= 100
    assert cost["cheapest"] in cost["curve"]
    assert cost["cheapest"]["cost_per_row_minor"] <= cost["nothing_held"]["cost_per_row_minor"]
    ours = report["models"]["model"]["figures"]["cost_per_row_minor"]["value"]
    assert cost["cheapest"]["cost_per_row_minor"] <= ours


def test_the_training_behind_it_is_told(report: dict[str, Any]) -> None:
    assert report["training"]["parts"]["fit"]["last_at"] < report["rows"]["first_at"]
    assert report["context"] == {"code_version": "1.2.3"}


def test_rows_of_one_class_make_a_report_with_nulls(judged: Judged) -> None:
    later = judged.later.take(~judged.later.is_bad)
    rows = judged.rows.take(~judged.rows.is_bad)
    report = build_report(rows, later, judged.model, options=OPTIONS)
    json.dumps(report, allow_nan=False)
    assert report["models"]["model"]["figures"]["auc"]["value"] is None


def test_other_rows_than_the_inputs_are_refused(judged: Judged) -> None:
    with pytest.raises(LearningError) as refusal:
        build_report(judged.rows, judged.later.take(judged.later.is_bad), judged.model)
    assert refusal.value.code == "wrong_shape"


def test_progress_rises_to_one_and_may_cancel(judged: Judged) -> None:
    shares: list[float] = []
    build_report(
        judged.rows,
        judged.later,
        judged.model,
        options=OPTIONS,
        progress=lambda step, share: shares.append(share),
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    def stop(step: str, share: float) -> None:
        if step == "importance":
            raise Cancelled

    with pytest.raises(Cancelled):
        build_report(judged.rows, judged.later, judged.model, options=OPTIONS, progress=stop)
