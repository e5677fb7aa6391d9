"""Numbers, amounts, moments and scores as people read them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import money

MINUS = "\u2212"  # a true minus lines up with digits; the hyphen does not
NO_BREAK = "\u00a0"
# Without the policy's thresholds at hand a score is shown in thirds; this decides nothing.
DEFAULT_REVIEW_AT, DEFAULT_DECLINE_AT = 1 / 3, 2 / 3


class Band(StrEnum):
    """The side of the policy's thresholds a score lies on."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


BAND_LABELS: dict[Band, Promise] = {
    Band.LOW: gettext_lazy("Low"),
    Band.MEDIUM: gettext_lazy("Medium"),
    Band.HIGH: gettext_lazy("High"),
}


@dataclass(frozen=True)
class ShownScore:
    """A calibrated probability as people see it: 0–100 and a band."""

    points: int
    band: Band
    label: str | Promise


def show_score(
    probability: float,
    *,
    review_at: float = DEFAULT_REVIEW_AT,
    decline_at: float = DEFAULT_DECLINE_AT,
) -> ShownScore:
    """Return 0–100 with its band; the thresholds have the unit of the score, 0–1.

    >>> show_score(0.83).points, str(show_score(0.83).band)
    (83, 'high')
    """
    band = Band.HIGH if probability >= decline_at else Band.MEDIUM if probability >= review_at else Band.LOW
    # Nothing short of certainty shows as 0 or 100.
    points = round(100 * probability)
    if 0 < probability < 1:
        points = min(99, max(1, points))
    return ShownScore(points=points, band=band, label=BAND_LABELS[band])


def amount_text(amount_minor: int, currency: str) -> str:
    """Return the amount with grouped thousands, without its currency.

    >>> amount_text(-123456789, "CNY")
    '−1,234,567.89'
    """
    whole, _dot, decimals = money.to_text(abs(amount_minor), currency).partition(".")
    text = f"{int(whole):,}" + (f".{decimals}" if decimals else "")
    return MINUS + text if amount_minor < 0 else text


def number_text(value: float, *, decimals: int = 0) -> str:
    """Return a number with grouped thousands and a true minus."""
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def duration_text(seconds: float, *, up: bool = False) -> str:
    """Return a length of time in its two largest units, rounded down, or up.

    >>> duration_text(17), duration_text(100_000), duration_text(3_599.5, up=True)
    ('17 s', '1 d 3 h', '1 h')
    """
    sizes = [(86_400, _("%d d")), (3_600, _("%d h")), (60, _("%d min")), (1, _("%d s"))]
    largest = next((place for place, (size, _text) in enumerate(sizes) if seconds >= size), len(sizes) - 1)
    smallest = sizes[min(largest + 1, len(sizes) - 1)][0]
    left = (ceil(seconds / smallest) if up else int(seconds // smallest)) * smallest
    words = []
    for size, text in sizes:  # from the top: what was rounded up may fill a larger unit
        count, left = divmod(left, size)
        if count:
            words.append(text.replace("%d", f"{count:,}"))
    return " ".join(words) or sizes[-1][1].replace("%d", "0")


def exact_text(moment: datetime) -> str:
    """Return the moment to the second with its time zone, for the tooltip."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def relative_text(moment: datetime, *, now: datetime) -> str:
    """Return how far a moment lies from `now`, in its largest unit; past thirty days, the date.

    The browser keeps the text up to date with the same words (`relative_templates`).
    """
    distance = moment - now
    is_future = distance > timedelta(0)
    unit, count = _largest_unit(abs(distance))
    if unit == "now":
        return _("just now")
    if unit == "date":
        return formats.date_format(timezone.localtime(moment), "DATE_FORMAT")
    return relative_templates()[("in_" if is_future else "") + unit].replace("%d", str(count))


def relative_templates() -> dict[str, str]:
    """Return the sentence for each unit, `%d` standing for the number."""
    return {
        "now": _("just now"),
        "minutes": _("%d min ago"),
        "hours": _("%d h ago"),
        "days": _("%d d ago"),
        "in_minutes": _("in %d min"),
        "in_hours": _("in %d h"),
        "in_days": _("in %d d"),
    }


def _largest_unit(distance: timedelta) -> tuple[str, int]:
    minutes = int(distance.total_seconds() // 60)
    if minutes < 1:
        return "now", 0
    if minutes < 60:
        return "minutes", minutes
    if minutes < 48 * 60:
        return "hours", minutes // 60
    if distance.days <= 30:
        return "days", distance.days
    return "date", 0
