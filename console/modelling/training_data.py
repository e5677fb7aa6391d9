"""What a model was made from: its window of time and the parts, labels, recipe, code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.ui.formats import exact_text, number_text
from risk.explain.words import input_words
from risk.models import ModelVersion

from . import plots
from .words import (
    calibration_words,
    cause_words,
    day_of,
    kind_words,
    moment_of,
    part_words,
    recipe_rows,
    rows_words,
    source_words,
)

_PARTS = ("fit", "stop", "calibrate")


@dataclass(frozen=True)
class Part:
    """One stretch of the labelled rows and what it was for."""

    code: str
    label: str
    rows: int
    bad: int
    first: str
    last: str


@dataclass(frozen=True)
class TrainingData:
    """Everything that is known of how a version came about; older versions know less."""

    facts: Sequence[tuple[str, str]]
    parts: Sequence[Part]
    window: Sequence[plots.Stretch]
    sources: Sequence[tuple[str, str]]
    recipe: Sequence[tuple[str, str]]
    categorical: Sequence[str]
    rising: Sequence[str]
    falling: Sequence[str]
    provenance: Sequence[tuple[str, str]]


def read_training(version: ModelVersion, data: Mapping[str, Any] | None) -> TrainingData:
    """Return what a version and its report say of its training."""
    found = data or {}
    made, context = found.get("training") or {}, found.get("context") or {}
    parts = _parts(made.get("parts") or {}, found.get("rows") or {})
    monotone = made.get("monotone") or {}
    return TrainingData(
        facts=_facts(version, context, made),
        parts=[part for part, _span in parts],
        window=plots.draw_stretches([(*span, part) for part, span in parts if span is not None]),
        sources=[
            (source_words(name), number_text(count)) for name, count in (context.get("labels") or {}).items()
        ],
        recipe=recipe_rows(made.get("recipe") or {}),
        categorical=[input_words(version.subject, name) for name in made.get("categorical") or []],
        rising=[input_words(version.subject, name) for name, way in monotone.items() if way > 0],
        falling=[input_words(version.subject, name) for name, way in monotone.items() if way < 0],
        provenance=[
            (_("Code version"), str(context.get("code_version") or "–")),
            (_("Inputs"), version.feature_hash),
            ("sha256", version.sha256),
        ],
    )


def _parts(
    stored: Mapping[str, Any], judged: Mapping[str, Any]
) -> list[tuple[Part, tuple[float, float] | None]]:
    """Return each part with its stretch of time, in order of time."""
    rows = {name: stored[name] for name in _PARTS if stored.get(name, {}).get("rows")}
    if judged.get("rows"):
        rows["judged"] = judged
    return [
        (
            Part(
                name,
                part_words(name),
                row["rows"],
                row.get("bad") or 0,
                day_of(row.get("first_at")),
                day_of(row.get("last_at")),
            ),
            None
            if row.get("first_at") is None or row.get("last_at") is None
            else (float(row["first_at"]), float(row["last_at"])),
        )
        for name, row in rows.items()
    ]


def _facts(
    version: ModelVersion, context: Mapping[str, Any], made: Mapping[str, Any]
) -> list[tuple[str, str]]:
    run = version.training
    as_of = moment_of(context.get("as_of")) or run.as_of
    facts = [
        (_("Kind"), kind_words(version.kind)),
        (_("Known as of"), exact_text(as_of)),
        (_("Cause"), cause_words(run.cause)),
    ]
    days = context.get("maturity_days", run.maturity_days)
    if days:
        text = ngettext("%(n)s day without complaint", "%(n)s days without complaint", days)
        facts.append((_("Counts as good after"), text % {"n": days}))
    if context.get("rows"):
        text = _("%(rows)s, %(bad)s of them bad")
        facts.append(
            (
                _("Labelled"),
                text % {"rows": rows_words(context["rows"]), "bad": number_text(context.get("bad") or 0)},
            )
        )
    else:
        rows = version.metrics.get("rows") or {}
        facts += [
            (label, rows_words(rows[name]))
            for name, label in (("earlier", _("Learnt from")), ("later", _("Judged on")))
            if rows.get(name) is not None
        ]
    facts += _selection(context.get("selection"))
    facts += _tuning(context.get("tuning") or {})
    if "calibration" in made:
        facts.append((_("Calibration"), calibration_words(made["calibration"])))
    return facts


def _selection(stored: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Say what became of the choice of inputs, if there was one; another kind of model reads them all."""
    if not stored:
        return []
    kept, in_all = len(stored["kept"]), len(stored["kept"]) + len(stored["dropped"])
    text = _("%(kept)s of %(all)s help on later time") if stored["dropped"] else _("all %(all)s are needed")
    return [(_("LightGBM’s inputs"), text % {"kept": number_text(kept), "all": number_text(in_all)})]


def _tuning(stored: Mapping[str, int]) -> list[tuple[str, str]]:
    if not stored.get("seconds"):
        return []
    minutes, trials = round(stored["seconds"] / 60), stored.get("trials") or 0
    text = ngettext("%(n)s trial in %(minutes)s min", "%(n)s trials in %(minutes)s min", trials)
    return [(_("Settings looked for"), text % {"n": number_text(trials), "minutes": minutes})]
