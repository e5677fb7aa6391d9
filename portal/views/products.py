"""What buyers of a product also buy: which of a merchant's listings to offer together."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog import selectors
from catalog.models import Listing, ListingStatus
from catalog.selectors import Tab
from core.errors import NotFound
from core.ids import decode, encode
from merchants.permissions import Area
from recommendations.selectors import Recommendation, Source, find_live_run, recommend_for_listing

from ..access import Shop, merchant_page
from ..pages import show
from .listings import image_href

_PRODUCTS_SHOWN = 100
_RECOMMENDED = 8


@dataclass(frozen=True)
class Offer:
    """One recommended listing, the merchant's own or another's."""

    listing: Listing
    is_own: bool
    is_bought_together: bool

    @property
    def public_id(self) -> str:
        return encode("lst", self.listing.pk)

    @property
    def image_href(self) -> str:
        """Pictures are served to their own merchant only."""
        revision = self.listing.live_revision
        return image_href(revision) if self.is_own and revision else ""


@require_safe
@merchant_page(Area.LISTINGS)
def products(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Open the first product on sale; say so if there is none."""
    page = selectors.list_listings(shop.merchant_ids, tab=Tab.LIVE, limit=1)
    if page.listings:
        return redirect("portal:product", encode("lst", page.listings[0].pk))
    return show(request, shop, "portal/products.html", {"listing": None})


@require_safe
@merchant_page(Area.LISTINGS)
def product(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    listing = selectors.get_listing(shop.merchant_ids, decode("lst", public_id))
    if listing.status != ListingStatus.LIVE or listing.live_revision is None:
        raise NotFound("This product is not on sale.")
    search = request.GET.get("q", "").strip()[:100]
    on_sale = selectors.list_listings(
        shop.merchant_ids, tab=Tab.LIVE, search=search, limit=_PRODUCTS_SHOWN
    ).listings
    context = {
        "listing": listing,
        "shown": listing.live_revision,
        "public_id": public_id,
        "image_href": image_href(listing.live_revision),
        "products": [(encode("lst", one.pk), one) for one in on_sale],
        "search": search,
        "groups": _groups(recommend_for_listing(listing.pk, _RECOMMENDED), shop),
        "run": find_live_run(),
    }
    return show(request, shop, "portal/products.html", context)


def _groups(found: list[Recommendation], shop: Shop) -> list[tuple[str, list[Offer]]]:
    """Return the recommendations under what they rest on, the stronger evidence first."""
    offers = [
        Offer(one.listing, one.listing.merchant_id in shop.merchant_ids, one.source is Source.BOUGHT_TOGETHER)
        for one in found
    ]
    together = [offer for offer in offers if offer.is_bought_together]
    popular = [offer for offer in offers if not offer.is_bought_together]
    titled = [(_("Frequently bought together"), together), (_("Popular on the marketplace"), popular)]
    return [(title, group) for title, group in titled if group]
