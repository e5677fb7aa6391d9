"""Make every kind of model of a subject, judge them, keep them, and put the best LightGBM in shadow."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from core import audit, journal
from core.actors import SYSTEM
from core.ids import encode
from core.refs import Ref
from ml.artifacts import ModelArtifact
from ml.datasets import TrainingSet
from ml.errors import LearningError
from ml.estimators import Kind
from ml.selection import Selection
from ml.training import train
from risk.comparing import find_usable_champion, live_threshold, on_one_thread, store_finding
from risk.datasets import LabelledRows, read_labelled
from risk.inputs import current_inputs
from risk.models import (
    ModelComparison,
    ModelReport,
    ModelStatus,
    ModelVersion,
    TrainingRun,
)
from risk.monotone import categorical, directions
from risk.selectors import find_champion_version
from risk.version import code_version

from .recipes import improve, recipes_for
from .rejecting import sentence_of, why_worse
from .reporting import Judged, judge_models

LATER_SHARE = 0.25  # of the rows by time: what the models are judged on and have not seen

# Where each step lies in the whole run; LightGBM and the judging take most of it.
_READ, _TUNED, _BASELINE, _FOREST, _TRAINED, _JUDGED = 0.1, 0.35, 0.4, 0.45, 0.7, 0.98


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much work a training is.

    draws    of the bootstrap behind every interval
    """

    draws: int = 400
    num_threads: int = 2


class Life(Protocol):
    """What tells a run's worker to go on; see `running`."""

    def report(self, step: str, share: float) -> None: ...

    def finish(self, message: str) -> None: ...


def make_versions(run: TrainingRun, life: Life, options: Options) -> ModelVersion:
    """Return the LightGBM version of a run, stored beside the other kinds; LearningError if there is none.

    What `life` raises ends the work at once, and nothing of it is kept but the trials.
    """
    life.report("reading", 0.0)
    labelled = read_labelled(run.subject, as_of=run.as_of, maturity=timedelta(days=run.maturity_days))
    labelled = _declared(labelled, run.subject)
    labelled.data.require_both_classes()
    earlier, later = _split(labelled)
    life.report("reading", _READ)
    models, selection = _train_all(run, earlier.data, life, options)
    version = find_champion_version(run.subject)
    champion = find_usable_champion(version)
    judged = judge_models(
        models,
        champion,
        labelled,
        earlier,
        later,
        threshold=live_threshold(run.subject),
        context=_context(run, labelled, selection),
        draws=options.draws,
        progress=lambda step, share: life.report(step, _TRAINED + (_JUDGED - _TRAINED) * share),
    )
    life.report("storing", _JUDGED)
    return _store_all(run, models, judged, version, champion is not None, life)


def _declared(labelled: LabelledRows, subject: str) -> LabelledRows:
    """Add what a model may not learn about the inputs."""
    names = labelled.data.features
    data = replace(
        labelled.data, categorical=categorical(subject, names), monotone=directions(subject, names)
    )
    return replace(labelled, data=data)


def _split(labelled: LabelledRows) -> tuple[LabelledRows, LabelledRows]:
    """Return the rows to learn from and those to judge on, apart by time and group."""
    ripe = labelled.ripe()
    earlier, later = ripe.split_at(int(np.quantile(ripe.data.at, 1 - LATER_SHARE, method="higher")))
    earlier.data.require_both_classes()
    try:
        later.data.require_both_classes()
    except LearningError as error:
        raise LearningError(f"Nothing can be judged on the later rows. {error}", code=error.code) from error
    return earlier, later


# ── Training ─────────────────────────────────────────────────────────────────────────────────────
def _train_all(
    run: TrainingRun, earlier: TrainingSet, life: Life, options: Options
) -> tuple[dict[Kind, ModelArtifact], Selection | None]:
    """Return one model of each kind, all of the same rows, and how LightGBM's inputs were chosen, if so."""
    _, schema_hash = current_inputs(run.subject)
    recipes, selection = dict(recipes_for(earlier)), None
    if run.tuning_seconds:
        recipes[Kind.LIGHTGBM], selection = improve(
            earlier,
            recipes[Kind.LIGHTGBM],
            run,
            life=life,
            start=_READ,
            end=_TUNED,
            num_threads=options.num_threads,
        )
    steps = {
        Kind.LOGISTIC: ("baseline", _TUNED, _BASELINE),
        Kind.ISOLATION_FOREST: ("anomaly", _BASELINE, _FOREST),
        Kind.LIGHTGBM: ("training", _FOREST, _TRAINED),
    }
    models = {}
    for kind, (step, start, end) in steps.items():
        rows = earlier.select(selection.kept) if selection and kind is Kind.LIGHTGBM else earlier
        # Thousands of short products of a line's fit: on busy cores, threads wait for each other.
        with on_one_thread() if kind is Kind.LOGISTIC else nullcontext():
            models[kind] = train(
                rows,
                recipe=recipes[kind],
                schema_hash=schema_hash,
                num_threads=options.num_threads,
                progress=_within(life, step, start, end),
            )
    return models, selection


