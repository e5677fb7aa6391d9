"""What waits for the merchant, most urgent first, and how far the shop is set up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.utils import is_mfa_enabled
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog import selectors as catalog
from catalog.models import Listing, RevisionStatus
from catalog.selectors import Tab
from core.ids import encode
from merchants.models import ApplicationStatus, MerchantApplication, MerchantStatus

from .access import Shop
from .steps import find_next_step

_LISTINGS_SHOWN = 5


@dataclass(frozen=True)
class Todo:
    """One thing to do. `tone` says how much it matters; `since` when it began to wait."""

    title: str
    text: str
    href: str
    action: str
    tone: str = "waits"
    since: datetime | None = None


@dataclass(frozen=True)
class SetupItem:
    """One line of the checklist of a new shop; no address means that it waits for somebody else."""

    title: str
    is_done: bool
    href: str = ""


def list_todo(
    shop: Shop, application: MerchantApplication | None, order_counts: Mapping[str, int]
) -> list[Todo]:
    """Return what to do next: orders run on the buyer's clock, then questions, then drafts. Three queries."""
    return [
        *_of_orders(order_counts),
        *_of_application(application),
        *_of_listings(shop, Tab.ACTION),
        *_of_listings(shop, Tab.DRAFT),
    ]


def list_setup(
    shop: Shop, application: MerchantApplication | None, listing_counts: Mapping[Tab, int]
) -> list[SetupItem]:
    """Return the checklist in the order of the way to the first sale; one query."""
    is_active = shop.merchant.status != MerchantStatus.ONBOARDING
    is_submitted = is_active or (
        application is not None
        and application.status not in {ApplicationStatus.DRAFT, ApplicationStatus.WITHDRAWN}
    )
    return [
        SetupItem(_("Submit the application"), is_submitted, reverse("portal:application")),
        SetupItem(_("Get approved"), is_active, reverse("portal:application")),
        SetupItem(
            _("Create the first listing"), listing_counts[Tab.ALL] > 0, reverse("portal:listing_create")
        ),
        SetupItem(_("Put a listing on sale"), listing_counts[Tab.LIVE] > 0, reverse("portal:listings")),
        SetupItem(
            _("Protect your sign-in with a second factor"), is_mfa_enabled(shop.user), reverse("mfa_index")
        ),
    ]


def _of_orders(counts: Mapping[str, int]) -> list[Todo]:
    href, accept, ship = orders_href(), counts["accept"], counts["ship"]
    found = []
    if accept and href:
        title = ngettext("%(n)s order to accept", "%(n)s orders to accept", accept) % {"n": accept}
        text = _("Buyers wait for your answer.")
        found.append(Todo(title, text, f"{href}accept", _("Accept"), tone="bad"))
    if ship and href:
        title = ngettext("%(n)s order to ship", "%(n)s orders to ship", ship) % {"n": ship}
        found.append(Todo(title, _("Ship and enter the tracking number."), f"{href}ship", _("Ship")))
    return found


def orders_href() -> str:
    """Return the address of the order list up to the tab's name, "" while this door has no such page."""
    try:
        return f"{reverse('portal:orders')}?tab="
    except NoReverseMatch:
        return ""


def _of_application(application: MerchantApplication | None) -> list[Todo]:
    if application is None:
        return []
    if application.status == ApplicationStatus.INFO_REQUESTED:
        title, text = _("Answer the questions about your application"), _("The review goes on when you have.")
        return [Todo(title, text, find_next_step(application).href, _("Answer"), tone="bad")]
    if application.status == ApplicationStatus.DRAFT:
        step = find_next_step(application)
        text = _("Next: %(step)s") % {"step": step.label}
        return [Todo(_("Finish your application"), text, step.href, _("Continue"))]
    return []


def _of_listings(shop: Shop, tab: Tab) -> list[Todo]:
    page = catalog.list_listings(shop.merchant_ids, tab=tab, limit=_LISTINGS_SHOWN)
    return [_of_listing(listing, tab) for listing in page.listings]


def _of_listing(listing: Listing, tab: Tab) -> Todo:
    revision = catalog.newest_of(listing)
    name = revision.title or listing.sku if revision else listing.sku
    href = reverse("portal:listing", args=[encode("lst", listing.pk)])
    if tab is Tab.DRAFT:
        return Todo(
            name,
            _("Draft, not submitted yet"),
            href,
            _("Finish"),
            tone="draft",
            since=revision.created_at if revision else None,
        )
    if revision is not None and revision.status == RevisionStatus.REJECTED:
        return Todo(
            name, _("Not accepted; see the reasons"), href, _("Read"), tone="bad", since=revision.decided_at
        )
    return Todo(name, _("Changes are needed before it can go live"), href, _("Fix"), tone="waits")
