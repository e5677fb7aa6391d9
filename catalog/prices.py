"""The usual price of each category, refreshed from what is on sale."""

from collections import defaultdict
from statistics import median

from core import audit, journal
from core.actors import SYSTEM
from core.refs import Ref

from .models import Category, Listing, ListingStatus

# Below this a median says more about single listings than about the category.
MIN_LISTINGS = 20


def refresh_medians() -> int:
    """Write every category's median live price, base currency; return how many changed.

    A category with fewer than MIN_LISTINGS keeps what it has.
    """
    prices: dict[int, list[int]] = defaultdict(list)
    live = Listing.objects.filter(status=ListingStatus.LIVE, live_revision__isnull=False)
    rows = live.values_list("live_revision__category_id", "live_revision__base_price_minor")
    for category_id, price_minor in rows.iterator(chunk_size=5_000):
        prices[category_id].append(price_minor)
    changed = []
    for category in Category.objects.filter(
        pk__in=[pk for pk, live_prices in prices.items() if len(live_prices) >= MIN_LISTINGS]
    ):
        usual = round(median(prices[category.pk]))
        if usual != category.median_price_minor:
            category.median_price_minor = usual
            changed.append(category)
    with journal.unit():
        Category.objects.bulk_update(changed, ["median_price_minor"])
        for category in changed:
            detail = {"median_price_minor": category.median_price_minor}
            audit.record(
                "category.median_refreshed", actor=SYSTEM, subject=Ref("category", category.pk), detail=detail
            )
    return len(changed)
