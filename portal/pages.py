"""What every page of the portal shares: the frame around it and the errors inside its forms."""

from collections.abc import Mapping
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

import catalog.selectors
import merchants.selectors
import orders.selectors
from catalog.selectors import Tab
from core.errors import ValidationFailed
from merchants.models import ApplicationStatus
from merchants.permissions import Access, Area

from .access import Shop

# Where the merchant has something to do about an application.
_APPLICATION_WAITS = {ApplicationStatus.DRAFT, ApplicationStatus.INFO_REQUESTED}


def show(
    request: HttpRequest, shop: Shop, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a full page inside the portal's frame; three queries for its counters."""
    return render(request, template, {**frame(shop), **context}, status=status)


def frame(shop: Shop) -> dict[str, Any]:
    """Return what the frame shows: the merchant, the others to switch to, and what waits where."""
    application = merchants.selectors.find_latest_application(shop.merchant)
    listing_counts = catalog.selectors.count_by_tab(shop.merchant_ids)
    order_counts = orders.selectors.count_tabs(shop.merchant.pk)
    return {
        "shop": shop,
        "merchant": shop.merchant,
        "application": application,
        "listing_counts": listing_counts,
        "order_counts": order_counts,
        "nav_counts": {
            "application": int(application is not None and application.status in _APPLICATION_WAITS),
            "listings": listing_counts[Tab.ACTION],
            "orders": order_counts["accept"] + order_counts["ship"],
        },
        "may": {
            "application": shop.may(Area.APPLICATION),
            "listings": shop.may(Area.LISTINGS),
            "orders": shop.may(Area.ORDERS),
            "after_sales": shop.may(Area.AFTER_SALES),
            "refunds": shop.may(Area.REFUNDS),
            "see_refunds": shop.may(Area.REFUNDS, Access.READ),
        },
    }


def add_errors(form: BaseForm, failure: ValidationFailed) -> None:
    """Put each domain error beside the field that its pointer names, or on top of the form."""
    for error in failure.errors:
        name = error.pointer.strip("/").replace("/", "_")
        form.add_error(name if name in form.fields else None, error.detail)


def is_chinese() -> bool:
    return (translation.get_language() or "").startswith("zh")
