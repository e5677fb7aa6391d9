"""What to show next to a listing or to a buyer; a handful of indexed reads, nothing is computed twice."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from catalog.models import Listing, ListingStatus
from core.fingerprints import fingerprint
from merchants.models import MerchantStatus
from orders.models import OrderLine, OrderStatus

from .models import ItemNeighbours, RecommendationRun
from .ranking import Ranked, combine

DEFAULT_LIMIT, MAX_LIMIT = 10, 50
# What a buyer bought before these says little about what they want now.
HISTORY_ITEMS = 20
_KIND = "neighbourhood"


class Source(StrEnum):
    BOUGHT_TOGETHER = "bought_together"
    POPULAR = "popular"


@dataclass(frozen=True)
class Recommendation:
    """One listing on sale, with its live revision; scores compare only within one answer and source."""

    listing: Listing
    score: float
    source: Source


def find_live_run() -> RecommendationRun | None:
    """Return the run that readers see."""
    return RecommendationRun.objects.filter(kind=_KIND, is_live=True).first()


def recommend_for_listing(listing_id: int, limit: int = DEFAULT_LIMIT) -> list[Recommendation]:
    """Return what buyers of a listing also bought, filled up with what is popular. Two queries."""
    return _recommend([listing_id], limit)


def recommend_for_buyer(
    buyer_ref: str, limit: int = DEFAULT_LIMIT, *, merchant_ids: Collection[int] | None = None
) -> list[Recommendation]:
    """Return what goes with a buyer's latest purchases; popular listings for a buyer we do not know.

    Three queries.

    merchant_ids   whose orders the history may be read from; None = every merchant's
    """
    return _recommend(_history(buyer_ref, merchant_ids), limit)


def _history(buyer_ref: str, merchant_ids: Collection[int] | None) -> list[int]:
    """Return the listings a buyer bought last, newest first."""
    lines = OrderLine.objects.filter(
        order__buyer_key=fingerprint("buyer", buyer_ref), listing__isnull=False
    ).exclude(order__status=OrderStatus.DECLINED)
    if merchant_ids is not None:
        lines = lines.filter(order__merchant_id__in=merchant_ids)
    newest = lines.order_by("-order__occurred_at", "-pk").values_list("listing_id", flat=True)
    # Read a few more than needed, because the same listing may be bought again and again.
    return [id for id in dict.fromkeys(newest[: 3 * HISTORY_ITEMS]) if id][:HISTORY_ITEMS]


def _recommend(history: list[int], limit: int) -> list[Recommendation]:
    lists = _read_lists(history)
    similar = combine([lists[id] for id in history if id in lists], exclude=set(history), limit=MAX_LIMIT * 2)
    taken = {id for id, _ in similar} | set(history)
    popular = [one for one in lists.get(None, []) if one[0] not in taken]
    on_sale = _read_on_sale([id for id, _ in [*similar, *popular]])
    found = [
        Recommendation(on_sale[id], score, Source.BOUGHT_TOGETHER) for id, score in similar if id in on_sale
    ]
    found += [Recommendation(on_sale[id], score, Source.POPULAR) for id, score in popular if id in on_sale]
    return found[:limit]


def _read_lists(history: list[int]) -> dict[int | None, Ranked]:
    """Return the live run's lists of these listings, and under None the popularity list."""
    rows = ItemNeighbours.objects.filter(run__kind=_KIND, run__is_live=True)
    wanted = rows.filter(listing=None) | rows.filter(listing_id__in=history)
    return dict(wanted.values_list("listing_id", "ranked"))


def _read_on_sale(listing_ids: Collection[int]) -> dict[int, Listing]:
    """Return those that buyers can buy now: lists are older than the last pause or sale."""
    live = Listing.objects.filter(
        pk__in=listing_ids,
        status=ListingStatus.LIVE,
        merchant__status=MerchantStatus.ACTIVE,
        stock__gt=0,
    )
    return {listing.pk: listing for listing in live.select_related("live_revision__category")}
