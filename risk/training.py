"""Train a subject's model on what was known, compare it on later time, and put it in shadow."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Max
from django.utils import timezone

from core import audit, journal
from core.actors import SYSTEM
from core.ids import encode
from core.refs import Ref
from ml.artifacts import ModelArtifact
from ml.datasets import TrainingSet, split_by_share
from ml.errors import LearningError
from ml.evaluation import evaluate
from ml.training import BASELINE, CHAMPION, Recipe, train

from .datasets import build_training_set
from .inputs import current_inputs
from .models import ModelStatus, ModelVersion, TrainingRun

logger = logging.getLogger(__name__)

LATER_SHARE = 0.25  # of the rows by time: what the model is judged on and has not seen
FEW_BAD_ROWS = 200  # a 15 % part of fewer holds under 30: noise decides where to stop
LONGEST_TRAINING = timedelta(hours=2)  # twice the time after which the broker takes a worker for dead
_REPORT_SECONDS = 0.5

Report = Callable[[str, float], None]


def run(run_id: int, *, at: datetime, num_threads: int = 2) -> ModelVersion | None:
    """Run a queued training once; None if it is already taken, or failed with a reason on its row."""
    taken = TrainingRun.objects.filter(pk=run_id, status=TrainingRun.Status.QUEUED).update(
        status=TrainingRun.Status.RUNNING, started_at=at
    )
    if not taken:
        return None
    training_run = TrainingRun.objects.get(pk=run_id)
    try:
        return _run(training_run, _reporter(run_id), num_threads)
    except LearningError as error:
        _finish(run_id, TrainingRun.Status.FAILED, str(error))
    except Exception:
        logger.exception("training_failed", extra={"run": run_id})
        _finish(run_id, TrainingRun.Status.FAILED, "The training failed; the log has the reason.")
    return None


def fail_abandoned(*, at: datetime) -> int:
    """End the runs whose worker was killed, so that nobody waits for them; return how many."""
    abandoned = TrainingRun.objects.filter(
        status=TrainingRun.Status.RUNNING, started_at__lt=at - LONGEST_TRAINING
    )
    message = "The worker stopped before the training was done; please request it again."
    return abandoned.update(status=TrainingRun.Status.FAILED, message=message, finished_at=at)


def _run(training_run: TrainingRun, report: Report, num_threads: int) -> ModelVersion:
    subject = training_run.subject
    report("reading", 0.0)
    data = build_training_set(subject, as_of=training_run.as_of)
    data.require_both_classes()
    earlier, later = split_by_share(data, LATER_SHARE)
    _, schema_hash = current_inputs(subject)

    def fit(recipe: Recipe, step: str, start: float, width: float) -> ModelArtifact:
        return train(
            earlier,
            recipe=recipe,
            schema_hash=schema_hash,
            num_threads=num_threads,
            progress=lambda done, in_all: report(step, start + width * done / max(in_all, 1)),
        )

    champion_recipe, baseline_recipe = _recipes_for(earlier)
    champion = fit(champion_recipe, "training", 0.2, 0.6)
    baseline = fit(baseline_recipe, "baseline", 0.8, 0.1)
    report("evaluating", 0.9)
    metrics = _metrics(champion, baseline, earlier, later)
    version = _store(training_run, champion, metrics)
    _finish(training_run.pk, TrainingRun.Status.FINISHED, "")
    return version


def _recipes_for(data: TrainingSet) -> tuple[Recipe, Recipe]:
    """Return how to train champion and baseline.

    With few bad rows nothing is held out for stopping and calibration: the
    parts would be too small to say anything. Shallow, few trees on unweighted
    rows then give probabilities that are about right by themselves.
    """
    if int(data.is_bad.sum()) >= FEW_BAD_ROWS:
        return CHAMPION, BASELINE
    shallow = {"num_leaves": 7, "min_data_in_leaf": 10}
    few = replace(CHAMPION, max_rounds=80, stop_share=0.0, calibrate_share=0.0, parameters=shallow)
    return few, replace(BASELINE, calibrate_share=0.0, bad_weight=1.0)


def _metrics(
    champion: ModelArtifact, baseline: ModelArtifact, earlier: TrainingSet, later: TrainingSet
) -> dict[str, Any]:
    return {
        "rows": {"earlier": len(earlier), "later": len(later)},
        "model": _figures(champion, later),
        "baseline": _figures(baseline, later),
    }


def _figures(artifact: ModelArtifact, later: TrainingSet) -> dict[str, float | None]:
    """Return the report as JSON, where a figure that cannot be computed is null."""
    report = evaluate(later.is_bad, artifact.scores(later.matrix, num_threads=2))
    return {name: None if math.isnan(value) else value for name, value in asdict(report).items()}


def _store(training_run: TrainingRun, artifact: ModelArtifact, metrics: dict[str, Any]) -> ModelVersion:
    with journal.unit():
        last = ModelVersion.objects.filter(subject=training_run.subject).aggregate(last=Max("number"))["last"]
        version = ModelVersion(
            subject=training_run.subject,
            number=(last or 0) + 1,
            kind=artifact.kind.value,
            status=ModelStatus.SHADOW,
            sha256=artifact.sha256,
            feature_hash=artifact.schema_hash,
            metrics=metrics,
            training=training_run,
        )
        name = f"models/{version.subject}-{encode('mod', version.pk)}.json"
        version.artifact.name = default_storage.save(name, ContentFile(artifact.to_bytes()))
        version.save(force_insert=True)
        audit.record(
            "model.trained",
            actor=SYSTEM,
            subject=Ref("model", version.pk),
            detail={"sha256": version.sha256, "rows": metrics["rows"]},
        )
    return version


def _reporter(run_id: int) -> Report:
    """Write progress to the row, twice a second at most: a page polls it."""
    last = 0.0

    def report(step: str, share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REPORT_SECONDS:
            last = now
            TrainingRun.objects.filter(pk=run_id).update(step=step, progress=min(share, 1.0))

    return report


def _finish(run_id: int, status: str, message: str) -> None:
    TrainingRun.objects.filter(pk=run_id).update(
        status=status,
        message=message,
        finished_at=timezone.now(),
        **({"progress": 1.0, "step": ""} if status == TrainingRun.Status.FINISHED else {}),
    )
