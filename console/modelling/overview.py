"""The list of models: of each subject its champion, who was champion when, and the versions by training."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy

from core.ids import encode
from risk import selectors as risk
from risk.models import (
    ModelComparison,
    ModelPromotion,
    ModelReport,
    ModelStatus,
    ModelVersion,
    Subject,
    TrainingRun,
)

from . import plots
from .figures import BY_CODE, LISTED, Interval, figures_of, interval_of, range_text, value_text
from .words import cause_words, kind_words

TRAINABLE = (Subject.ORDER, Subject.LISTING, Subject.APPLICATION)
_LATEST = 12  # versions of a subject that the list shows: four trainings of three kinds
_SHOWN_REIGNS = 4
_SHORT = {"champion": gettext_lazy("champion"), "baseline": gettext_lazy("baseline")}
_STANDING = (ModelStatus.CHAMPION, ModelStatus.SHADOW)


@dataclass(frozen=True)
class ListedFigure:
    """One figure of a version beside that of the champion, or of its baseline, on the same rows."""

    label: str
    text: str
    range: str
    rival: str
    tone: str


@dataclass(frozen=True)
class VersionRow:
    """One version; `rival` is who its figures stand beside, `passes` is of its newest comparison."""

    version: ModelVersion
    public_id: str
    kind: str
    rival: str
    figures: Sequence[ListedFigure]
    passes: bool | None


@dataclass(frozen=True)
class TrainingGroup:
    """The versions that one training made, side by side."""

    run: TrainingRun
    cause: str
    rows: Sequence[VersionRow]


@dataclass(frozen=True)
class Reign:
    """One time of one version as champion."""

    promotion: ModelPromotion
    public_id: str
    is_present: bool


@dataclass(frozen=True)
class SubjectModels:
    """Everything the list shows of one subject."""

    subject: Subject
    columns: Sequence[str]
    champion: VersionRow | None
    since: ModelPromotion | None
    reigns: Sequence[Reign]
    history: Sequence[plots.Stretch]
    groups: Sequence[TrainingGroup]
    has_more: bool


def read_overview(*, at: datetime) -> list[SubjectModels]:
    """Return every subject that learns; seven queries, however many versions there are."""
    versions = ModelVersion.objects.select_related("training__requested_by")
    standing = list(versions.filter(status__in=_STANDING))
    latest = {
        subject: list(versions.filter(subject=subject).order_by("-number")[: _LATEST + 1])
        for subject in TRAINABLE
    }
    found = {
        version.pk: version for version in (*standing, *(one for rows in latest.values() for one in rows))
    }
    rows = _version_rows(list(found.values()))
    promotions = list(
        ModelPromotion.objects.select_related("model", "approver").order_by("-promoted_at", "-pk")[:200]
    )
    return [
        _subject_models(
            subject,
            [rows[pk] for pk, version in found.items() if version.subject == subject],
            [one for one in promotions if one.subject == subject],
            has_more=len(latest[subject]) > _LATEST,
            at=at,
        )
        for subject in TRAINABLE
    ]


def read_trainings(runs: Iterable[TrainingRun]) -> list[TrainingGroup]:
    """Return the versions of these trainings, which have theirs prefetched."""
    runs = list(runs)
    rows = _version_rows([version for run in runs for version in run.versions.all()])
    return [_group(run, [rows[version.pk] for version in run.versions.all()]) for run in runs]


def _subject_models(
    subject: Subject,
    rows: Sequence[VersionRow],
    promotions: Sequence[ModelPromotion],
    *,
    has_more: bool,
    at: datetime,
) -> SubjectModels:
    champion = next((row for row in rows if row.version.status == ModelStatus.CHAMPION), None)
    by_run: dict[int, list[VersionRow]] = {}
    for row in sorted(rows, key=lambda row: -row.version.number):
        by_run.setdefault(row.version.training_id, []).append(row)
    return SubjectModels(
        subject=subject,
        columns=[label for _figure, label in figures_of(subject, LISTED)],
        champion=champion,
        since=next((one for one in promotions if one.ended_at is None), None),
        reigns=[
            Reign(one, encode("mod", one.model_id), one.ended_at is None)
            for one in promotions[:_SHOWN_REIGNS]
        ],
        history=plots.draw_stretches(
            [
                (one.promoted_at.timestamp(), (one.ended_at or at).timestamp(), one)
                for one in reversed(promotions)
            ]
        ),
        groups=[_group(group[0].version.training, group) for group in by_run.values()],
        has_more=has_more,
    )


def _group(run: TrainingRun, rows: Sequence[VersionRow]) -> TrainingGroup:
    # What may become champion stands first.
    order = {"lightgbm": 0, "logistic": 1}
    return TrainingGroup(
        run, cause_words(run.cause), sorted(rows, key=lambda row: order.get(row.version.kind, 2))
    )


# ── Figures ──────────────────────────────────────────────────────────────────────────────────────
def _version_rows(versions: Sequence[ModelVersion]) -> dict[int, VersionRow]:
    """Return id → row; two queries."""
    ids = [version.pk for version in versions]
    reports: dict[int, Mapping[str, Any]] = dict(
        # Only the figures: a whole report is a hundred times as large.
        ModelReport.objects.filter(pk__in=ids).values_list("pk", "data__models")
    )
    comparisons = _newest_comparisons(ids)
    return {
        version.pk: _version_row(version, reports.get(version.pk), comparisons.get(version.pk))
        for version in versions
    }


def _newest_comparisons(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return model → its newest finished comparison, with nothing of its result but the figures."""
    finished = Q(model_id__in=ids, status=ModelComparison.Status.FINISHED)
    names = ("model_id", "passes", "champion__status", "result__against", "result__figures")
    return {
        row["model_id"]: row for row in ModelComparison.objects.filter(finished).order_by("id").values(*names)
    }


