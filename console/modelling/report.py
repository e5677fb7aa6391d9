"""A model's report as its page and its card read it: figures beside those of others, plots and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from risk.models import ModelVersion

from . import plots, training_data
from .fairness import Fairness, read_fairness
from .figures import (
    BY_CODE,
    LISTED,
    Figure,
    Interval,
    figures_of,
    interval_of,
    label_of,
    range_text,
    signed_text,
    value_text,
)
from .inputs import InputRow, read_inputs
from .words import in_order, model_words, rows_words, segment_words, value_words

MODEL, CHAMPION, BASELINE = "model", "champion", "baseline"
_MOST_INPUTS = 20  # shown at once; the rest is folded


@dataclass(frozen=True)
class Cell:
    """One model's figure, written."""

    text: str
    range: str = ""


@dataclass(frozen=True)
class FigureRow:
    """A figure of every model of the report. `tone` says whether the difference is clear: good, bad or ""."""

    figure: Figure
    label: str
    cells: Sequence[Cell]
    strip: plots.Strip | None
    difference: Cell | None
    tone: str

    @property
    def own(self) -> Cell:
        return self.cells[0]


@dataclass(frozen=True)
class PartRow:
    """The figures of one month or one value of a segment."""

    value: str
    rows: int
    bad: int
    own: Sequence[Cell]
    rival: Cell
    strip: plots.Strip | None


@dataclass(frozen=True)
class PartTable:
    """What a report says by month or by segment."""

    code: str
    title: str
    rows: Sequence[PartRow]


