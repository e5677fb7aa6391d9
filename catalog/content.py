"""What a merchant writes into a listing, refused only where impossible; the rest is for `checks`."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from core.errors import FieldError, ValidationFailed
from core.money import MAX_AMOUNT_MINOR, convert
from core.rates import get_rate
from core.uploads import Upload

from .models import Category

MAX_STOCK = 1_000_000
_SKU = re.compile(r"[^\s/](?:[^\n\t/]{0,62}[^\s/])?")


@dataclass(frozen=True)
class RevisionFields:
    """A listing's content as the merchant wants it. price_minor in minor units of `currency`.

    image   None keeps the one that is there
    """

    category_code: str
    title: str
    description: str
    price_minor: int
    currency: str
    image: Upload | None = None


def clean_content(fields: RevisionFields, *, at: datetime) -> dict[str, Any]:
    """Return the content's columns without the image; ValidationFailed names every impossible field."""
    category = Category.objects.filter(code=fields.category_code, children=None).first()
    limits = (("title", fields.title, 200), ("description", fields.description, 10_000))
    errors = [
        FieldError(f"/{name}", "too_long", _("At most %(length)s characters.") % {"length": length})
        for name, text, length in limits
        if len(text.strip()) > length
    ]
    if category is None:
        errors.append(FieldError("/category", "unknown_category", _("Please choose a category.")))
    if not 0 <= fields.price_minor <= MAX_AMOUNT_MINOR:
        errors.append(FieldError("/price", "out_of_range", _("Please check the price.")))
    if errors:
        raise ValidationFailed(errors)
    rate = get_rate(fields.currency, at=at)
    return {
        "category": category,
        "title": " ".join(fields.title.split()),
        "description": fields.description.strip(),
        "price_minor": fields.price_minor,
        "currency": fields.currency,
        "base_price_minor": convert(fields.price_minor, fields.currency, settings.BASE_CURRENCY, rate),
    }


def find_sku_problems(sku: str) -> list[FieldError]:
    """A SKU is 1–64 characters without a slash, a tab or a line break: it stands in file names and tables."""
    if _SKU.fullmatch(sku.strip()):
        return []
    detail = _("Please write 1 to 64 characters, without a slash.")
    return [FieldError("/sku", "invalid_sku", detail)]


def find_stock_problems(stock: int) -> list[FieldError]:
    if 0 <= stock <= MAX_STOCK:
        return []
    detail = _("The stock is between 0 and %(most)s.") % {"most": MAX_STOCK}
    return [FieldError("/stock", "out_of_range", detail)]
