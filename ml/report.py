"""The report of a model version: everything a person needs to judge it, as one JSON document.

build_report() returns a dict of JSON values. A figure that cannot be computed is null, never NaN. "Interval"
is {value, low, high}, 95 %. Models are "model" (the one reported) and the names given in `others`, by custom
"champion", "baseline" and the kinds trained beside it. All of them are judged on the same rows.

    format          "backoffice-report-1"
    kind            of the model: lightgbm, logistic, isolation_forest
    rows            what the models were judged on:
                    {rows, bad, weight, bad_weight, groups: number or null, days, first_at, last_at}
                    moments are microseconds since the epoch, UTC
    training        {parts: {fit | stop | calibrate: {rows, bad, first_at, last_at}}, recipe, calibration:
                    "table" | "sigmoid" | "none", categorical: [name], monotone: {name: 1 | -1}}
    context         what the caller says: label sources, code version, as_of …
    settings        {draws, seed, k, costs: {fee_minor, review_minor, held_good_share, catch_share}}
    models          by model: {threshold, threshold_from: "given" | "cheapest", is_calibrated,
                    figures: {auc, average_precision, recall_at_1pct_fpr, recall_at_5pct_fpr, precision_at_k,
                    cost_per_row_minor, brier, calibration_error: Interval}}
                    brier and calibration_error of a model that is not calibrated are null, in comparisons too
    comparisons     by other model: {challenger: "model", champion, differences: {average_precision, auc,
                    cost_per_row_minor, brier, calibration_error: Interval, model minus other},
                    margins: {average_precision, cost_share}, cost_limit_minor, passes, reasons: [code]}
    months          [{value: "2026-03", rows, bad, models: by model the figures with intervals}], by time
    segments        by segment: [{value, rows, bad, models}], most rows first, at most MOST_VALUES values
    reliability     by model: [{rows, weight, predicted, observed, low, high}], ten bins by probability;
                    low and high are Wilson's 95 % interval of observed
    importance      [{feature, gain_share: number or null, drop, drop_low, drop_high}], largest drop first:
                    loss of average precision when the column is shuffled, ± 1.96 standard errors
    contributions   [{feature, mean_abs, low, middle, high, missing, p5, p95}], largest first: the SHAP
                    summary, see `ml.importance.Contribution`
    fairness        {limits: {max_fpr_ratio, min_fpr_gap, max_calibration_gap, level, risk_segments},
                    threshold, checks, segments: by segment [{value, rows, bad, flagged_share,
                    false_positive_rate, false_positive_rate_low, false_positive_rate_high, fpr_ratio,
                    fpr_ratio_low, recall, predicted, observed, observed_low, observed_high,
                    breaches: [code]}],
                    breaches: [{segment, value, code}], passes}
    cost            {curve: [{threshold, cost_per_row_minor, held_share, recall}], at most 100 points, rising;
                    cheapest: the point of least cost; nothing_held: the point above all scores}
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ml.arrays import Flags, Floats, Strings
from ml.artifacts import ModelArtifact
from ml.calibration import reliability
from ml.comparison import Margins, compare
from ml.costs import cost_curve
from ml.datasets import TrainingSet
from ml.errors import LearningError
from ml.fairness import FairnessLimits, audit_fairness
from ml.importance import contributions, gain_shares, permutation_importance
from ml.intervals import JudgedRows, Judgement, Judging, as_json, judge

FORMAT = "backoffice-report-1"
MODEL = "model"
MOST_VALUES = 20  # of a segment: a table of more is not read
OF_PROBABILITIES = ("brier", "calibration_error")

Progress = Callable[[str, float], None]  # (step, share done); may raise Cancelled


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """How much work a report is.

    part_draws         bootstrap draws of each month and segment value; 0 for no intervals there
    repeats            shuffles of each column; 0 for no importance
    fair_segments      segments under the fairness limits; None: all
    """

    judging: Judging = field(default_factory=Judging)
    margins: Margins = field(default_factory=Margins)
    limits: FairnessLimits = field(default_factory=FairnessLimits)
    fair_segments: tuple[str, ...] | None = None
    part_draws: int = 100
    repeats: int = 3
    num_threads: int = 1


def build_report(
    rows: JudgedRows,
    later: TrainingSet,
    artifact: ModelArtifact,
    *,
    others: Mapping[str, Floats] | None = None,
    uncalibrated: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
    context: Mapping[str, Any] | None = None,
    options: ReportOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the document that the module's docstring describes.

    rows            what to judge on, by custom JudgedRows.of(later, amount_minor=…, segments=…)
    later           the same rows with their inputs, later than anything that the model was trained on
    others          (n,) probabilities of the other models on these rows
    uncalibrated    names of others whose scores are ranks only
    thresholds      by model, from which probability on a row is held; the cheapest on these rows if left out
    """
    _require_same_rows(rows, later)
    options, step = options or ReportOptions(), progress or _ignore
    asked = _asked(rows, later.select(artifact.features), artifact, others or {}, uncalibrated, options)
    judgement = judge(
        rows,
        asked.scores,
        thresholds=thresholds or {},
        judging=options.judging,
        step=_within(step, "intervals", 0.0, 0.5),
    )
    document = (
        _about(asked, context or {})
        | _models(asked, judgement, thresholds or {})
        | _parts_of_rows(asked, judgement, step)
        | {"reliability": {name: _reliability(rows, score) for name, score in asked.scores.items()}}
        | _inputs(asked, step)
        | _in_use(asked, judgement)
    )
    step("done", 1.0)
    return {name: _without_nan(part) for name, part in document.items()}