@dataclass(frozen=True)
class ModelReport:
    """A version with its report; `data` is None for versions from before there were reports.

    categories    code → name of the categories of goods
    """

    version: ModelVersion
    data: Mapping[str, Any] | None
    categories: Mapping[str, str]

    @property
    def is_full(self) -> bool:
        return self.data is not None

    @cached_property
    def models(self) -> Mapping[str, Mapping[str, Interval]]:
        """The figures of each model on the same rows, this one first, the champion and the baseline next."""
        if self.data is None:
            metrics = self.version.metrics
            found = {name: metrics[name] for name in (MODEL, CHAMPION, BASELINE) if metrics.get(name)}
        else:
            stored = self.data["models"]
            names = sorted(stored, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
            found = {name: stored[name]["figures"] for name in names}
        return {
            name: {code: interval_of(figures.get(code)) for code in BY_CODE}
            for name, figures in found.items()
        }

    @property
    def columns(self) -> list[str]:
        return [model_words(name) for name in self.models]

    @property
    def rival(self) -> str | None:
        """Who this model is held against: the champion, or without one the baseline."""
        return next((name for name in (CHAMPION, BASELINE) if name in self.models), None)

    @property
    def rival_words(self) -> str:
        return model_words(self.rival) if self.rival else ""

    @property
    def is_without_champion(self) -> bool:
        """True if there was a champion, which had learnt from rows that this report judges on."""
        return bool(self.data and self.data["context"].get("champion_left_out"))

    # ── Figures ──────────────────────────────────────────────────────────────────────────────────
    @cached_property
    def figures(self) -> list[FigureRow]:
        if MODEL not in self.models:
            return []
        return [
            self._figure_row(figure, label)
            for figure, label in figures_of(self.version.subject)
            if any(figures[figure.code].value is not None for figures in self.models.values())
        ]

    @property
    def headline(self) -> list[FigureRow]:
        """The four that a list of versions shows too."""
        return [row for row in self.figures if row.figure.code in LISTED]

    def _figure_row(self, figure: Figure, label: str) -> FigureRow:
        intervals = [figures[figure.code] for figures in self.models.values()]
        difference = self._difference(figure)
        return FigureRow(
            figure,
            label,
            [_cell(figure, interval) for interval in intervals],
            plots.draw_rows([intervals], width=148)[0],
            None
            if difference is None
            else Cell(signed_text(figure.unit, difference.value), _signed_range(figure, difference)),
            "" if difference is None else _tone(figure, difference),
        )

    def _difference(self, figure: Figure) -> Interval | None:
        """Return this model minus its rival, with an interval where the report has one."""
        if self.rival is None:
            return None
        stored = ((self.data or {}).get("comparisons", {}).get(self.rival) or {}).get("differences", {})
        if figure.code in stored:
            found = interval_of(stored[figure.code])
            return None if found.value is None else found
        ours, theirs = (self.models[name][figure.code].value for name in (MODEL, self.rival))
        return None if ours is None or theirs is None else Interval(ours - theirs)

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────
    @property
    def part_columns(self) -> list[str]:
        return [label for _figure, label in figures_of(self.version.subject, LISTED[:3])]

    @cached_property
    def months(self) -> PartTable | None:
        months = (self.data or {}).get("months") or []
        return self._part_table("month", months) if months else None

    @cached_property
    def segments(self) -> list[PartTable]:
        stored = (self.data or {}).get("segments") or {}
        return [self._part_table(name, in_order(rows)) for name, rows in stored.items() if rows]

    def _part_table(self, code: str, parts: Sequence[Mapping[str, Any]]) -> PartTable:
        precision = BY_CODE[LISTED[0]]
        pairs = [
            [
                interval_of(part["models"][name].get(precision.code)) if name in part["models"] else None
                for name in (MODEL, self.rival)
            ]
            for part in parts
        ]
        strips = plots.draw_rows(pairs, width=280, from_zero=True)
        rows = [
            PartRow(
                part["value"] if code == "month" else value_words(code, part["value"], self.categories),
                part["rows"],
                part["bad"],
                [_cell(BY_CODE[name], interval_of(part["models"][MODEL].get(name))) for name in LISTED[:3]],
                _cell(precision, pair[1] or Interval(None)),
                strip,
            )
            for part, pair, strip in zip(parts, pairs, strips, strict=True)
        ]
        return PartTable(code, segment_words(code), rows)

    # ── Probabilities and costs ──────────────────────────────────────────────────────────────────
    @property
    def is_calibrated(self) -> bool:
        return bool(self.data and self.data["models"][MODEL]["is_calibrated"])

    @cached_property
    def reliability(self) -> plots.ReliabilityPlot | None:
        if not self.is_calibrated:
            return None
        return plots.draw_reliability(self.reliability_bins, self._rival_bins)

    @property
    def reliability_bins(self) -> Sequence[Mapping[str, Any]]:
        return (self.data or {}).get("reliability", {}).get(MODEL) or []

    @property
    def _rival_bins(self) -> Sequence[Mapping[str, Any]]:
        data = self.data or {}
        if self.rival is None or not data.get("models", {}).get(self.rival, {}).get("is_calibrated"):
            return []
        return data["reliability"].get(self.rival) or []

    @property
    def has_rival_line(self) -> bool:
        return bool(self._rival_bins)

    @cached_property
    def cost(self) -> plots.CostPlot | None:
        cost = (self.data or {}).get("cost") or {}
        if not cost.get("curve"):
            return None
        nothing = cost["nothing_held"] or {}
        return plots.draw_cost(
            cost["curve"],
            nothing_held=nothing.get("cost_per_row_minor"),
            marks=[(name, at, point["cost_per_row_minor"]) for name, at, point in self._thresholds],
        )

    @cached_property
    def _thresholds(self) -> list[tuple[str, float, Mapping[str, Any]]]:
        """The thresholds worth pointing out: the present one, if a policy gave it, and the cheapest."""
        data = self.data or {}
        cost, own = data.get("cost") or {}, data["models"][MODEL]
        found = []
        if cost.get("cheapest"):
            found.append((_("cheapest"), cost["cheapest"]["threshold"], cost["cheapest"]))
        if own["threshold_from"] == "given":
            at, exact = own["threshold"], interval_of(own["figures"]["cost_per_row_minor"]).value
            point = plots.cost_at(cost["curve"], at)
            # The curve has a hundred points; what it costs at this one was computed.
            found.append((_("live policy"), at, {**point, "cost_per_row_minor": exact} if exact else point))
        return found

    @property
    def cost_rows(self) -> list[tuple[str, float | None, Mapping[str, Any]]]:
        """Return (what, threshold, its point of the curve) of the thresholds and of holding nothing."""
        if self.cost is None:
            return []
        cost = (self.data or {})["cost"]
        rows: list[tuple[str, float | None, Mapping[str, Any]]] = list(self._thresholds)
        return [*rows, (_("nothing held"), None, cost["nothing_held"])] if cost["nothing_held"] else rows

    @property
    def cost_words(self) -> str:
        return label_of(self.version.subject, "cost_per_row_minor")

    @property
    def cost_curve(self) -> Sequence[Mapping[str, Any]]:
        return ((self.data or {}).get("cost") or {}).get("curve") or []

    # ── Inputs, fairness, training ───────────────────────────────────────────────────────────────
    @cached_property
    def inputs(self) -> list[InputRow]:
        return read_inputs(self.version.subject, self.data or {})

    @property
    def first_inputs(self) -> list[InputRow]:
        return self.inputs[:_MOST_INPUTS]

    @property
    def other_inputs(self) -> list[InputRow]:
        return self.inputs[_MOST_INPUTS:]

    @cached_property
    def effects(self) -> plots.Effects | None:
        return plots.draw_effects([row.stored for row in self.inputs if row.stored])

    @cached_property
    def fairness(self) -> Fairness | None:
        stored = (self.data or {}).get("fairness")
        return read_fairness(stored, self.categories) if stored else None

    @cached_property
    def training(self) -> training_data.TrainingData:
        return training_data.read_training(self.version, self.data)

    @property
    def settings(self) -> Mapping[str, Any]:
        return (self.data or {}).get("settings") or {}

    @property
    def judged_on(self) -> str:
        """Return what the figures rest on, in words."""
        rows = (self.data or {}).get("rows") or self.version.metrics.get(MODEL) or {}
        if not rows.get("rows"):
            return ""
        return _("%(rows)s, %(bad)s of them bad") % {
            "rows": rows_words(rows["rows"]),
            "bad": f"{rows.get('bad') or 0:,}",
        }


_ORDER = (MODEL, CHAMPION, BASELINE)


def read_report(
    version: ModelVersion, data: Mapping[str, Any] | None, categories: Mapping[str, str]
) -> ModelReport:
    """Return a version's report, whole or only of its stored metrics."""
    return ModelReport(version, data, categories)


def _cell(figure: Figure, interval: Interval) -> Cell:
    return Cell(value_text(figure.unit, interval.value), range_text(figure.unit, interval))


def _signed_range(figure: Figure, interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return _("%(low)s to %(high)s") % {
        "low": signed_text(figure.unit, interval.low),
        "high": signed_text(figure.unit, interval.high),
    }


def _tone(figure: Figure, difference: Interval) -> str:
    """Return good or bad if the whole interval lies on one side of zero."""
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return ""
    return "good" if (difference.low > 0) == figure.up_is_good else "bad"
