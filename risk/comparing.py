"""The gate of a promotion: a model against the champion on the same later rows, with the limits that block.

A finding is JSON (`ModelComparison.result`):

    against        "champion", or "baseline": the logistic one of its own training, if there is no champion or
                   the champion cannot score the inputs as they are declared now
    rows, bad      later than anything that either model was trained on, without groups seen before
    threshold      of the live policy, the same for both; null: each has its cheapest
    figures        {model, rival: by figure {value, low, high}}, see `ml.intervals`
    comparison     `ml.comparison.Comparison`
    calibration    {value, low, high, limit}
    fairness       `ml.fairness.FairnessReport`

Codes of why it does not pass:

    worse_…, unsure_…, not_comparable    of `ml.comparison`
    not_calibrated                       the scores are ranks, and thresholds mean nothing to them
    calibration_error                    the whole interval lies beyond the limit
    unfair                               a segment lies beyond a limit of fairness that blocks
    too_few_rows                         what is labelled since cannot tell models apart
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.core.files.storage import default_storage
from django.utils import timezone

from core import audit, journal
from core.actors import SYSTEM
from core.refs import Ref
from ml.artifacts import ModelArtifact
from ml.comparison import Margins, compare
from ml.errors import LearningError
from ml.fairness import FairnessLimits, audit_fairness
from ml.intervals import JudgedRows, Judgement, Judging, as_json, judge

from . import runs
from .datasets import LabelledRows, read_labelled
from .inputs import current_inputs, is_declared
from .models import ModelComparison, ModelVersion
from .rulesets import policy_of
from .runs import Hold, Reporter
from .selectors import find_live

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Step = Callable[[int, int], None]
Status = ModelComparison.Status

# Mean distance between probability and truth. Twice that of the sample marketplace's models, and a tenth of
# the distance between the thresholds of a review and a decline: ours.
CALIBRATION_LIMIT = 0.05
MODEL = "model"
# Where each step lies in a comparison: reading cannot say how far it is, drawing can.
_READ, _DRAWN = 0.35, 0.98
# New accounts and new merchants are where fraud is, and so are some goods: an equal share of good ones held
# is not to be had there without holding fewer bad ones. Probabilities have to be right there all the same.
# For the same reason, a new story of fraud among new accounts shows as a risk rated too low: that harms
# nobody of the segment, costs what the comparison of costs weighs, and is seen in the report.
RISK_SEGMENTS = ("buyer_age", "merchant_tenure", "category", "entity_type")


@dataclass(frozen=True)
class Finding:
    """What a comparison found of one model."""

    result: dict[str, Any]
    reasons: tuple[str, ...]

    @property
    def passes(self) -> bool:
        return not self.reasons


def compare_all(
    rows: LabelledRows,
    models: Mapping[str, ModelArtifact],
    rival: ModelArtifact,
    *,
    against: str,
    threshold: float | None,
    judging: Judging | None = None,
    step: Step | None = None,
) -> dict[str, Finding]:
    """Return the finding of each model against one rival, all on the same rows and draws.

    rows         later than anything that any of them was trained on
    against      "champion" or "baseline": what the rival is
    threshold    from which probability on a subject is held; None: each model's cheapest
    """
    if _is_too_few(rows):
        return {name: Finding(_described(rows, against, threshold), ("too_few_rows",)) for name in models}
    judged = judged_rows(rows)
    scores = {name: scores_of(artifact, rows) for name, artifact in models.items()}
    scores[_RIVAL] = scores_of(rival, rows)
    given = {} if threshold is None else dict.fromkeys(scores, threshold)
    with on_one_thread():
        judgement = judge(judged, scores, thresholds=given, judging=judging, step=step)
    return {
        name: _finding(name, artifact, judged, scores[name], judgement, _described(rows, against, threshold))
        for name, artifact in models.items()
    }


_RIVAL = "rival"


def _finding(
    name: str,
    artifact: ModelArtifact,
    judged: JudgedRows,
    scores: Floats,
    judgement: Judgement,
    described: dict[str, Any],
) -> Finding:
    comparison = compare(judgement, name, _RIVAL, margins=Margins())
    calibration = judgement.interval(name, "calibration_error")
    fairness = audit_fairness(
        judged,
        scores,
        judgement.thresholds[name],
        limits=FairnessLimits(risk_segments=RISK_SEGMENTS),
        is_calibrated=artifact.is_probability,
    )
    reasons = [*comparison.reasons]
    if not artifact.is_probability:
        reasons.append("not_calibrated")
    elif calibration.low is not None and calibration.low > CALIBRATION_LIMIT:
        reasons.append("calibration_error")
    if any(_blocks(segment, code) for segment, _value, code in fairness.breaches):
        reasons.append("unfair")
    result = described | {
        "figures": {
            "model": as_json(judgement.figures(name)),
            "rival": as_json(judgement.figures(_RIVAL)),
        },
        "comparison": comparison.as_json() | {"challenger": "model", "champion": described["against"]},
        "calibration": calibration.as_json() | {"limit": CALIBRATION_LIMIT},
        "fairness": fairness.as_json(),
    }
    return Finding(result, tuple(reasons))


def on_one_thread() -> AbstractContextManager[object, None]:
    """Keep sums of a few thousand rows off several threads, which on busy cores wait for each other.

    Measured beside other work on two cores: 3.5 ms a product of 13,000 rows instead of 3 µs.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object, None] = threadpool_limits(limits=1, user_api="blas")
    return limits


def _blocks(segment: str, code: str) -> bool:
    return code != "predicted_too_low" or segment not in RISK_SEGMENTS


