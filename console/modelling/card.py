"""A model's card: its whole report as one HTML file that needs nothing else and runs nothing."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import timezone

from core.ids import encode
from risk import selectors as risk
from risk.models import ModelVersion

from .report import ModelReport
from .verdict import read_verdict
from .words import kind_words

_SHEETS = ("console/report.css", "console/card.css")


def write_card(report: ModelReport) -> str:
    """Return the card in the reader's language; two queries."""
    version = report.version
    comparisons = risk.list_comparisons(version).filter(status="finished")
    newest = comparisons.first()
    style = _style()
    context = {
        "report": report,
        "model": version,
        "kind": kind_words(version.kind),
        "public_id": encode("mod", version.pk),
        "verdict": read_verdict(newest, report.categories) if newest else None,
        "promotions": list(risk.list_promotions(version.subject).filter(model=version)),
        "written_at": timezone.now(),
        "style": style,
        "style_hash": b64encode(sha256(style.encode()).digest()).decode(),
        "currency": settings.BASE_CURRENCY,
        "is_card": True,
    }
    return render_to_string("console/model_card.html", context)


def name_of(version: ModelVersion) -> str:
    """Return the name of a card's file, order-v7-model-card.html."""
    return f"{version.subject}-v{version.number}-model-card.html"


@cache
def _style() -> str:
    """Return the tokens of the design system and the look of a report, which refer to no other file."""
    return "\n".join([_tokens(), *(_read(sheet) for sheet in _SHEETS)]).replace("</", "<\\/")


def _tokens() -> str:
    """Return the part of the site's sheet that declares colours, type and space."""
    sheet = _read("backoffice.css")
    return sheet[sheet.index(":root {") : sheet.index("/* ── Ground")]


def _read(sheet: str) -> str:
    found = finders.find(sheet)
    path = Path(str(found)) if found else settings.STATIC_ROOT / sheet
    return path.read_text(encoding="utf-8")
