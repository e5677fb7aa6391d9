"""Inputs, values and conditions in words, in the reader's language."""

import math
from datetime import datetime

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from core.money import exponent
from core.ui.formats import amount_text, number_text
from risk.features.declarations import DECLARED, Feature, Unit
from risk.features.wording import Wording, label, sentence
from risk.rules.schema import Field
from risk.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Comparison,
    Constant,
    Default,
    IsMissing,
    Literal,
    Membership,
    Node,
    Not,
    Probe,
    Reference,
)

_SIGNS = {
    "==": "=",
    "!=": "≠",
    "<": "<",
    "<=": "≤",
    ">": ">",
    ">=": "≥",
    "*": "×",
    "/": "÷",
    "+": "+",
    "-": "−",
}
_CALLS = {
    "contains": gettext_lazy("%(what)s contains %(other)s"),
    "starts": gettext_lazy("%(what)s starts with %(other)s"),
    "ends": gettext_lazy("%(what)s ends with %(other)s"),
    "matches": gettext_lazy("%(what)s matches the pattern %(other)s"),
    "lower": gettext_lazy("%(what)s in lower case"),
    "abs": gettext_lazy("%(what)s without its sign"),
    "round": gettext_lazy("%(what)s in whole numbers"),
    "min": gettext_lazy("the least of %(all)s"),
    "max": gettext_lazy("the greatest of %(all)s"),
    "hour": gettext_lazy("hour (UTC) of %(what)s"),
    "weekday": gettext_lazy("weekday (Monday is 0) of %(what)s"),
    "hours_between": gettext_lazy("hours between %(what)s and %(other)s"),
    "days_between": gettext_lazy("days between %(what)s and %(other)s"),
}
_PROBES = {
    "member": gettext_lazy("%(what)s is in the list %(list)s"),
    "similar": gettext_lazy("similarity of %(what)s to the list %(list)s"),
}


def input_label(name: str, field: Field | None = None) -> str:
    """Return what an input is, without its value; a name that is no longer declared stays itself."""
    if name in DECLARED:
        return _in_language(label(DECLARED[name]))
    return _(field.description) if field is not None and field.description else name


def input_sentence(name: str, value: float, field: Field | None = None) -> tuple[str, str]:
    """Return what an input says, and the value that mattered where the sentence does not hold it yet.

    >>> input_sentence("device_cards_24h_distinct", 3.0)
    ('3 different cards on this device in 24 h', '')
    """
    declared = DECLARED.get(name)
    if math.isnan(value):
        return input_label(name, field), _("not supplied")
    if isinstance(declared, Feature) and declared.unit is Unit.COUNT:
        return _in_language(sentence(declared, value)), ""
    return input_label(name, field), value_text(name, value, field)


def value_text(name: str, value: object, field: Field | None = None) -> str:
    """Return a value as people read it, in the unit of its input."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _("missing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return date_format(value, "Y-m-d H:i")
    if isinstance(value, (int, float)):
        return _number(float(value), _unit_of(name, field))
    return str(value)


def condition_words(node: Node, *, is_inner: bool = False) -> str:
    """Return a condition in words: fields by what they mean, signs as they are written by hand."""
    match node:
        case AllOf(operands) | AnyOf(operands):
            word = _(" and ") if isinstance(node, AllOf) else _(" or ")
            return _joined(operands, word, is_inner=is_inner)
        case Not(operand):
            return _("not (%(condition)s)") % {"condition": condition_words(operand)}
        case Comparison(sign, left, right) | Arithmetic(sign, left, right):
            return f"{_side(left, right)} {_SIGNS[sign]} {_side(right, left)}"
        case Membership(operand, choices):
            listed = ", ".join(_constant(choice) for choice in choices)
            return _("%(what)s is one of %(choices)s") % {"what": condition_words(operand), "choices": listed}
        case IsMissing(operand):
            return _("%(what)s is missing") % {"what": condition_words(operand)}
        case Default(operand, fallback):
            shown = {"what": condition_words(operand), "fallback": condition_words(fallback)}
            return _("%(what)s (%(fallback)s if missing)") % shown
        case Call() | Probe():
            return _called(node)
        case Reference(field):
            return input_label(field.name, field)
        case Literal(value):
            return _constant(value)


def _called(node: Call | Probe) -> str:
    if isinstance(node, Probe):
        return str(_PROBES[node.kind]) % {"what": condition_words(node.operand), "list": node.list_code}
    words = [condition_words(operand) for operand in node.operands]
    shown = {"what": words[0], "other": words[-1], "all": ", ".join(words)}
    return str(_CALLS[node.function]) % shown


def _side(node: Node, other: Node) -> str:
    """Show one side of a comparison; a bare number is shown in the unit of the field it stands against."""
    is_date = isinstance(node, Literal) and isinstance(node.value, datetime)
    if isinstance(node, Literal) and isinstance(other, Reference) and not is_date:
        return value_text(other.field.name, node.value, other.field)
    return condition_words(node, is_inner=True)


def _joined(operands: tuple[Node, ...], word: str, *, is_inner: bool) -> str:
    text = word.join(condition_words(operand, is_inner=True) for operand in operands)
    return f"({text})" if is_inner else text


def _constant(value: Constant) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return date_format(value, "Y-m-d")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unit_of(name: str, field: Field | None) -> str:
    declared = DECLARED.get(name)
    return str(declared.unit) if declared is not None else field.unit if field is not None else ""


def _number(value: float, unit: str) -> str:
    currency = settings.BASE_CURRENCY
    if unit == Unit.MONEY:
        return f"{amount_text(round(value), currency)} {currency}"
    if unit == "base currency":
        return f"{number_text(value, decimals=exponent(currency))} {currency}"
    if unit == Unit.SHARE:
        return f"{number_text(100 * value, decimals=1)} %"
    if unit == Unit.TIMES:
        return f"{number_text(value, decimals=1)} ×"
    if unit == Unit.FLAG:
        return _("yes") if value else _("no")
    if unit == Unit.HOURS:
        return _hours(value)
    if unit == Unit.SECONDS:
        return _seconds(value)
    return number_text(value, decimals=0 if value == round(value) else 2)


def _seconds(value: float) -> str:
    if value < 120:
        return ngettext("%(n)s second", "%(n)s seconds", round(value)) % {"n": number_text(value)}
    if value < 7_200:
        return ngettext("%(n)s minute", "%(n)s minutes", round(value / 60)) % {"n": number_text(value / 60)}
    return _hours(value / 3_600)


def _hours(value: float) -> str:
    if value < 48:
        return ngettext("%(n)s hour", "%(n)s hours", round(value)) % {"n": number_text(value)}
    days = value / 24
    return ngettext("%(n)s day", "%(n)s days", round(days)) % {"n": number_text(days)}


def _in_language(wording: Wording) -> str:
    return wording.zh_hans if (get_language() or "").startswith("zh") else wording.en