def _version_row(
    version: ModelVersion, report: Mapping[str, Any] | None, comparison: Mapping[str, Any] | None
) -> VersionRow:
    own, rival, rival_name = _sides(version, report, comparison)
    return VersionRow(
        version,
        encode("mod", version.pk),
        kind_words(version.kind),
        str(_SHORT.get(rival_name, "")) if rival else "",
        [_listed(version.subject, code, own, rival) for code in LISTED],
        comparison["passes"] if comparison else None,
    )


def _sides(
    version: ModelVersion, report: Mapping[str, Any] | None, comparison: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """Return the figures of the version, of its rival on the same rows, and the rival's name.

    The newest comparison with who is champion now says most; then the report; then the metrics alone.
    """
    is_present = comparison is not None and comparison["champion__status"] == ModelStatus.CHAMPION
    if (
        comparison
        and is_present
        and comparison["result__against"] == "champion"
        and comparison["result__figures"]
    ):
        figures = comparison["result__figures"]
        return figures["model"], figures["rival"], "champion"
    found = {name: model["figures"] for name, model in report.items()} if report else dict(version.metrics)
    rival = next((name for name in ("champion", "baseline") if found.get(name)), "")
    return found.get("model") or {}, found.get(rival) or {}, rival


def _listed(subject: str, code: str, own: Mapping[str, Any], rival: Mapping[str, Any]) -> ListedFigure:
    figure, ours, theirs = BY_CODE[code], interval_of(own.get(code)), interval_of(rival.get(code))
    return ListedFigure(
        next(label for found, label in figures_of(subject, (code,)) if found is figure),
        value_text(figure.unit, ours.value),
        range_text(figure.unit, ours),
        value_text(figure.unit, theirs.value) if theirs.value is not None else "",
        _tone(ours, theirs, up_is_good=figure.up_is_good),
    )


def _tone(ours: Interval, theirs: Interval, *, up_is_good: bool) -> str:
    """Return good or bad if the other's value lies outside the interval: a hint, the comparison judges."""
    if ours.low is None or ours.high is None or theirs.value is None or ours.low <= theirs.value <= ours.high:
        return ""
    return "good" if (ours.low > theirs.value) == up_is_good else "bad"


def open_and_recent_runs(limit: int = 5) -> list[TrainingRun]:
    """Return trainings, newest first."""
    return list(risk.list_training_runs().select_related("requested_by")[:limit])
