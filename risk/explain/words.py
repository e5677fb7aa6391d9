"""A nearest flip as a sentence, in the reader's language."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from core.money import exponent
from core.ui.formats import amount_text, duration_text, number_text
from risk.features.declarations import DECLARED, Unit
from risk.features.wording import label
from risk.rules.schema import Field
from risk.schemas import schema_of

_LIST = re.compile(r'list\("([^"]+)"\)')


def flip_words(subject: str, parts: Mapping[str, Any]) -> str:
    """Return what would have had to be otherwise, or why nothing is told; "" for rows without parts."""
    flip = parts.get("flip")
    if flip is None:
        return _no_flip(parts.get("no_flip"))
    changes = [_change(subject, change) for change in flip["changes"]]
    return _would_be(flip["outcome"]) % {
        "changes": _("%(one)s and %(other)s") % {"one": changes[0], "other": changes[1]}
        if len(changes) == 2
        else changes[0]
    }


def input_words(subject: str, name: str) -> str:
    """Return what an input is, without its value; a name that is no longer declared stays itself."""
    if name in DECLARED:
        wording = label(DECLARED[name])
        return wording.zh_hans if (get_language() or "").startswith("zh") else wording.en
    declared = schema_of(subject).find_field(name)
    return _(declared.description) if declared is not None and declared.description else name


def value_words(subject: str, name: str, value: object, *, up: bool = False) -> str:
    """Return a value in the unit of its input; lengths of time are rounded down, or up."""
    declared = schema_of(subject).find_field(name)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, (int, float)):
        return _number(float(value), declared, up=up)
    return str(value)


def _would_be(outcome: str) -> str:
    return {
        "approve": _("Would be approved if: %(changes)s."),
        "review": _("Would be reviewed by a person if: %(changes)s."),
        "decline": _("Would be declined if: %(changes)s."),
    }[outcome]


def _no_flip(reason: str | None) -> str:
    return {
        "degraded": _("Something had failed, and such a decision is never approved."),
        "no_score": _("Nothing is approved without a score."),
        "not_found": _("No one or two changes were found that would flip the outcome."),
    }.get(reason or "", "")


def _change(subject: str, change: Mapping[str, Any]) -> str:
    name = change["field"]
    if listed := _LIST.search(name):
        return _("not on the list “%(list)s” (now it is)") % {"list": listed[1]}
    what, now = input_words(subject, name), value_words(subject, name, change["from"])
    to = change["to"]
    if isinstance(to, Sequence) and not isinstance(to, str):
        listed_values = ", ".join(str(one) for one in to)
        return _("%(what)s none of %(to)s (now %(now)s)") % {"what": what, "to": listed_values, "now": now}
    # Rounded away from now, so that what is told is still enough.
    shown = {
        "what": what,
        "to": value_words(subject, name, to, up=change["bound"] == "at_least"),
        "now": now,
    }
    return {
        "at_most": _("%(what)s at most %(to)s (now %(now)s)"),
        "at_least": _("%(what)s at least %(to)s (now %(now)s)"),
    }.get(change["bound"], _("%(what)s %(to)s (now %(now)s)")) % shown


def _number(value: float, declared: Field | None, *, up: bool) -> str:
    currency, unit = settings.BASE_CURRENCY, declared.unit if declared is not None else ""
    if unit == Unit.MONEY:
        return f"{amount_text(round(value), currency)} {currency}"
    if unit == "base currency":
        return f"{number_text(value, decimals=exponent(currency))} {currency}"
    if unit == Unit.SHARE:
        return f"{number_text(100 * value, decimals=1)} %"
    if unit == Unit.TIMES:
        return f"{number_text(value, decimals=2)} ×"
    if unit == Unit.FLAG:
        return _("yes") if value else _("no")
    if unit == Unit.HOURS:
        return ngettext("%(n)s hour", "%(n)s hours", round(value)) % {"n": number_text(value)}
    if unit == Unit.SECONDS:
        return duration_text(value, up=up)
    if unit == "days":
        return ngettext("%(n)s day", "%(n)s days", round(value)) % {"n": number_text(value)}
    return number_text(value, decimals=0 if value == round(value) else 2)