def _within(life: Life, step: str, start: float, end: float) -> Callable[[int, int], None]:
    def report(done: int, in_all: int) -> None:
        life.report(step, start + (end - start) * done / max(in_all, 1))

    return report


def _context(run: TrainingRun, labelled: LabelledRows, selection: Selection | None) -> dict[str, Any]:
    """Return what a report says of the training beside what the artifact knows."""
    trials = run.trials.count()
    return {
        "subject": run.subject,
        "as_of": run.as_of.isoformat(),
        "cause": run.cause,
        "maturity_days": run.maturity_days,
        "labels": labelled.sources,
        "rows": len(labelled),
        "bad": int(labelled.data.is_bad.sum()),
        "later_share": LATER_SHARE,
        "tuning": {"seconds": run.tuning_seconds, "trials": trials},
        "selection": None if selection is None else selection.as_json(),
        "code_version": code_version(),
    }


# ── Keeping ──────────────────────────────────────────────────────────────────────────────────────
def _store_all(
    run: TrainingRun,
    models: Mapping[Kind, ModelArtifact],
    judged: Mapping[Kind, Judged],
    champion: ModelVersion | None,
    is_champion_usable: bool,
    life: Life,
) -> ModelVersion:
    main = judged[Kind.LIGHTGBM]
    reasons = why_worse(main)
    with journal.unit():
        numbers = _next_numbers(run.subject, len(models))
        message = sentence_of(reasons, numbers[list(models).index(Kind.LIGHTGBM)], main.finding)
        # First: a worker that no longer has the run stops here, and leaves no file behind.
        life.finish(message)
        versions = {
            kind: _store(run, artifact, judged[kind], number)
            for (kind, artifact), number in zip(models.items(), numbers, strict=True)
        }
        against = "" if is_champion_usable else models[Kind.LOGISTIC].sha256
        for kind, version in versions.items():
            comparison = ModelComparison.objects.create(
                model=version,
                sha256=version.sha256,
                champion=champion,
                champion_sha256="" if champion is None else champion.sha256,
                baseline_sha256=against,
                as_of=run.as_of,
                heartbeat_at=timezone.now(),
            )
            found = judged[kind]
            store_finding(comparison, found.finding, found.gate_rows, at=timezone.now())
        best = versions[Kind.LIGHTGBM]
        if not reasons:
            best.status = ModelStatus.SHADOW
            best.save(update_fields=["status"])
        audit.record(
            "model.rejected" if reasons else "model.shadowed",
            actor=SYSTEM,
            subject=Ref("model", best.pk),
            detail={"sha256": best.sha256, "reasons": list(reasons)},
        )
    return best


def _next_numbers(subject: str, count: int) -> Sequence[int]:
    rows = ModelVersion.objects.select_for_update().filter(subject=subject)
    last = max(rows.values_list("number", flat=True), default=0)
    return range(last + 1, last + 1 + count)


def _store(run: TrainingRun, artifact: ModelArtifact, judged: Judged, number: int) -> ModelVersion:
    version = ModelVersion(
        subject=run.subject,
        number=number,
        kind=artifact.kind.value,
        status=ModelStatus.CANDIDATE,
        sha256=artifact.sha256,
        feature_hash=artifact.schema_hash,
        metrics=judged.metrics,
        training=run,
    )
    name = f"models/{version.subject}-{encode('mod', version.pk)}.json"
    version.artifact.name = default_storage.save(name, ContentFile(artifact.to_bytes()))
    version.save(force_insert=True)
    ModelReport.objects.create(model=version, data=judged.report)
    audit.record(
        "model.trained",
        actor=SYSTEM,
        subject=Ref("model", version.pk),
        detail={"sha256": version.sha256, "kind": version.kind, "rows": judged.metrics["rows"]},
    )
    return version
