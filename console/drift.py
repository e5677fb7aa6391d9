"""A model's health as its page shows it: what moved, how scores lie, and what proved true, week by week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ml.drift import LARGE_PSI, MODERATE_PSI
from risk.drift import BINS, reading_of
from risk.models import ModelHealth, ModelStatus, ModelVersion, Subject

from .wording import input_label

SUBJECTS = (Subject.ORDER, Subject.LISTING, Subject.APPLICATION)
DAYS = 90
_CHART_DAYS = 30
_WEEKS = 13
_FOREMOST = 12
_FULL_SCALE = 0.5  # twice the limit: what lies beyond is as bad as it gets
_TONES = {"stable": "good", "moderate": "waits", "large": "bad"}
_WORDS = {
    "stable": gettext_lazy("stable"),
    "moderate": gettext_lazy("moved a little"),
    "large": gettext_lazy("moved far"),
}
# Geometry of the histogram; it is stretched to its place.
WIDTH, HEIGHT = 100, 140
_GAP = 0.5


@dataclass(frozen=True)
class Reading:
    """An index of drift with the word for it, and where it ends on a bar of 0–100."""

    index: float

    @property
    def word(self) -> str:
        return str(_WORDS[reading_of(self.index)])

    @property
    def tone(self) -> str:
        return _TONES[reading_of(self.index)]

    @property
    def width(self) -> float:
        return round(100 * min(self.index, _FULL_SCALE) / _FULL_SCALE, 1)


@dataclass(frozen=True)
class InputRow:
    """One input of the model on the day. Shares are 0–1."""

    name: str
    label: str
    reading: Reading
    weight: float
    missing_then: float
    missing_now: float


@dataclass(frozen=True)
class Bin:
    """One step of the score: the bar of now, and the level of then at `then_y`. Shares are 0–1."""

    low: int
    high: int
    now: int
    now_share: float
    then_share: float | None
    x: float
    width: float
    y: float
    height: float
    then_y: float


@dataclass(frozen=True)
class ShadowRow:
    """One shadow beside the champion on its latest compared day, and its share of holds day by day."""

    version: ModelVersion
    day: date
    comparison: Mapping[str, Any]
    chart: Mapping[str, Any] | None


@dataclass(frozen=True)
class WeekRow:
    """What proved true of seven days' decisions, as far as it is known."""

    first: date
    last: date
    figures: Mapping[str, Any]

    @property
    def labelled(self) -> float:
        return self.figures["labels"] / self.figures["scored"] if self.figures["scored"] else 0.0

    @property
    def bad_share(self) -> float | None:
        return self.figures["bad"] / self.figures["labels"] if self.figures["labels"] else None


@dataclass(frozen=True)
class Health:
    """All that the page shows of a subject's model."""

    version: ModelVersion
    latest: ModelHealth
    drift: Reading | None
    score_drift: Reading | None
    foremost: Sequence[InputRow]
    others: Sequence[InputRow]
    bins: Sequence[Bin]
    days: Sequence[ModelHealth]
    bad_chart: Mapping[str, Any] | None
    label_chart: Mapping[str, Any] | None
    weeks: Sequence[WeekRow]
    outcome_chart: Mapping[str, Any] | None
    shadows: Sequence[ShadowRow]

    @property
    def joined_days(self) -> int:
        return (self.latest.day - self.latest.since).days + 1

    @property
    def has_first_week(self) -> bool:
        return any(one.then_share for one in self.bins)

    @property
    def moderate_x(self) -> float:
        return Reading(MODERATE_PSI).width

    @property
    def large_x(self) -> float:
        return Reading(LARGE_PSI).width


def find_health(subject: str) -> Health | None:
    """Return the health of a subject's champion, or of its newest shadow; None if neither was measured.

    Three queries.
    """
    watched = ModelVersion.objects.filter(
        subject=subject, status__in=(ModelStatus.CHAMPION, ModelStatus.SHADOW)
    )
    versions = sorted(watched, key=lambda one: (one.status != ModelStatus.CHAMPION, -one.number))
    rows = ModelHealth.objects.filter(model__in=versions).defer("inputs").order_by("-day")
    by_model: dict[int, list[ModelHealth]] = {}
    for row in rows[: DAYS * max(len(versions), 1)]:
        by_model.setdefault(row.model_id, []).append(row)
    chosen = next((version for version in versions if version.pk in by_model), None)
    if chosen is None:
        return None
    days = by_model[chosen.pk]
    latest = ModelHealth.objects.get(pk=days[0].pk)
    inputs = [_input_row(stored) for stored in latest.inputs]
    weeks = _weeks(days)
    index = latest.scores.get("index")
    return Health(
        version=chosen,
        latest=latest,
        drift=None if latest.drift is None else Reading(latest.drift),
        # Scores of so few decisions that their inputs are not judged say as little.
        score_drift=None if index is None or latest.drift is None else Reading(index),
        foremost=inputs[:_FOREMOST],
        others=inputs[_FOREMOST:],
        bins=_bins(latest.scores),
        days=days[:_CHART_DAYS],
        bad_chart=_share_chart(days, "line", _("bad"), "bad", "labels"),
        label_chart=_share_chart(days, "bar", _("labelled"), "labels", "scored"),
        weeks=weeks,
        outcome_chart=_outcome_chart(weeks),
        shadows=[
            _shadow_row(one, told)
            for one in versions
            if (told := [row for row in by_model.get(one.pk, ()) if row.comparison])
        ],
    )


