"""What a model uses: each input in words, how much it matters, and which way it moves the score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.ui.formats import number_text
from risk.explain.words import input_words

from . import plots
from .figures import NOTHING, Interval, range_text, signed_text


@dataclass(frozen=True)
class InputRow:
    """One input. `stored` is its row of the SHAP summary, None if that has none."""

    name: str
    words: str
    gain: str
    gain_width: float
    drop: str
    drop_range: str
    drop_width: float
    stored: Mapping[str, Any] | None
    effect: plots.Effect | None

    @property
    def is_used(self) -> bool:
        return bool(self.stored and self.stored["mean_abs"] > 0)

    @property
    def mean_abs(self) -> str:
        return number_text(self.stored["mean_abs"], decimals=3) if self.stored else NOTHING

    @property
    def thirds(self) -> list[str]:
        """Mean effect of low, middle, high and missing values, in log-odds."""
        stored = self.stored or {}
        return [signed_text("number", stored.get(name)) for name in ("low", "middle", "high", "missing")]


def read_inputs(subject: str, data: Mapping[str, Any]) -> list[InputRow]:
    """Return the inputs of a report, those that move scores most first."""
    summary = {row["feature"]: row for row in data.get("contributions") or []}
    importance = {row["feature"]: row for row in data.get("importance") or []}
    names = [*summary, *(name for name in importance if name not in summary)]
    drawn = plots.draw_effects(list(summary.values()))
    effects = dict(zip(summary, drawn.rows, strict=True)) if drawn else {}
    top_gain = max((row["gain_share"] or 0.0 for row in importance.values()), default=0.0)
    top_drop = max((row["drop"] or 0.0 for row in importance.values()), default=0.0)
    rows = []
    for name in names:
        found = importance.get(name, {})
        gain, drop = found.get("gain_share"), found.get("drop")
        rows.append(
            InputRow(
                name,
                input_words(subject, name),
                NOTHING if gain is None else f"{number_text(100 * gain, decimals=1)} %",
                plots.bar_width(gain, top_gain),
                NOTHING if drop is None else signed_text("number", drop),
                range_text("number", Interval(drop, found.get("drop_low"), found.get("drop_high"))),
                plots.bar_width(drop, top_drop),
                summary.get(name),
                effects.get(name),
            )
        )
    return rows
