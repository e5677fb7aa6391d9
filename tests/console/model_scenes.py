"""Models with real reports and comparisons, small enough for a test of a page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from core.ids import encode
from ml.artifacts import ModelArtifact
from ml.datasets import TrainingSet, split_by_share
from ml.fairness import FairnessLimits
from ml.intervals import JudgedRows, Judging
from ml.report import ReportOptions, build_report
from ml.training import ANOMALY, BASELINE, Recipe, train
from risk.comparing import RISK_SEGMENTS, compare_all
from risk.datasets import LabelledRows
from risk.inputs import current_inputs
from risk.models import ModelComparison, ModelReport, ModelVersion, TrainingRun
from risk.selectors import find_champion_version

_ROWS = 1_600
_DAY_US = 86_400_000_000
_START_US = 1_764_547_200_000_000  # 1 December 2025, so that the later rows are of two months
_JUDGING = Judging(draws=100, k=5)
_CONTEXT = {
    "as_of": "2026-03-02T12:00:00+00:00",
    "code_version": "1.2.3",
    "labels": {"verdict": 900, "chargeback": 700},
    "maturity_days": 45,
    "rows": _ROWS,
    "bad": 480,
    "tuning": {"seconds": 300, "trials": 12},
}


@dataclass(frozen=True)
class Trained:
    """Three kinds of model of one training, and the later rows that they are judged on."""

    artifacts: dict[str, ModelArtifact]
    later: LabelledRows
    reports: dict[str, dict[str, Any]]


@cache
def trained() -> Trained:
    """Train on made-up rows of the real inputs of orders, once for all tests: it takes seconds."""
    names, schema_hash = current_inputs("order")
    random = np.random.default_rng(7)
    matrix = random.normal(0, 1, (_ROWS, len(names)))
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    is_bad = np.nan_to_num(matrix[:, 0]) + np.nan_to_num(matrix[:, 1]) + random.normal(0, 1, _ROWS) > 1.0
    at = _START_US + np.arange(_ROWS) * 100 * _DAY_US // _ROWS
    data = TrainingSet(
        tuple(names), matrix, is_bad, at, categorical=(names[-1],), monotone={names[0]: 1, names[2]: -1}
    )
    data.matrix[:, -1] = random.integers(0, 5, _ROWS)
    earlier, rows = split_by_share(data, 0.5)
    segments = {
        "merchant_size": np.where(random.random(len(rows)) < 0.4, "small", "large"),
        "country": np.where(rows.is_bad, "DE", "CN"),  # so that a limit is broken
        "buyer_age": np.where(random.random(len(rows)) < 0.5, "under_1_day", ""),
    }
    artifacts = {
        "lightgbm": train(
            earlier, recipe=Recipe(max_rounds=30, parameters={"num_leaves": 7}), schema_hash=schema_hash
        ),
        "logistic": train(earlier, recipe=BASELINE, schema_hash=schema_hash),
        # Without labels, as at the very start: its scores are ranks.
        "isolation_forest": train(
            replace(earlier, is_bad=np.zeros(len(earlier), dtype=bool)),
            recipe=ANOMALY,
            schema_hash=schema_hash,
        ),
    }
    amounts = np.full(len(rows), 20_000, dtype=np.int64)
    judged = JudgedRows.of(rows, amount_minor=amounts, segments=segments)
    later = LabelledRows(rows, np.arange(len(rows)), amounts, segments, {})
    return Trained(artifacts, later, {kind: _report(kind, artifacts, judged, rows) for kind in artifacts})


def _report(
    kind: str, artifacts: dict[str, ModelArtifact], judged: JudgedRows, rows: TrainingSet
) -> dict[str, Any]:
    others = {
        "baseline" if other == "logistic" else other: artifact.scores(rows.matrix)
        for other, artifact in artifacts.items()
        if other != kind
    }
    is_main = kind == "lightgbm"
    return build_report(
        judged,
        rows,
        artifacts[kind],
        others=others,
        uncalibrated=["isolation_forest"] if kind != "isolation_forest" else [],
        thresholds=dict.fromkeys(("model", *others), 0.3),
        context=_CONTEXT,
        options=ReportOptions(
            judging=_JUDGING,
            limits=FairnessLimits(risk_segments=RISK_SEGMENTS),
            part_draws=100 if is_main else 0,
            repeats=1 if is_main else 0,
        ),
    )


def make_version(
    kind: str = "lightgbm",
    *,
    status: str = "shadow",
    requested_by: User | None = None,
    run: TrainingRun | None = None,
    with_report: bool = True,
) -> ModelVersion:
    """Return a stored version with the report of its training."""
    made = trained()
    artifact, report = made.artifacts[kind], made.reports[kind]
    last = ModelVersion.objects.filter(subject="order").order_by("-number").first()
    version = ModelVersion(
        subject="order",
        number=last.number + 1 if last else 1,
        kind=kind,
        status=status,
        sha256=artifact.sha256,
        feature_hash=artifact.schema_hash,
        metrics=_metrics(report),
        training=run
        or TrainingRun.objects.create(
            subject="order",
            as_of=timezone.now() - timedelta(days=1),
            status="finished",
            requested_by=requested_by,
        ),
    )
    version.artifact.save(f"{version.pk}.json", ContentFile(artifact.to_bytes()), save=False)
    version.save(force_insert=True)
    if with_report:
        ModelReport.objects.create(model=version, data=report)
    return version


def make_training(*, requested_by: User | None = None, status: str = "shadow") -> list[ModelVersion]:
    """Return the three versions of one training; the LightGBM one has the given status."""
    run = TrainingRun.objects.create(
        subject="order", as_of=timezone.now(), status="finished", requested_by=requested_by
    )
    kinds: Sequence[str] = ("lightgbm", "logistic", "isolation_forest")
    return [
        make_version(kind, status=status if kind == "lightgbm" else "candidate", run=run) for kind in kinds
    ]


def compare(
    version: ModelVersion,
    *,
    passes: bool | None = None,
    at: datetime | None = None,
    champion_sha256: str | None = None,
    against: str = "baseline",
) -> ModelComparison:
    """Return a finished comparison, in truth with the logistic model; `against` says whom it stands for.

    passes    None = as found; else the finding is overruled
    """
    made, champion = trained(), find_champion_version(version.subject)
    finding = compare_all(
        made.later,
        {"model": made.artifacts[version.kind]},
        made.artifacts["logistic"],
        against=against,
        threshold=0.3,
        judging=_JUDGING,
    )["model"]
    reasons = list(finding.reasons) if passes is None else [] if passes else ["worse_cost", "unfair"]
    at = at or timezone.now()
    comparison = ModelComparison.objects.create(
        model=version,
        sha256=version.sha256,
        champion=champion,
        champion_sha256=(champion.sha256 if champion else "") if champion_sha256 is None else champion_sha256,
        as_of=at,
    )
    comparison.status, comparison.finished_at = "finished", at
    comparison.rows, comparison.since, comparison.until = len(made.later), at - timedelta(days=50), at
    comparison.result, comparison.reasons, comparison.passes = finding.result, reasons, not reasons
    comparison.save()
    return comparison


def public(version: ModelVersion) -> str:
    return encode("mod", version.pk)


def _metrics(report: dict[str, Any]) -> dict[str, Any]:
    """Return the figures without intervals, as a training keeps them with the version."""
    metrics: dict[str, Any] = {"rows": {"earlier": 800, "later": report["rows"]["rows"]}}
    for name, model in report["models"].items():
        figures = {code: interval["value"] for code, interval in model["figures"].items()}
        metrics[name] = {"rows": report["rows"]["rows"], "bad": report["rows"]["bad"], **figures}
    return metrics


def href(name: str, version: ModelVersion) -> str:
    return reverse(f"console:{name}", args=[public(version)])


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()