def _input_row(stored: Mapping[str, Any]) -> InputRow:
    return InputRow(
        name=stored["name"],
        label=input_label(stored["name"]),
        reading=Reading(stored["index"]),
        weight=stored["weight"],
        missing_then=stored["missing_then"],
        missing_now=stored["missing_now"],
    )


# ── Scores ───────────────────────────────────────────────────────────────────────────────────────
def _bins(scores: Mapping[str, Any]) -> list[Bin]:
    """Return the bins; heights grow with the square root of the share, so that rare high scores are seen."""
    now, then = scores.get("counts", ()), scores.get("reference", ())
    n, m = sum(now), sum(then)
    if not n:
        return []
    shares = [(count / n, earlier / m if m else None) for count, earlier in zip(now, then, strict=True)]
    top = sqrt(max(max(share, earlier or 0) for share, earlier in shares))
    each, step = WIDTH / BINS, 100 // BINS
    bins = []
    for place, (share, earlier) in enumerate(shares):
        height = max(1.5, (HEIGHT - 4) * sqrt(share) / top) if share else 0.0
        then_height = (HEIGHT - 4) * sqrt(earlier or 0) / top
        bins.append(
            Bin(
                low=place * step,
                high=(place + 1) * step,
                now=now[place],
                now_share=share,
                then_share=earlier,
                x=round(place * each + _GAP / 2, 2),
                width=round(each - _GAP, 2),
                y=round(HEIGHT - height, 2),
                height=round(height, 2),
                then_y=round(HEIGHT - then_height, 2),
            )
        )
    return bins


# ── Outcomes ─────────────────────────────────────────────────────────────────────────────────────
def _share_chart(
    days: Sequence[ModelHealth], kind: str, name: str, part: str, whole: str
) -> Mapping[str, Any] | None:
    """Return a share of the outcomes by the day of the decision; None for fewer than two days."""
    told = [row for row in reversed(days[:_CHART_DAYS]) if row.outcomes.get("scored")]
    if len(told) < 2:
        return None
    values = [_percent(row.outcomes, part, whole) for row in told]
    series = [{"name": name, "values": values}]
    return {"kind": kind, "x": [row.day.isoformat() for row in told], "unit": " %", "series": series}


def _percent(figures: Mapping[str, Any], part: str, whole: str) -> float | None:
    return round(100 * figures[part] / figures[whole], 2) if figures.get(whole) else None


def _weeks(days: Sequence[ModelHealth]) -> list[WeekRow]:
    """Return the weeks back from the latest day, newest first, each as its last measured day told it."""
    found, upper = [], days[0].day
    for _number in range(_WEEKS):
        lower = upper - timedelta(days=6)
        row = next((row for row in days if lower <= row.day <= upper and row.week.get("scored")), None)
        if row is not None:
            found.append(WeekRow(row.day - timedelta(days=6), row.day, row.week))
        upper = lower - timedelta(days=1)
    return found


def _outcome_chart(weeks: Sequence[WeekRow]) -> Mapping[str, Any] | None:
    told = [week for week in reversed(weeks) if week.figures["auc"] is not None]
    if len(told) < 2:
        return None
    return {
        "kind": "line",
        "x": [week.last.isoformat() for week in told],
        "series": [
            {"name": "AUC", "values": [week.figures["auc"] for week in told]},
            {
                "name": _("Average precision"),
                "values": [week.figures["average_precision"] for week in told],
            },
        ],
    }


# ── Shadows ──────────────────────────────────────────────────────────────────────────────────────
def _shadow_row(version: ModelVersion, told: Sequence[ModelHealth]) -> ShadowRow:
    chart = None
    if len(told) >= 2:
        ordered = list(reversed(told[:_CHART_DAYS]))
        chart = {
            "kind": "line",
            "x": [row.day.isoformat() for row in ordered],
            "unit": " %",
            "series": [
                {
                    "name": name,
                    "values": [round(100 * row.comparison[key], 2) for row in ordered],
                }
                for name, key in ((_("champion"), "champion_held"), (f"v{version.number}", "shadow_held"))
            ],
        }
    return ShadowRow(version, told[0].day, told[0].comparison, chart)
