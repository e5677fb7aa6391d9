"""Listings: the list, one listing with its versions, and the picture of each version."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from catalog import images, selectors
from catalog.issues import FIELD_LABELS, describe_all
from catalog.models import Listing, ListingRevision, ListingStatus, RevisionStatus
from catalog.selectors import EDITABLE_STATUSES, OPEN_STATUSES, Tab
from catalog.states import LISTING, REVISION
from catalog.surroundings import find_issues
from core.downloads import private_file
from core.errors import NotFound
from core.ids import decode, encode
from core.reasons import merchant_sentences
from core.refs import Ref
from core.ui.formats import amount_text
from merchants.models import MerchantStatus
from merchants.permissions import Area

from ..access import Shop, merchant_page
from ..forms.listings import StockForm
from ..history import as_events
from ..pages import show
from ..statements import show_statement

_TAB_LABELS = {
    Tab.ALL: gettext_lazy("All"),
    Tab.LIVE: gettext_lazy("Live"),
    Tab.ACTION: gettext_lazy("Needs action"),
    Tab.REVIEW: gettext_lazy("In review"),
    Tab.DRAFT: gettext_lazy("Drafts"),
    Tab.PAUSED: gettext_lazy("Paused"),
}
_PAGE_SIZE = 50


@dataclass(frozen=True)
class Row:
    """One line of the list: the version buyers see, else the newest; `pending` is one on its way."""

    listing: Listing
    shown: ListingRevision
    pending: ListingRevision | None

    @property
    def href(self) -> str:
        return reverse("portal:listing", args=[encode("lst", self.listing.pk)])

    @property
    def image_href(self) -> str:
        return image_href(self.shown)


@require_safe
@merchant_page(Area.LISTINGS)
def listing_list(request: HttpRequest, shop: Shop) -> HttpResponse:
    tab = Tab(request.GET["tab"]) if request.GET.get("tab") in set(Tab) else Tab.ALL
    search = request.GET.get("q", "").strip()[:100]
    page = selectors.list_listings(
        shop.merchant_ids,
        tab=tab,
        search=search,
        after=_cursor(request, "after"),
        before=_cursor(request, "before"),
        limit=_PAGE_SIZE,
    )
    counts = selectors.count_by_tab(shop.merchant_ids, search=search)
    context = {
        "rows": [row for listing in page.listings if (row := _row_of(listing)) is not None],
        "tab": tab,
        "search": search,
        "tabs": [
            {"label": label, "href": _href(tab=one, q=search), "count": counts[one], "is_current": one is tab}
            for one, label in _TAB_LABELS.items()
        ],
        "next_href": _href(tab=tab, q=search, after=page.next_after) if page.next_after else "",
        "previous_href": _href(tab=tab, q=search, before=page.previous_before)
        if page.previous_before
        else "",
        "clear_href": _href(tab=tab),
        "can_sell": shop.merchant.status == MerchantStatus.ACTIVE,
    }
    return show(request, shop, "portal/listings/list.html", context)


@require_safe
@merchant_page(Area.LISTINGS)
def detail(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    """Show a listing: what is live, what is on its way, what is wrong with it, what happened."""
    listing = get_listing(shop, public_id)
    revisions = selectors.list_revisions(listing)
    latest, live = revisions[0], listing.live_revision
    pending = latest if latest.status in OPEN_STATUSES else None
    issues = _issues_of(latest)
    context = {
        "listing": listing,
        "public_id": public_id,
        "live": live,
        "latest": latest,
        "pending": pending,
        "shown": live or latest,
        "image_href": image_href(live or latest),
        "pending_image_href": image_href(pending) if pending else "",
        "issues": issues,
        "must_fix": any(issue.code == "required_field_missing" for issue in issues),
        "is_preview": latest.status == RevisionStatus.DRAFT,
        "sentences": merchant_sentences(latest.reason_codes),
        "difference": _difference(live, pending) if live and pending else [],
        "statement": show_statement(
            Ref("listing", latest.pk), latest.rejection_statement_id, latest.request_statement_id
        ),
        "events": as_events(selectors.list_history(listing), shop),
        "stock_form": StockForm(initial={"stock": listing.stock}),
        "actions": _actions(shop, listing, pending),
        "can_sell": shop.merchant.status == MerchantStatus.ACTIVE,
    }
    return show(request, shop, "portal/listings/detail.html", context)


@require_safe
@merchant_page(Area.LISTINGS)
def image(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponseBase:
    """Send the picture of one of the merchant's own versions."""
    revision = selectors.get_revision(shop.merchant_ids, decode("rev", public_id))
    if not revision.image:
        raise NotFound("No such image.")
    content_type = images.content_type_of(revision)
    return private_file(revision.image, content_type=content_type, name=public_id, as_attachment=False)


