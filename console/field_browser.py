"""The fields a condition may use, as an editor offers them: meaning in both languages, unit, real values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from risk.models import EntityList, ListKind
from risk.rules.functions import FUNCTIONS
from risk.rules.schema import Field, FieldType
from risk.schemas import schema_of

from .facts import recent_facts
from .wording import input_label, value_text

_LATEST = 120
_EXAMPLES = 3
_OTHER = {"en": "zh-hans", "zh-hans": "en"}

TYPE_WORDS: Mapping[str, Promise] = {
    FieldType.NUMBER: pgettext_lazy("field type", "number"),
    FieldType.BOOL: pgettext_lazy("field type", "yes or no"),
    FieldType.TEXT: pgettext_lazy("field type", "text"),
    FieldType.MOMENT: pgettext_lazy("field type", "moment"),
    FieldType.KEY: pgettext_lazy("field type", "identifier"),
}
_UNIT_WORDS: Mapping[str, Promise] = {
    "count": _("count"),
    "money": _("money, in minor units"),
    "base currency": _("money"),
    "share": _("share, 0 to 1"),
    "times": _("multiple"),
    "hours": _("hours"),
    "days": _("days"),
    "flag": _("1 = yes, 0 = no"),
    "hour_of_day": _("hour, 0 to 23 (UTC)"),
    "weekday": _("weekday, Monday is 0"),
    "tier": _("tier"),
}


@dataclass(frozen=True)
class FieldEntry:
    """One field. `other` is its meaning in the house’s other language; `examples` are real values."""

    name: str
    type: str
    unit: str
    label: str
    other: str
    examples: Sequence[str]
    missing: float | None


def list_fields(subject: str) -> list[FieldEntry]:
    """Return every field of a subject, with what the latest decisions held; one query."""
    seen = [one.values for one in recent_facts(subject, limit=_LATEST)]
    here = "zh-hans" if (translation.get_language() or "").startswith("zh") else "en"
    entries = []
    for field in schema_of(subject).fields:
        with translation.override(_OTHER[here]):
            other = input_label(field.name, field)
        values = [values.get(field.name) for values in seen]
        present = [value for value in values if not _is_missing(value)]
        entries.append(
            FieldEntry(
                name=field.name,
                type=str(TYPE_WORDS.get(field.type, field.type)),
                unit=str(_UNIT_WORDS.get(field.unit, field.unit)),
                label=input_label(field.name, field),
                other=other,
                examples=_examples(field, present),
                missing=1 - len(present) / len(values) if values else None,
            )
        )
    return entries


def editor_words(subject: str, fields: Iterable[FieldEntry]) -> dict[str, Any]:
    """Return what the editor completes: fields, functions and lists, for static/console/rule.js."""
    return {
        "fields": [asdict(entry) for entry in fields],
        "functions": [{"name": name, "usage": usage} for name, usage in _functions()],
        "lists": [
            {"code": code, "name": name, "kind": str(ListKind(kind).label)}
            for code, name, kind in EntityList.objects.filter(archived_at=None)
            .order_by("code")
            .values_list("code", "name", "kind")
        ],
    }


def _functions() -> Iterable[tuple[str, str]]:
    special = [
        ("default", "default(value, 0)"),
        ("similar", 'similar(text, list("code"))'),
        ("date", 'date("2026-01-31")'),
    ]
    return [*special, *((name, signature.usage) for name, signature in FUNCTIONS.items())]


def _is_missing(value: object) -> bool:
    return value is None or value != value  # NaN differs from itself


def _examples(field: Field, present: Sequence[Any]) -> list[str]:
    """Return a low, a middle and a high value of a number, else the most common values."""
    if not present:
        return []
    if field.type is FieldType.NUMBER:
        ordered = sorted(float(value) for value in present)
        picked = [ordered[len(ordered) // 10], ordered[len(ordered) // 2], ordered[-1 - len(ordered) // 20]]
        return list(dict.fromkeys(value_text(field.name, value, field) for value in picked))
    if field.type is FieldType.KEY:
        return []  # a fingerprint tells a reader nothing
    if field.type is FieldType.TEXT:
        return [f'"{value}"' for value, _ in Counter(map(str, present)).most_common(_EXAMPLES)]
    return [value_text(field.name, value, field) for value, _ in Counter(present).most_common(_EXAMPLES)]
