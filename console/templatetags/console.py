"""Template tags of the console."""

from collections.abc import Sequence

from django import template

from console.bands import Bands
from core.countries import country_name
from core.ids import encode
from core.reasons import find_reason
from core.templatetags.ui import score
from core.ui.formats import number_text
from risk.models import Decision

register = template.Library()


@register.filter
def public_id(id: int, prefix: str) -> str:
    """Return the outside form of an id: `{{ case.pk|public_id:"cas" }}`."""
    return encode(prefix, id)


@register.filter
def country(code: str) -> str:
    """Return a country's name: `{{ order.card_country|country }}`."""
    return country_name(code)


@register.filter
def staff_reason(code: str) -> str:
    """Return the sentence staff read for a reason code."""
    return str(find_reason(code).staff)


@register.filter
def main_reason(codes: Sequence[str]) -> str:
    """Return the sentence that says most: a finding before "the score is high", which the score shows."""
    telling = [code for code in codes if code not in _SAID_BY_THE_SCORE]
    return staff_reason((telling or list(codes))[0]) if codes else ""


_SAID_BY_THE_SCORE = {"score_elevated", "score_high", "points_high"}


@register.inclusion_tag("components/score.html")
def banded_score(decision: Decision | None, bands: Bands) -> dict[str, object]:
    """Show a decision's score in the bands of its subject's live policy."""
    if decision is None:
        return score(None)
    if decision.subject_kind not in bands:
        return score(decision.score, band=False)
    review_at, decline_at = bands[decision.subject_kind]
    return score(decision.score, review_at=review_at, decline_at=decline_at, band=False)


# A template hands over "" for what is not there.
Figure = float | str | None


@register.filter
def percent(share: Figure, decimals: int = 1) -> str:
    """Return a share 0–1 as a percentage."""
    return f"{number_text(100 * share, decimals=decimals)} %" if isinstance(share, (int, float)) else "–"


@register.filter
def figure(value: Figure) -> str:
    """Return a model figure with three decimals."""
    return number_text(value, decimals=3) if isinstance(value, (int, float)) else "–"


@register.filter
def signed(value: Figure) -> str:
    """Return a difference with its sign."""
    if not isinstance(value, (int, float)):
        return "–"
    return ("+" if value > 0 else "") + number_text(value, decimals=3)


@register.simple_tag
def subject_icon(kind: str) -> str:
    """Return the icon's name for a kind of subject."""
    return _ICONS.get(kind, "gavel")


_ICONS = {"order": "shopping-cart", "listing": "tag", "application": "building-store", "merchant": "users"}
