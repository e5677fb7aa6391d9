"""The figures of a model: what each is called, how it is written, and which way is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.money import exponent
from core.ui.formats import number_text
from risk.models import Subject

NOTHING = "–"
Text = str | Promise


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its 95 % interval; None is what could not be computed."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def has_ends(self) -> bool:
        return self.low is not None and self.high is not None


@dataclass(frozen=True)
class Figure:
    """One figure of a report.

    unit        "share" is shown in percent, "number" with three decimals, "money" in the base currency
    up_is_good  whether more is better
    """

    code: str
    label: Text
    unit: str
    up_is_good: bool
    explanation: Text


_FIGURES = (
    Figure(
        "average_precision",
        _("Average precision"),
        "number",
        True,
        _("Share of bad among what is ranked high, over all thresholds"),
    ),
    Figure("auc", _("AUC"), "number", True, _("Chance that a bad one ranks above a good one")),
    Figure(
        "recall_at_1pct_fpr",
        _("Caught at 1 % false alarms"),
        "share",
        True,
        _("Share of bad found if 1 % of the good are held"),
    ),
    Figure(
        "recall_at_5pct_fpr",
        _("Caught at 5 % false alarms"),
        "share",
        True,
        _("Share of bad found if 5 % of the good are held"),
    ),
    Figure(
        "precision_at_k",
        _("Bad among the highest of a day"),
        "share",
        True,
        _("Share of bad among the highest scores of each day"),
    ),
    Figure(
        "cost_per_row_minor",
        _("Cost per row"),
        "money",
        False,
        _("Losses, fees and reviews at the threshold"),
    ),
    Figure("brier", _("Brier score"), "number", False, _("Mean squared distance of probability and truth")),
    Figure(
        "calibration_error",
        _("Calibration error"),
        "share",
        False,
        _("Mean distance of probability and share that proved bad"),
    ),
)
BY_CODE: Mapping[str, Figure] = {figure.code: figure for figure in _FIGURES}
LISTED = ("average_precision", "recall_at_1pct_fpr", "cost_per_row_minor", "calibration_error")
_COSTS: Mapping[str, Text] = {
    Subject.ORDER: _("Cost per order"),
    Subject.LISTING: _("Cost per listing"),
    Subject.APPLICATION: _("Cost per application"),
}


def figures_of(subject: str, codes: Sequence[str] = tuple(BY_CODE)) -> list[tuple[Figure, str]]:
    """Return (figure, its name for this subject), in the order of a report or as asked."""
    return [(BY_CODE[code], label_of(subject, code)) for code in codes]


def label_of(subject: str, code: str) -> str:
    """Return what a figure is called; costs are per whatever is judged."""
    if code == "cost_per_row_minor" and subject in _COSTS:
        return str(_COSTS[subject])
    return str(BY_CODE[code].label)


def interval_of(stored: Any) -> Interval:
    """Return a stored figure: {value, low, high}, or a number from before there were intervals."""
    if isinstance(stored, Mapping):
        return Interval(stored.get("value"), stored.get("low"), stored.get("high"))
    return Interval(stored if isinstance(stored, int | float) else None)


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────
def value_text(unit: str, value: float | None) -> str:
    """Return a value with its unit.

    >>> value_text("number", 0.71234), value_text("share", 0.5)
    ('0.712', '50.0 %')
    """
    if value is None:
        return NOTHING
    if unit == "share":
        return f"{number_text(100 * value, decimals=1)} %"
    if unit == "money":
        return f"{_amount(value)} {settings.BASE_CURRENCY}"
    return number_text(value, decimals=3)


def range_text(unit: str, interval: Interval) -> str:
    """Return the ends of an interval, the unit once; "" without ends.

    >>> range_text("share", Interval(0.5, 0.41, 0.6))
    '41.0–60.0'
    """
    if interval.low is None or interval.high is None:
        return ""
    low, high = _bare(unit, interval.low), _bare(unit, interval.high)
    return f"{low} – {high}" if "\u2212" in low + high else f"{low}–{high}"


def signed_text(unit: str, value: float | None) -> str:
    """Return a difference with its sign; of shares in percentage points.

    >>> signed_text("number", 0.02), signed_text("share", -0.013)
    ('+0.020', '−1.3 pp')
    """
    if value is None:
        return NOTHING
    sign = "+" if value > 0 else ""
    if unit == "share":
        return f"{sign}{_bare(unit, value)} pp"
    return f"{sign}{value_text(unit, value)}"


def _bare(unit: str, value: float) -> str:
    if unit == "share":
        return number_text(100 * value, decimals=1)
    return _amount(value) if unit == "money" else number_text(value, decimals=3)


def _amount(minor: float) -> str:
    places = exponent(settings.BASE_CURRENCY)
    return number_text(minor / 10**places, decimals=places)