def judged_rows(rows: LabelledRows) -> JudgedRows:
    return JudgedRows.of(rows.data, amount_minor=rows.amount_minor, segments=rows.segments)


def scores_of(artifact: ModelArtifact, rows: LabelledRows) -> Floats:
    return artifact.scores(rows.data.select(artifact.features).matrix, num_threads=2)


def last_trained_at(artifact: ModelArtifact) -> int:
    """Return the moment of the newest row that a model saw, microseconds since the epoch; 0 if unknown."""
    parts: Mapping[str, Mapping[str, int | None]] = artifact.metadata.get("parts", {})
    return max((part.get("last_at") or 0 for part in parts.values()), default=0)


def rows_after(rows: LabelledRows, artifacts: Sequence[ModelArtifact]) -> LabelledRows:
    """Return the rows that none of these models has seen, without groups that any may have seen."""
    return rows.ripe().split_at(max(last_trained_at(artifact) for artifact in artifacts) + 1)[1]


def live_threshold(subject: str) -> float | None:
    """Return the score from which the live policy holds; None if nothing is live."""
    live = find_live(subject)
    return None if live is None else policy_of(live.policy).thresholds.review_at


def load_artifact(version: ModelVersion) -> ModelArtifact:
    """Return a version's artifact; LearningError if its file is not what its row says, or lacks an input."""
    try:
        with default_storage.open(str(version.artifact.name)) as file:
            document = file.read()
    except OSError as error:
        raise LearningError("The model file cannot be read.", code="damaged_artifact") from error
    if not is_declared(version.subject, version.feature_hash):
        sentence = "The model was trained on features that are defined differently now."
        raise LearningError(sentence, code="schema_mismatch")
    artifact = ModelArtifact.from_bytes(
        document, expected_sha256=version.sha256, expected_schema_hash=version.feature_hash
    )
    artifact.require_inputs(current_inputs(version.subject)[0])
    return artifact


def find_usable_champion(champion: ModelVersion | None) -> ModelArtifact | None:
    """Return the champion if it can score at all: one that degrades every decision is no measure."""
    if champion is None:
        return None
    try:
        return load_artifact(champion)
    except LearningError as error:
        logger.warning("champion_unusable", extra={"model": champion.pk, "code": error.code})
        return None


def find_baseline(model: ModelVersion) -> ModelVersion | None:
    """Return the logistic model of the same training."""
    return ModelVersion.objects.filter(training_id=model.training_id, kind="logistic").first()


def _is_too_few(rows: LabelledRows) -> bool:
    try:
        rows.data.require_both_classes()
    except LearningError:
        return True
    return False


def _described(rows: LabelledRows, against: str, threshold: float | None) -> dict[str, Any]:
    return {
        "against": against,
        "rows": len(rows),
        "bad": int(rows.data.is_bad.sum()),
        "threshold": threshold,
    }


# ── Runs that somebody asked for ─────────────────────────────────────────────────────────────────
def run(comparison_id: int, *, at: datetime, judging: Judging | None = None) -> ModelComparison | None:
    """Work off a queued comparison once; None if it is already taken, or failed with a reason on its row."""
    return runs.work(runs.COMPARISONS, comparison_id, lambda hold: _run(hold, judging), at=at)


def store_finding(comparison: ModelComparison, finding: Finding, rows: LabelledRows, *, at: datetime) -> None:
    """Write what was found, once; the row is final then."""
    comparison.status, comparison.finished_at = Status.FINISHED, at
    comparison.step, comparison.progress = "", 1.0
    comparison.rows, comparison.since, comparison.until = len(rows), *_span(rows)
    comparison.result, comparison.reasons = finding.result, list(finding.reasons)
    comparison.passes = finding.passes
    comparison.save()
    audit.record(
        "model.compared",
        actor=SYSTEM,
        subject=Ref("model", comparison.model_id),
        detail={
            "sha256": comparison.sha256,
            "champion_sha256": comparison.champion_sha256,
            "passes": finding.passes,
            "reasons": list(finding.reasons),
        },
    )


def _run(hold: Hold[ModelComparison], judging: Judging | None) -> ModelComparison:
    comparison, model, reporter = hold.run, hold.run.model, Reporter(hold)
    reporter.report("reading", 0.0)
    artifact = load_artifact(model)
    rival, against = find_usable_champion(comparison.champion), "champion"
    if rival is None:
        baseline = find_baseline(model)
        if baseline is None:
            raise LearningError(
                "There is neither a champion nor a baseline to compare with.", code="no_rival"
            )
        rival, against = load_artifact(baseline), "baseline"
        comparison.baseline_sha256 = baseline.sha256
    labelled = read_labelled(model.subject, as_of=comparison.as_of)
    rows = rows_after(labelled, [artifact, rival])
    reporter.report("comparing", _READ)
    finding = compare_all(
        rows,
        {MODEL: artifact},
        rival,
        against=against,
        threshold=live_threshold(model.subject),
        judging=judging,
        step=lambda done, in_all: reporter.report("comparing", _READ + (_DRAWN - _READ) * done / in_all),
    )[MODEL]
    reporter.report("storing", _DRAWN)
    with journal.unit():
        # First: a worker that no longer has the run stops here, and leaves nothing behind.
        hold.beat()
        store_finding(comparison, finding, rows, at=timezone.now())
    return comparison


def _span(rows: LabelledRows) -> tuple[datetime | None, datetime | None]:
    if not len(rows):
        return None, None
    first, last = (
        datetime.fromtimestamp(int(at) / 1e6, UTC) for at in (rows.data.at.min(), rows.data.at.max())
    )
    return first, last
