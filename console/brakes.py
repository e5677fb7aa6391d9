"""Brakes in words: what was stopped, why, what was measured against which limit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.ui.formats import number_text
from risk.models import Brake, ModelVersion, Rule, RuleSetStatus, Subject

from .wording import input_label

# Figures of `risk.brakes.Finding`, in the order in which a reader wants to know.
_DETAILS: Mapping[str, Promise] = {
    "hits": gettext_lazy("Held"),
    "drift": gettext_lazy("Drift"),
    "error": gettext_lazy("Calibration error"),
    "limit": gettext_lazy("Limit"),
    "rows": gettext_lazy("Of decisions"),
    "expected_rate": gettext_lazy("Expected"),
    "predicted": gettext_lazy("Predicted"),
    "observed": gettext_lazy("Came true"),
}
_SHARES = {"expected_rate", "predicted", "observed"}
_BASES: Mapping[str, Promise] = {
    "backtest": gettext_lazy("by its backtest"),
    "trailing": gettext_lazy("by its last week"),
}


@dataclass(frozen=True)
class BrakeRow:
    """One brake as a page shows it."""

    brake: Brake
    title: str
    cause: str
    details: Sequence[tuple[str, str]]


def describe_brakes(brakes: Iterable[Brake]) -> list[BrakeRow]:
    """Return brakes in words; two queries for the names of rules and models."""
    brakes = list(brakes)
    names = {
        (subject, code): name
        for subject, code, name in Rule.objects.filter(
            ruleset__status=RuleSetStatus.LIVE, code__in=[one.rule_code for one in brakes if one.rule_code]
        ).values_list("ruleset__subject", "code", "name")
    }
    models = ModelVersion.objects.in_bulk(
        [one.model_id for one in brakes if one.model_id and not one.rule_code]
    )
    return [
        BrakeRow(
            brake=one,
            title=_title(one, names.get((one.subject, one.rule_code), ""), models.get(one.model_id or 0)),
            cause=str(one.get_cause_display()),
            details=_details(one.detail),
        )
        for one in brakes
    ]


def _title(brake: Brake, name: str, model: ModelVersion | None) -> str:
    subject = str(Subject(brake.subject).label)
    if brake.rule_code:
        return f"{brake.rule_code} · {_(name)}" if name else f"{brake.rule_code} · {subject}"
    number = model.number if model else "?"
    return _("Model of %(subject)s v%(number)s") % {"subject": subject, "number": number}


def _details(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [(str(label), _figure(name, figures[name])) for name, label in _DETAILS.items() if name in figures]
    if figures.get("basis") in _BASES and "expected_rate" in figures:
        rows.append((_("Expectation"), str(_BASES[figures["basis"]])))
    if figures.get("inputs"):
        rows.append(
            (_("Inputs that drifted most"), ", ".join(input_label(name) for name in figures["inputs"]))
        )
    return rows


def _figure(name: str, value: object) -> str:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)
    if name in _SHARES:
        return f"{number_text(100 * value, decimals=1)} %"
    return number_text(value, decimals=0 if value == round(value) else 3)
