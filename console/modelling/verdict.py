"""A finished comparison in words and drawings: is the model not worse than what is in use?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from risk.models import ModelComparison

from . import plots
from .fairness import breach_sentences
from .figures import BY_CODE, Interval, interval_of, label_of, signed_text, value_text
from .words import kind_words, model_words, reason_words

CHAMPION = "champion"


@dataclass(frozen=True)
class Test:
    """One thing that was asked: a figure of both, what lies between, and the limit it has to keep."""

    label: str
    own: str
    rival: str
    found: str
    range: str
    limit: str
    strip: plots.Strip | None
    is_met: bool | None

    @property
    def tone(self) -> str:
        return "draft" if self.is_met is None else "good" if self.is_met else "bad"


@dataclass(frozen=True)
class Verdict:
    """What a comparison found. `rival` names what the model was held against."""

    comparison: ModelComparison
    rival: str
    is_with_champion: bool
    reasons: Sequence[str]
    tests: Sequence[Test]
    breaches: Sequence[str]
    rows: int
    bad: int

    @property
    def passes(self) -> bool:
        return bool(self.comparison.passes)


def read_verdict(comparison: ModelComparison, categories: Mapping[str, str]) -> Verdict:
    """Return a finished comparison as people read it; its figures are absent if there was too little."""
    result: Mapping[str, Any] = comparison.result or {}
    is_with_champion = result.get("against") == CHAMPION
    fairness = result.get("fairness") or {}
    return Verdict(
        comparison,
        _rival(comparison, is_with_champion=is_with_champion),
        is_with_champion,
        [reason_words(code) for code in comparison.reasons],
        _tests(comparison, result) if "comparison" in result else [],
        breach_sentences(fairness.get("breaches") or [], categories),
        comparison.rows,
        result.get("bad") or 0,
    )


def _rival(comparison: ModelComparison, *, is_with_champion: bool) -> str:
    champion = comparison.champion
    if is_with_champion and champion is not None:
        return _("v%(number)s (%(kind)s)") % {
            "number": champion.number,
            "kind": kind_words(champion.kind),
        }
    return model_words("baseline")


def _tests(comparison: ModelComparison, result: Mapping[str, Any]) -> list[Test]:
    stored, subject = result["comparison"], comparison.model.subject
    margins, reasons = stored["margins"], set(comparison.reasons)
    return [
        _compared(result, subject, "average_precision", -margins["average_precision"], reasons),
        _compared(result, subject, "cost_per_row_minor", stored["cost_limit_minor"], reasons),
        _calibration(result, subject, reasons),
        _fairness(result, reasons),
    ]


_CODES = {"average_precision": "average_precision", "cost_per_row_minor": "cost"}


def _compared(
    result: Mapping[str, Any], subject: str, code: str, limit: float | None, reasons: set[str]
) -> Test:
    figure, difference = BY_CODE[code], interval_of(result["comparison"]["differences"].get(code))
    own, rival = (interval_of(result["figures"][side].get(code)).value for side in ("model", "rival"))
    blocked = {f"worse_{_CODES[code]}", f"unsure_{_CODES[code]}", "not_comparable"}
    return Test(
        label_of(subject, code),
        value_text(figure.unit, own),
        value_text(figure.unit, rival),
        signed_text(figure.unit, difference.value),
        _between(figure.unit, difference),
        ""
        if limit is None
        else (_("at least %(limit)s") if limit < 0 else _("at most %(limit)s"))
        % {"limit": signed_text(figure.unit, limit)},
        None if limit is None else plots.draw_difference(difference, limit=limit),
        not blocked & reasons,
    )


def _calibration(result: Mapping[str, Any], subject: str, reasons: set[str]) -> Test:
    found, limit = interval_of(result["calibration"]), result["calibration"]["limit"]
    rival = interval_of(result["figures"]["rival"].get("calibration_error"))
    is_known = "not_calibrated" not in reasons and found.value is not None
    return Test(
        label_of(subject, "calibration_error"),
        value_text("share", found.value) if is_known else _("ranks only"),
        value_text("share", rival.value),
        value_text("share", found.value) if is_known else "–",
        _ends("share", found) if is_known else "",
        _("at most %(limit)s") % {"limit": value_text("share", limit)},
        plots.draw_against(found, limit=limit) if is_known else None,
        not {"calibration_error", "not_calibrated"} & reasons,
    )


def _fairness(result: Mapping[str, Any], reasons: set[str]) -> Test:
    fairness = result.get("fairness") or {}
    count = len(fairness.get("breaches") or [])
    is_met = "unfair" not in reasons
    return Test(
        _("Fairness"),
        _("%(count)s beyond a limit") % {"count": count} if count else _("inside every limit"),
        "",
        "",
        "",
        _("%(count)s questions asked") % {"count": fairness.get("checks") or 0},
        None,
        # What lies beyond a limit and blocks nothing is neither praised nor blamed.
        None if count and is_met else is_met,
    )


def _between(unit: str, interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return ""
    ends = {"low": signed_text(unit, interval.low), "high": signed_text(unit, interval.high)}
    return _("%(low)s to %(high)s") % ends


def _ends(unit: str, interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return ""
    ends = {"low": value_text(unit, interval.low), "high": value_text(unit, interval.high)}
    return _("%(low)s to %(high)s") % ends
