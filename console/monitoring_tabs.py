"""The pages of monitoring."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _


def monitoring_tabs(current: str) -> list[Mapping[str, Any]]:
    pages = [
        ("brakes", _("Brakes"), "console:monitoring"),
        ("decisions", _("Time and failures"), "console:monitoring-decisions"),
        ("drift", _("Drift"), "console:drift"),
        ("parity", _("Parity"), "console:parity"),
        ("snoozes", _("Snoozes"), "console:snoozes"),
    ]
    return [
        {"label": label, "href": reverse(name), "count": None, "is_current": key == current}
        for key, label, name in pages
    ]
