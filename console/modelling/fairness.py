"""Whether a model is as careful with every segment: its rates beside the limits, breaches named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.ui.formats import number_text

from . import plots
from .figures import NOTHING, Interval, range_text, value_text
from .words import breach_words, in_order, segment_words, value_words


@dataclass(frozen=True)
class FairnessRow:
    """One value of a segment, written; `breaches` in words, `blocks` if any of them keeps a model back."""

    value: str
    rows: int
    bad: int
    held: str
    false_alarms: str
    false_alarms_range: str
    ratio: str
    caught: str
    predicted: str
    observed: str
    observed_range: str
    strip: plots.Strip | None
    breaches: Sequence[str]


@dataclass(frozen=True)
class FairnessTable:
    """One segment. `is_risk`: its rates may differ, because policy says that its risk does."""

    code: str
    title: str
    is_risk: bool
    rows: Sequence[FairnessRow]


@dataclass(frozen=True)
class Fairness:
    """The whole audit: limits in words, tables, and every breach as a sentence."""

    passes: bool
    checks: int
    threshold: str
    limits: Sequence[str]
    breaches: Sequence[str]
    tables: Sequence[FairnessTable]


def read_fairness(stored: Mapping[str, Any], categories: Mapping[str, str]) -> Fairness:
    """Return a stored audit as people read it."""
    limits = stored["limits"]
    risky = set(limits["risk_segments"])
    return Fairness(
        passes=stored["passes"],
        checks=stored["checks"],
        threshold=f"{number_text(100 * stored['threshold'], decimals=1)}",
        limits=[
            _("Good ones are held at most %(ratio)s times as often as elsewhere, or %(gap)s more.")
            % {
                "ratio": number_text(limits["max_fpr_ratio"], decimals=2),
                "gap": f"{number_text(100 * limits['min_fpr_gap'], decimals=1)} pp",
            },
            _("The predicted share lies at most %(gap)s from the one that proved bad.")
            % {"gap": f"{number_text(100 * limits['max_calibration_gap'], decimals=1)} pp"},
        ],
        breaches=breach_sentences(stored["breaches"], categories),
        tables=[
            FairnessTable(name, segment_words(name), name in risky, _rows(name, in_order(rows), categories))
            for name, rows in stored["segments"].items()
        ],
    )


def breach_sentences(breaches: Sequence[Mapping[str, str]], categories: Mapping[str, str]) -> list[str]:
    """Return each breach as "Country: France – good ones held too often"."""
    return [
        _("%(segment)s: %(value)s – %(breach)s")
        % {
            "segment": segment_words(breach["segment"]),
            "value": value_words(breach["segment"], breach["value"], categories),
            "breach": breach_words(breach["code"]),
        }
        for breach in breaches
    ]


def _rows(
    segment: str, rows: Sequence[Mapping[str, Any]], categories: Mapping[str, str]
) -> list[FairnessRow]:
    strips = plots.draw_rows(
        [
            [Interval(row["observed"], row["observed_low"], row["observed_high"]), Interval(row["predicted"])]
            for row in rows
        ],
        width=132,
        from_zero=True,
    )
    return [
        FairnessRow(
            value=value_words(segment, row["value"], categories),
            rows=row["rows"],
            bad=row["bad"],
            held=value_text("share", row["flagged_share"]),
            false_alarms=value_text("share", row["false_positive_rate"]),
            false_alarms_range=_range(row, "false_positive_rate"),
            ratio=NOTHING if row["fpr_ratio"] is None else f"{number_text(row['fpr_ratio'], decimals=2)} ×",
            caught=value_text("share", row["recall"]),
            predicted=value_text("share", row["predicted"]),
            observed=value_text("share", row["observed"]),
            observed_range=_range(row, "observed"),
            strip=strip,
            breaches=[breach_words(code) for code in row["breaches"]],
        )
        for row, strip in zip(rows, strips, strict=True)
    ]


def _range(row: Mapping[str, Any], name: str) -> str:
    return range_text("share", Interval(row[name], row[f"{name}_low"], row[f"{name}_high"]))