def get_listing(shop: Shop, public_id: str) -> Listing:
    return selectors.get_listing(shop.merchant_ids, decode("lst", public_id))


def image_href(revision: ListingRevision) -> str:
    """Return the address of a version's picture, "" if it has none."""
    return reverse("portal:listing_image", args=[encode("rev", revision.pk)]) if revision.image else ""


def _row_of(listing: Listing) -> Row | None:
    newest = selectors.newest_of(listing)
    if newest is None:
        return None
    is_pending = newest.status in OPEN_STATUSES or (
        listing.status == ListingStatus.DRAFT and newest.status == RevisionStatus.REJECTED
    )
    return Row(listing, listing.live_revision or newest, newest if is_pending else None)


def _cursor(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name)
    return decode("lst", text) if text else None


def _href(**parameters: Any) -> str:
    """Return the list's address; cursors are written as public ids, empty parameters left out."""
    query = {
        name: encode("lst", value) if name in {"after", "before"} else value
        for name, value in parameters.items()
        if value
    }
    return f"{reverse('portal:listings')}?{urlencode(query)}"


def _issues_of(revision: ListingRevision) -> list[Any]:
    """Return what was found in the version; in a draft, what would be found now."""
    if revision.status == RevisionStatus.DRAFT:
        return describe_all([issue.as_row() for issue in find_issues(revision, as_of=timezone.now())])
    if revision.status in {RevisionStatus.APPROVED, RevisionStatus.SUPERSEDED, RevisionStatus.WITHDRAWN}:
        return []
    return describe_all(revision.issues)


def _difference(old: ListingRevision, new: ListingRevision) -> list[tuple[Any, str, str]]:
    return [
        (FIELD_LABELS["title"], old.title, new.title),
        (FIELD_LABELS["category"], old.category.name, new.category.name),
        (FIELD_LABELS["price"], _price(old), _price(new)),
        (FIELD_LABELS["description"], old.description, new.description),
        (FIELD_LABELS["image"], *_pictures(old, new)),
    ]


def _price(revision: ListingRevision) -> str:
    return f"{amount_text(revision.price_minor, revision.currency)} {revision.currency}"


def _pictures(old: ListingRevision, new: ListingRevision) -> tuple[str, str]:
    if old.image_sha256 == new.image_sha256:
        same = _("Same picture") if new.image else _("No picture")
        return same, same
    before = _("Earlier picture") if old.image else _("No picture")
    return before, _("New picture") if new.image else _("No picture")


def _actions(shop: Shop, listing: Listing, pending: ListingRevision | None) -> dict[str, bool]:
    """Return which buttons the page offers; the declared machines are the only source."""
    if not shop.may(Area.LISTINGS):
        return {}
    offered = set(LISTING.actions(listing.status, "M"))
    of_pending = set(REVISION.actions(pending.status, "M")) if pending else set()
    is_open_to_edit = listing.status not in {ListingStatus.ARCHIVED, ListingStatus.LOCKED}
    return {
        "pause": "pause" in offered,
        "resume": "resume" in offered,
        "archive": "archive" in offered,
        "submit": "submit" in of_pending,
        "withdraw": "withdraw" in of_pending,
        "edit": is_open_to_edit and (pending is None or pending.status in EDITABLE_STATUSES),
        "stock": listing.status != ListingStatus.ARCHIVED,
    }
