"""Brakes in words: what was stopped, why, what was measured against which limit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.ui.formats import number_text
from risk.models import Brake, ModelVersion, Rule, RuleSetStatus, Subject

_DETAILS: Mapping[str, Promise] = {
    "measured": gettext_lazy("Measured"),
    "limit": gettext_lazy("Limit"),
    "count": gettext_lazy("Held"),
    "expected": gettext_lazy("Expected"),
}
_SHARES = {Brake.Cause.HOLD_RATE}


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
            details=[
                (str(label), _figure(one, one.detail[name]))
                for name, label in _DETAILS.items()
                if one.detail.get(name) is not None
            ],
        )
        for one in brakes
    ]


def _title(brake: Brake, name: str, model: ModelVersion | None) -> str:
    subject = str(Subject(brake.subject).label)
    if brake.rule_code:
        return f"{brake.rule_code} · {_(name)}" if name else f"{brake.rule_code} · {subject}"
    number = model.number if model else "?"
    return _("Model of %(subject)s v%(number)s") % {"subject": subject, "number": number}


def _figure(brake: Brake, value: object) -> str:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)
    if brake.cause in _SHARES and 0 <= value <= 1:
        return f"{number_text(100 * value, decimals=1)} %"
    return number_text(value, decimals=0 if value == round(value) else 3)
