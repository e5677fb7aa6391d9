"""Template tags of the console."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django import template
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases.quality.agreement import Kappa
from console.bands import Bands
from console.estimates import Share
from console.list_pages import masked_value
from console.macros_shown import fill_data, macro_words
from console.modelling.figures import value_text
from core.countries import country_name
from core.ids import encode
from core.money import exponent
from core.reasons import find_reason
from core.templatetags.ui import score
from core.ui.formats import exact_text, number_text
from core.ui.statuses import Tone
from risk.accounts import HIGH_AT, MEDIUM_AT
from risk.list_files import ReadEntries
from risk.models import Decision

register = template.Library()
register.filter("macro_words", macro_words)
register.filter("macro_data", fill_data)


@register.filter
def public_id(id: int, prefix: str) -> str:
    """Return the outside form of an id: `{{ case.pk|public_id:"cas" }}`."""
    return encode(prefix, id)


@register.filter
def at(values: Mapping[int, str], key: int) -> str:
    """Return what a mapping holds for a key, "" if nothing: `{{ pages|at:row.other.id }}`."""
    return values.get(key, "")


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


@register.inclusion_tag("components/score.html")
def account_score(value: float | None, *, band: bool = True) -> dict[str, object]:
    """Show a merchant account's score in the bands that its alerts speak of."""
    return score(value, review_at=MEDIUM_AT, decline_at=HIGH_AT, band=band)


# A template hands over "" for what is not there.
Figure = float | str | None


@register.filter
def percent(share: Figure, decimals: int = 1) -> str:
    """Return a share 0–1 as a percentage."""
    return f"{number_text(100 * share, decimals=decimals)} %" if isinstance(share, (int, float)) else "–"


@register.filter
def score_text(probability: Figure) -> str:
    """Return a threshold on the score as people see scores, 0–100."""
    return number_text(100 * probability, decimals=1) if isinstance(probability, (int, float)) else "–"


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


@register.inclusion_tag("console/components/precision.html")
def precision(share: Share) -> dict[str, object]:
    """Show a counted share with its interval; few outcomes are shown as a count, not as a percentage."""
    band, mark = None, 0.0
    if share.value is not None and share.interval is not None:
        low, high = share.interval
        band, mark = (round(100 * low, 1), round(100 * (high - low), 1)), round(96 * share.value, 1)
    return {"share": share, "band": band, "mark": mark}


@register.inclusion_tag("console/components/kappa.html")
def kappa(kappa: Kappa | None) -> dict[str, object]:
    """Draw agreement from −1 to 1 as a point with its interval, the figures beside it."""
    if kappa is None:
        return {"kappa": None}
    ends = None if kappa.low is None or kappa.high is None else (_place(kappa.low), _place(kappa.high))
    return {"kappa": kappa, "point": _place(kappa.value), "span": ends}


def _place(value: float) -> float:
    return round(60 * (value + 1), 1)


@register.filter
def two_decimals(value: float) -> str:
    return number_text(value, decimals=2)


@register.simple_tag
def subject_icon(kind: str) -> str:
    """Return the icon's name for a kind of subject."""
    return _ICONS.get(kind, "gavel")


_ICONS = {"order": "shopping-cart", "listing": "tag", "application": "building-store", "merchant": "users"}


# ── Backtests ────────────────────────────────────────────────────────────────────────────────────
@register.inclusion_tag("console/components/figure.html")
def figure_value(kind: str, value: object, amount: int | None, currency: str) -> dict[str, object]:
    """Show one side of a figure of a backtest: a share with its interval, a count with its amount, hours."""
    return {"kind": kind, "value": value, "amount": amount, "currency": currency}


@register.inclusion_tag("console/components/difference.html")
def difference(figure: object) -> dict[str, object]:
    """Show how far the candidate is from live, green or red where one is better."""
    return {"figure": figure}


@register.filter
def points(share: Figure) -> str:
    """Return a difference of two shares in percentage points."""
    return (
        f"{_sign(share)}{number_text(100 * share, decimals=1)} pp" if isinstance(share, (int, float)) else "–"
    )


@register.filter
def thousands(value: Figure) -> str:
    """Return a count with grouped thousands."""
    return number_text(value) if isinstance(value, (int, float)) else "–"


@register.filter
def decision_id(value: int | str) -> str:
    """Return the outside form of a decision's id, which a document may hold as a number or as it is."""
    text = str(value)
    return encode("dec", int(text)) if text.isdigit() else text


@register.filter
def signed_number(value: Figure, decimals: int = 0) -> str:
    """Return a difference of counts with its sign."""
    return (
        f"{_sign(value)}{number_text(value, decimals=decimals)}" if isinstance(value, (int, float)) else "–"
    )


def _sign(value: float | str) -> str:
    return "+" if isinstance(value, (int, float)) and value > 0 else ""


@register.filter
def as_share(stored: Mapping[str, int]) -> Share:
    """Return a share of a backtest's document as one that `precision` shows."""
    return Share(stored["part"], stored["whole"])


@register.filter
def good_stopped(side: Mapping[str, Mapping[str, int]]) -> str:
    """Return how many good rows a side held or declined."""
    return number_text(side["good_held"]["count"] + side["good_declined"]["count"])


@register.filter
def segment(value: str) -> str:
    """Return the name of a segment; two letters are a country."""
    if len(value) == 2 and value.isupper():
        return country_name(value)
    return str(_SEGMENTS.get(value, value))


_SEGMENTS = {
    "": gettext_lazy("not known"),
    "other": gettext_lazy("other"),
    "none": gettext_lazy("none"),
    "under_10": gettext_lazy("under 10"),
    "1_to_9": "1–9",
    "10_to_99": "10–99",
    "100_to_999": "100–999",
    "100_and_more": gettext_lazy("100 and more"),
    "1000_and_more": gettext_lazy("1,000 and more"),
    "under_1d": gettext_lazy("under a day"),
    "1d_to_7d": gettext_lazy("1–7 days"),
    "7d_to_30d": gettext_lazy("7–30 days"),
    "30d_to_1y": gettext_lazy("30 days to a year"),
    "1y_and_more": gettext_lazy("a year and more"),
}


@register.filter
def moment_of(text: str) -> datetime:
    """Return the moment of an ISO 8601 text."""
    return datetime.fromisoformat(text)


# ── Models ───────────────────────────────────────────────────────────────────────────────────────
@register.filter
def model_money(minor: Figure) -> str:
    """Return an average amount in minor units, which need not be whole, with the base currency."""
    return value_text("money", float(minor)) if isinstance(minor, (int, float)) else "–"


@register.filter
def amount_tick(minor: float) -> str:
    """Return an amount at an axis, without its currency."""
    return number_text(minor / 10 ** exponent(settings.BASE_CURRENCY), decimals=2)


@register.filter
def whole_percent(share: float) -> str:
    """Return a share at an axis, without its sign."""
    return number_text(100 * share)


@register.filter
def exact_moment(at: datetime) -> str:
    """Return a moment to the second: what a file says, which is read at any time."""
    return exact_text(at)


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────
@register.filter
def import_parts(read: ReadEntries) -> list[tuple[str, int, str]]:
    """Return how the rows of a file divide, for the split bar."""
    return [
        (_("good rows"), len(read.entries), Tone.GOOD),
        (_("rows left out"), read.problem_count, Tone.BAD),
    ]


@register.filter
def masked(value: str, kind: str) -> str:
    """Return a value of a list with most of it hidden if it is personal."""
    return masked_value(kind, value)
