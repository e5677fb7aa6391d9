"""Train every subject's models with the training worker, and promote what passed the comparison."""

import time
from collections.abc import Callable
from datetime import datetime

from risk import services
from risk.models import ModelStatus, ModelVersion, Subject, TrainingRun
from risk.selectors import find_passing_comparison

from .people import get_person

SUBJECTS = (Subject.ORDER, Subject.LISTING, Subject.APPLICATION)
_TIMEOUT_S = 480.0
_ENDED = {TrainingRun.Status.FINISHED, TrainingRun.Status.FAILED, TrainingRun.Status.CANCELLED}


class TrainingFailed(RuntimeError):
    """A training ended without a model; the message is the run's own."""


def train_all(*, as_of: datetime, report: Callable[[str, float], None]) -> None:
    """Request each training and wait until the worker has made models of it."""
    analyst = get_person("analyst@example.com")
    for subject in SUBJECTS:
        if not ModelVersion.objects.filter(subject=subject).exists():
            run = services.request_training(subject, as_of=as_of, requested_by=analyst)
            _wait_for(run, report)
    report("done", 1.0)


def promote_all(*, at: datetime) -> None:
    """Promote each subject's best model that passed, where there is no champion yet, as the second analyst.

    The best is LightGBM. Where too few rows are labelled to prove that it is no worse than the baseline, the
    baseline itself becomes the first champion.
    """
    approver = get_person("second.analyst@example.com")
    for subject in SUBJECTS:
        versions = ModelVersion.objects.filter(subject=subject)
        if versions.filter(status=ModelStatus.CHAMPION).exists():
            continue
        passed = [version for version in versions if find_passing_comparison(version, at=at) is not None]
        if not passed:
            raise TrainingFailed(f"No {subject} model passed its comparison.")
        best = min(passed, key=lambda version: (version.kind != "lightgbm", -version.number))
        if best.status == ModelStatus.CANDIDATE:
            services.shadow_model(best, by=approver, at=at)
        services.promote_model(best, approver=approver, at=at)


def _wait_for(run: TrainingRun, report: Callable[[str, float], None]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while run.status not in _ENDED:
        if time.monotonic() > deadline:
            raise TrainingFailed(f"The {run.subject} training did not end within {_TIMEOUT_S:.0f} seconds.")
        report(f"{run.subject}: {run.step or 'waiting for the worker'}", run.progress)
        time.sleep(0.2)
        run.refresh_from_db()
    if run.status != TrainingRun.Status.FINISHED:
        raise TrainingFailed(f"The {run.subject} training failed: {run.message}")
