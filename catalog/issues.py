"""Put stored issues into words for merchants and reviewers, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.reasons import find_reason

from .checks import MIN_DESCRIPTION_LENGTH, MIN_TITLE_LENGTH

FIELD_LABELS: Mapping[str, Promise] = {
    "title": gettext_lazy("Title"),
    "description": gettext_lazy("Description"),
    "price": gettext_lazy("Price"),
    "category": gettext_lazy("Category"),
    "image": gettext_lazy("Image"),
    "stock": gettext_lazy("Stock"),
    "sku": gettext_lazy("SKU"),
}


@dataclass(frozen=True)
class Described:
    """One issue as shown: which field, how bad, one sentence that says how to cure it."""

    code: str
    severity: str
    field: str
    field_label: str
    sentence: str


def describe_all(rows: list[Mapping[str, str]]) -> list[Described]:
    """Return stored issues in words, most severe first."""
    order = {"error": 0, "warning": 1, "info": 2}
    described = [
        Described(
            row["code"],
            row["severity"],
            row["field"],
            str(FIELD_LABELS.get(row["field"], row["field"])),
            describe(row),
        )
        for row in rows
    ]
    return sorted(described, key=lambda one: order.get(one.severity, 3))


def describe(row: Mapping[str, str]) -> str:
    """Return the sentence of one stored issue; an unknown code falls back to its reason's sentence."""
    code, field, detail = row["code"], row["field"], row["detail"]
    if code == "required_field_missing":
        return _required(field)
    if code == "banned_term" and detail:
        return _("“%(term)s” may not be used here. Please remove it.") % {"term": detail}
    if code == "price_outlier" and detail:
        return _price(float(detail))
    if code == "duplicate_listing" and detail:
        return _("It is nearly the same as “%(title)s”. Please say what is different.") % {"title": detail}
    return detail or str(find_reason(code).merchant)


def _required(field: str) -> str:
    if field == "title":
        return _("Please write a title of at least %(length)s characters.") % {"length": MIN_TITLE_LENGTH}
    if field == "description":
        least = {"length": MIN_DESCRIPTION_LENGTH}
        return _("Please describe the product in at least %(length)s characters.") % least
    if field == "price":
        return _("Please enter a price above zero.")
    return _("This field is required.")


def _price(ratio: float) -> str:
    if ratio < 1:
        times = {"times": f"{1 / ratio:.0f}"}
        return _("The price is about %(times)s times below the usual price of this category.") % times
    return _("The price is about %(times)s times the usual price of this category.") % {
        "times": f"{ratio:.0f}"
    }
