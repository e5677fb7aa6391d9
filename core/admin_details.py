"""How the admin's pages show a column: its name in the reader's language, its value as people read it."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib import admin
from django.db.models import Field
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .admin_shown import link_to
from .admin_words import FIELD_WORDS
from .templatetags import ui
from .ui import formats

Shown = Callable[[Any], object]


@cache
def column_of(field: "Field[Any, Any]") -> Shown:
    """Return what shows the column in a list: as on a page, but a moment only as how long ago."""
    kind = field.get_internal_type()
    show = _value_of(field) if kind != "DateTimeField" else lambda row: ui.moment(getattr(row, field.name))
    return _named(field, show)


@cache
def detail_of(field: "Field[Any, Any]") -> Shown:
    """Return what shows the column on a page; of a file only the name, its address would skip a check."""
    return _named(field, _value_of(field))


def _named(field: "Field[Any, Any]", show: Shown) -> Shown:
    @admin.display(
        description=FIELD_WORDS.get(field.name, field.verbose_name),
        boolean=field.get_internal_type() == "BooleanField",
        ordering=field.name,
    )
    def shown(row: Any) -> object:
        return show(row)

    shown.__name__ = field.name
    return shown


def _value_of(field: "Field[Any, Any]") -> Shown:
    name, kind = field.name, field.get_internal_type()
    if field.many_to_one or field.one_to_one:
        return lambda row: link_to(getattr(row, name))
    if field.choices:
        return lambda row: getattr(row, f"get_{name}_display")() or "–"
    if kind == "BooleanField":
        return lambda row: getattr(row, name)
    if kind == "DateTimeField":
        return lambda row: _moment(getattr(row, name))
    if kind == "JSONField":
        return lambda row: _json(getattr(row, name))
    return lambda row: _text(getattr(row, name))


def _moment(at: Any) -> SafeString | str:
    if at is None:
        return "–"
    return format_html("{} <span class='bo-muted'>{}</span>", formats.exact_text(at), ui.moment(at))


def _json(value: Any) -> SafeString | str:
    if value in (None, "", [], {}):
        return "–"
    return format_html("<pre class='bo-json'>{}</pre>", json.dumps(value, ensure_ascii=False, indent=2))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None or value == "" else str(value)
