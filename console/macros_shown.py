"""Macros on a page: in words, and as what the case page fills its form with."""

from collections.abc import Iterable
from typing import Any

from cases.macros_models import Macro
from cases.models import VerdictKind
from core.reasons import find_reason


def macro_words(macro: Macro) -> str:
    """Return its verdict and reasons in words."""
    reasons = [str(find_reason(code).staff) for code in macro.reason_codes]
    return " · ".join([str(VerdictKind(macro.kind).label), *reasons])


def fill_data(macros: Iterable[Macro]) -> list[dict[str, Any]]:
    """Return what console/macros.js puts into the verdict form, in the order of the menu."""
    names = ("kind", "reason_codes", "message", "note", "hold_hours", "is_final")
    return [{name: getattr(macro, name) for name in names} for macro in macros]