@dataclass(frozen=True, eq=False)
class _Asked:
    """What every part of a report is made from.

    later         the rows with the inputs of the model, in its order
    scores        by model, MODEL first
    ranks_only    the models whose scores are no probabilities
    """

    rows: JudgedRows
    later: TrainingSet
    artifact: ModelArtifact
    scores: Mapping[str, Floats]
    ranks_only: frozenset[str]
    options: ReportOptions


def _asked(
    rows: JudgedRows,
    later: TrainingSet,
    artifact: ModelArtifact,
    others: Mapping[str, Floats],
    uncalibrated: Sequence[str],
    options: ReportOptions,
) -> _Asked:
    own = artifact.scores(later.matrix, num_threads=options.num_threads)
    ranks_only = {*uncalibrated} if artifact.is_probability else {*uncalibrated, MODEL}
    return _Asked(rows, later, artifact, {MODEL: own, **others}, frozenset(ranks_only), options)


def _within(step: Progress, name: str, start: float, end: float) -> Callable[[int, int], None]:
    return lambda done, in_all: step(name, start + (end - start) * done / in_all)


# ── The parts, in the order of the document ──────────────────────────────────────────────────────
def _about(asked: _Asked, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return format, kind, rows, training, context and settings."""
    return {
        "format": FORMAT,
        "kind": asked.artifact.kind.value,
        "rows": _describe(asked.rows),
        "training": _training(asked.artifact),
        "context": dict(context),
        "settings": _settings(asked.options, len(asked.rows)),
    }


def _models(asked: _Asked, judgement: Judgement, given: Mapping[str, float]) -> dict[str, Any]:
    """Return models and comparisons."""
    ranks_only, options = asked.ranks_only, asked.options
    return {
        "models": {
            name: _model(judgement, name, name in given, name not in ranks_only) for name in asked.scores
        },
        "comparisons": {
            name: _comparison(judgement, name, options, are_probabilities=not ranks_only & {MODEL, name})
            for name in asked.scores
            if name != MODEL
        },
    }


def _parts_of_rows(asked: _Asked, judgement: Judgement, step: Progress) -> dict[str, Any]:
    """Return months and segments."""
    months = _parts(asked, judgement, {"month": month_of(asked.rows)})["month"]
    step("months", 0.55)
    segments = _parts(asked, judgement, asked.rows.segments)
    step("segments", 0.65)
    return {"months": sorted(months, key=lambda part: str(part["value"])), "segments": segments}


def _inputs(asked: _Asked, step: Progress) -> dict[str, Any]:
    """Return importance and contributions."""
    importance = _importance(
        asked.artifact, asked.later, asked.options, _within(step, "importance", 0.65, 0.9)
    )
    step("contributions", 0.9)
    found = contributions(asked.artifact, asked.later, num_threads=asked.options.num_threads)
    return {"importance": importance, "contributions": [asdict(one) for one in found]}


def _in_use(asked: _Asked, judgement: Judgement) -> dict[str, Any]:
    """Return fairness and cost: what its decisions do to people and to money."""
    options, own = asked.options, asked.scores[MODEL]
    fairness = audit_fairness(
        asked.rows,
        own,
        judgement.thresholds[MODEL],
        segments=options.fair_segments,
        limits=options.limits,
        is_calibrated=MODEL not in asked.ranks_only,
    )
    return {"fairness": fairness.as_json(), "cost": _cost(asked.rows, own, options)}


# ── Tables and figures ───────────────────────────────────────────────────────────────────────────
def month_of(rows: JudgedRows) -> Strings:
    """Return (n,) the month of each row, UTC, as in "2026-03"."""
    return rows.at.astype("datetime64[us]").astype("datetime64[M]").astype(np.str_)


def _require_same_rows(rows: JudgedRows, later: TrainingSet) -> None:
    if len(rows) != len(later) or not np.array_equal(rows.at, later.at):
        raise LearningError("The judged rows and their inputs are not the same rows.", code="wrong_shape")


def _describe(rows: JudgedRows) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "bad": int(rows.is_bad.sum()),
        "weight": float(rows.weights.sum()),
        "bad_weight": float(rows.weights[rows.is_bad].sum()),
        "groups": None if rows.group is None else len(np.unique(rows.group)),
        "days": len(np.unique(rows.day)),
        "first_at": int(rows.at.min()) if len(rows) else None,
        "last_at": int(rows.at.max()) if len(rows) else None,
    }


def _training(artifact: ModelArtifact) -> dict[str, Any]:
    wanted = ("parts", "recipe", "categorical", "monotone", "ensemble")
    stored = {name: artifact.metadata[name] for name in wanted if name in artifact.metadata}
    return stored | {"calibration": artifact.calibration.method.value}


def _settings(options: ReportOptions, rows: int) -> dict[str, Any]:
    judging = options.judging
    return {
        "draws": judging.draws_for(rows),
        "seed": judging.seed,
        "k": judging.k,
        "costs": asdict(judging.costs),
    }


def _model(judgement: Judgement, name: str, is_given: bool, is_calibrated: bool) -> dict[str, Any]:
    return {
        "threshold": judgement.thresholds[name],
        "threshold_from": "given" if is_given else "cheapest",
        "is_calibrated": is_calibrated,
        "figures": _figures(judgement, name, is_calibrated),
    }


def _figures(judgement: Judgement, name: str, is_calibrated: bool) -> dict[str, Any]:
    figures = as_json(judgement.figures(name))
    if not is_calibrated:
        figures |= _no_probabilities()
    return figures


def _comparison(
    judgement: Judgement, other: str, options: ReportOptions, *, are_probabilities: bool
) -> dict[str, Any]:
    found = compare(judgement, MODEL, other, margins=options.margins).as_json()
    if not are_probabilities:
        found["differences"] |= _no_probabilities()
    return found


def _no_probabilities() -> dict[str, Any]:
    """Ranks come true neither more nor less: their figures as probabilities would mislead."""
    return {figure: {"value": None, "low": None, "high": None} for figure in OF_PROBABILITIES}


def _parts(
    asked: _Asked, judgement: Judgement, labels_by_name: Mapping[str, Strings]
) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of each value of each labelling, at the thresholds of the whole."""
    rows, judging = asked.rows, replace(asked.options.judging, draws=asked.options.part_draws)

    def part(value: str, inside: Flags) -> dict[str, Any]:
        chosen = {name: score[inside] for name, score in asked.scores.items()}
        found = judge(rows.take(inside), chosen, thresholds=judgement.thresholds, judging=judging)
        models = {name: _figures(found, name, name not in asked.ranks_only) for name in chosen}
        is_bad = rows.is_bad[inside]
        return {"value": value, "rows": len(is_bad), "bad": int(is_bad.sum()), "models": models}

    found = {}
    for name, labels in labels_by_name.items():
        values, counts = np.unique(labels, return_counts=True)
        most = values[np.argsort(-counts, kind="stable")][:MOST_VALUES]
        found[name] = [part(str(value), labels == value) for value in most]
    return found


def _reliability(rows: JudgedRows, score: Floats) -> list[dict[str, Any]]:
    bins = []
    for bin_ in reliability(rows.is_bad, score, rows.weight):
        low, high = wilson(bin_.observed, bin_.rows)
        bins.append(asdict(bin_) | {"low": low, "high": high})
    return bins


def wilson(share: float, rows: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share seen in this many rows (Wilson 1927).

    >>> [round(end, 3) for end in wilson(0.0, 30)]
    [0.0, 0.114]
    """
    z2 = 1.959964**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = math.sqrt(z2 * (share * (1 - share) / rows + z2 / (4 * rows**2))) / (1 + z2 / rows)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _importance(
    artifact: ModelArtifact, later: TrainingSet, options: ReportOptions, step: Callable[[int, int], None]
) -> list[dict[str, Any]]:
    gains = gain_shares(artifact)
    if not options.repeats:
        return []
    found = permutation_importance(
        artifact, later, repeats=options.repeats, num_threads=options.num_threads, step=step
    )
    table = [
        {
            "feature": one.features[0],
            "gain_share": None if gains is None else gains[one.features[0]],
            "drop": one.mean,
            "drop_low": one.mean - 1.96 * one.error,
            "drop_high": one.mean + 1.96 * one.error,
        }
        for one in found
    ]
    return sorted(table, key=lambda row: -float(row["drop"] or 0.0))


def _cost(rows: JudgedRows, score: Floats, options: ReportOptions) -> dict[str, Any]:
    if not len(rows):
        return {"curve": [], "cheapest": None, "nothing_held": None}
    curve = cost_curve(rows.is_bad, score, rows.amounts, options.judging.costs, rows.weight)
    cheapest = min(curve, key=lambda point: (point.cost_per_row_minor, -point.threshold))
    return {
        "curve": [asdict(point) for point in curve],
        "cheapest": asdict(cheapest),
        "nothing_held": asdict(curve[-1]),
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, str) else value  # an enumeration's text


def _ignore(step: str, share: float) -> None:
    del step, share
