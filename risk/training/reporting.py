"""What a training says of each model it made: its report, its figures in short, and the gate's finding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ml.artifacts import ModelArtifact
from ml.estimators import Kind
from ml.fairness import FairnessLimits
from ml.intervals import FEWEST_DRAWS, Judging
from ml.report import ReportOptions, build_report
from risk.comparing import (
    RISK_SEGMENTS,
    Finding,
    compare_all,
    judged_rows,
    last_trained_at,
    on_one_thread,
    rows_after,
    scores_of,
)
from risk.datasets import LabelledRows

BASELINE, CHAMPION = "baseline", "champion"
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found of one model.

    report     as `ml.report` documents it
    metrics    {rows, model, baseline, champion: figures without intervals}: what a list of versions shows
    finding    of the gate: against the champion, without one against the baseline
    to_baseline    codes of the comparison with the baseline; empty for the baseline itself
    """

    report: dict[str, Any]
    metrics: dict[str, Any]
    finding: Finding
    gate_rows: LabelledRows
    to_baseline: tuple[str, ...]


def judge_models(
    models: Mapping[Kind, ModelArtifact],
    champion: ModelArtifact | None,
    labelled: LabelledRows,
    earlier: LabelledRows,
    later: LabelledRows,
    *,
    threshold: float | None,
    context: Mapping[str, Any],
    draws: int,
    progress: Progress,
) -> dict[Kind, Judged]:
    """Return what each model is worth on the later rows, with the champion beside it.

    A champion that has seen some of the later rows is left out of the reports, and the gate asks only about
    rows that are later still.
    """
    gate_rows, shown = later, champion
    if champion is not None and len(later) and last_trained_at(champion) >= int(later.data.at.min()):
        gate_rows, shown = rows_after(labelled, [*models.values(), champion]), None
    rival, against = (models[Kind.LOGISTIC], BASELINE) if champion is None else (champion, CHAMPION)
    judging = Judging(draws=draws)
    findings = compare_all(
        gate_rows,
        {kind.value: artifact for kind, artifact in models.items()},
        rival,
        against=against,
        threshold=threshold,
        judging=judging,
        step=lambda done, in_all: progress("comparing", 0.2 * done / in_all),
    )
    found = {}
    for number, (kind, artifact) in enumerate(models.items()):
        start, width = 0.2 + 0.8 * number / len(models), 0.8 / len(models)
        others = _others(kind, models, shown)
        report = _report(
            artifact,
            others,
            later,
            threshold=threshold,
            context={**context, "champion_left_out": champion is not None and shown is None},
            options=_options(kind, judging),
            progress=_within(progress, start, width),
        )
        found[kind] = Judged(
            report,
            _metrics(report, kind, earlier, later),
            findings[kind.value],
            gate_rows,
            tuple(report["comparisons"].get(BASELINE, {}).get("reasons", ())),
        )
    return found


def _within(progress: Progress, start: float, width: float) -> Progress:
    return lambda step, share: progress("evaluating", start + width * share)


def _others(
    kind: Kind, models: Mapping[Kind, ModelArtifact], champion: ModelArtifact | None
) -> dict[str, ModelArtifact]:
    others = {
        BASELINE if other is Kind.LOGISTIC else other.value: artifact
        for other, artifact in models.items()
        if other is not kind
    }
    return others if champion is None else {CHAMPION: champion, **others}


def _report(
    artifact: ModelArtifact,
    others: Mapping[str, ModelArtifact],
    later: LabelledRows,
    *,
    threshold: float | None,
    context: Mapping[str, Any],
    options: ReportOptions,
    progress: Progress,
) -> dict[str, Any]:
    given = {} if threshold is None else dict.fromkeys(("model", *others), threshold)
    scores = {name: scores_of(other, later) for name, other in others.items()}
    with on_one_thread():
        return build_report(
            judged_rows(later),
            later.data.select(artifact.features),
            artifact,
            others=scores,
            uncalibrated=[name for name, other in others.items() if not other.is_probability],
            thresholds=given,
            context=context,
            options=options,
            progress=progress,
        )


def _options(kind: Kind, judging: Judging) -> ReportOptions:
    """The kind that is meant to be champion is asked everything, the others what a glance needs."""
    is_main = kind is Kind.LIGHTGBM
    return ReportOptions(
        judging=judging if is_main else replace(judging, draws=min(judging.draws, FEWEST_DRAWS)),
        limits=FairnessLimits(risk_segments=RISK_SEGMENTS),
        part_draws=min(judging.draws, 100) if is_main else 0,
        repeats=1 if is_main else 0,
        num_threads=1,  # a few milliseconds a prediction: threads would wait for each other
    )


def _metrics(
    report: Mapping[str, Any], kind: Kind, earlier: LabelledRows, later: LabelledRows
) -> dict[str, Any]:
    own = _figures(report, "model")
    baseline = own if kind is Kind.LOGISTIC else _figures(report, BASELINE)
    metrics = {
        "rows": {"earlier": len(earlier), "later": len(later)},
        "model": own,
        "baseline": baseline,
    }
    return metrics | ({CHAMPION: _figures(report, CHAMPION)} if CHAMPION in report["models"] else {})


def _figures(report: Mapping[str, Any], name: str) -> dict[str, float | int | None]:
    figures = report["models"][name]["figures"]
    counts = {count: report["rows"][count] for count in ("rows", "bad")}
    return counts | {figure: interval["value"] for figure, interval in figures.items()}
