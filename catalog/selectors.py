"""Reads on categories and listings.

`merchant_ids` is who the caller may act for; None means every merchant.
Somebody else's object is NotFound.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db.models import Count, Prefetch, Q, QuerySet

from core.errors import NotFound
from core.models import ExchangeRate, TransitionRecord

from .models import Category, Listing, ListingRevision, ListingStatus, RevisionStatus

MerchantIds = Collection[int] | None
OPEN_STATUSES = (
    RevisionStatus.DRAFT,
    RevisionStatus.SUBMITTED,
    RevisionStatus.SCREENING,
    RevisionStatus.IN_REVIEW,
    RevisionStatus.CHANGES_REQUESTED,
)
EDITABLE_STATUSES = (RevisionStatus.DRAFT, RevisionStatus.CHANGES_REQUESTED)
WAITING_STATUSES = (RevisionStatus.SUBMITTED, RevisionStatus.SCREENING, RevisionStatus.IN_REVIEW)


class Tab(StrEnum):
    """The views of a merchant's listings; a listing may be in several."""

    LIVE = "live"
    ACTION = (
        "action"  # waits for the merchant: changes requested, rejected before it ever went live, suppressed
    )
    REVIEW = "review"
    DRAFT = "draft"
    PAUSED = "paused"
    ALL = "all"


_OPEN = Q(revisions__status__in=OPEN_STATUSES)
_NEVER_LIVE = Q(status=ListingStatus.DRAFT)
_TABS: dict[Tab, Q] = {
    Tab.LIVE: Q(status=ListingStatus.LIVE),
    Tab.ACTION: Q(revisions__status=RevisionStatus.CHANGES_REQUESTED)
    | Q(status__in=[ListingStatus.SUPPRESSED, ListingStatus.LOCKED])
    | (_NEVER_LIVE & Q(revisions__status=RevisionStatus.REJECTED)),
    Tab.REVIEW: Q(revisions__status__in=WAITING_STATUSES),
    Tab.DRAFT: Q(revisions__status=RevisionStatus.DRAFT),
    Tab.PAUSED: Q(status=ListingStatus.PAUSED),
    Tab.ALL: Q(),
}


@dataclass(frozen=True)
class Page:
    """One page of listings, newest first.

    next_after        the id to continue after; None on the last page
    previous_before   the id to go back before; None on the first page
    """

    listings: Sequence[Listing]
    next_after: int | None
    previous_before: int | None


def list_categories() -> list[Category]:
    """List the categories that listings may be in (those without children), with their parents."""
    leaves = Category.objects.filter(children=None).select_related("parent")
    return list(leaves.order_by("parent__code", "code"))


def find_category(code: str) -> Category | None:
    """Return the category of a code."""
    return Category.objects.filter(code=code).first()


def list_currencies() -> list[str]:
    """List the currencies that prices may be in: the base currency and those with an exchange rate."""
    known = ExchangeRate.objects.order_by("currency").values_list("currency", flat=True).distinct()
    return [settings.BASE_CURRENCY, *(code for code in known if code != settings.BASE_CURRENCY)]


def list_with_revisions(merchant_ids: MerchantIds) -> QuerySet[Listing]:
    """List listings, newest first, each with its revisions in `newest_first`; two queries."""
    newest = Prefetch(
        "revisions",
        ListingRevision.objects.select_related("category").order_by("-number"),
        to_attr="newest_first",
    )
    return Listing.objects.filter(_own(merchant_ids)).prefetch_related(newest).order_by("-id")


def get_listing(merchant_ids: MerchantIds, id: int) -> Listing:
    """Return a listing within the caller's reach, with its merchant and live revision."""
    listings = Listing.objects.filter(_own(merchant_ids)).select_related(
        "merchant", "live_revision__category"
    )
    found = listings.filter(pk=id).first()
    if found is None:
        raise NotFound("No such listing.")
    return found


def get_revision(merchant_ids: MerchantIds, id: int) -> ListingRevision:
    """Return a revision within the caller's reach, with its listing, merchant and category."""
    revisions = ListingRevision.objects.select_related(
        "listing__merchant", "listing__live_revision", "category"
    )
    found = revisions.filter(_own(merchant_ids, "listing__merchant_id"), pk=id).first()
    if found is None:
        raise NotFound("No such listing.")
    return found


def find_open_revision(listing: Listing) -> ListingRevision | None:
    """Return the listing's revision that is not decided yet; a constraint keeps it the only one."""
    return _open(listing).first()


def find_latest_revision(listing: Listing) -> ListingRevision | None:
    """Return the listing's newest revision, whatever became of it."""
    return listing.revisions.select_related("category").order_by("-number").first()


def list_revisions(listing: Listing) -> list[ListingRevision]:
    """List a listing's revisions, newest first."""
    return list(listing.revisions.select_related("category").order_by("-number"))


def list_listings(
    merchant_ids: MerchantIds,
    *,
    tab: Tab = Tab.ALL,
    search: str = "",
    after: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Page:
    """Return a page of listings, each with its live revision and all others newest first; two queries.

    search          part of a SKU or of a title
    after, before   the id that the neighbouring page ended or began with; one of them at most
    """
    listings = _searched(Listing.objects.filter(_own(merchant_ids)).filter(_TABS[tab]), search)
    if tab is not Tab.ALL:
        listings = listings.exclude(status=ListingStatus.ARCHIVED)
    if after is not None:
        listings = listings.filter(id__lt=after)
    if before is not None:
        listings = listings.filter(id__gt=before)
    newest = Prefetch(
        "revisions",
        ListingRevision.objects.select_related("category").order_by("-number"),
        to_attr="newest_first",
    )
    rows = list(
        listings.distinct()
        .select_related("live_revision__category")
        .prefetch_related(newest)
        .order_by("id" if before is not None else "-id")[: limit + 1]
    )
    has_more, rows = len(rows) > limit, rows[:limit]
    if before is not None:
        rows.reverse()
    has_next, has_previous = (True, has_more) if before is not None else (has_more, after is not None)
    return Page(
        rows,
        next_after=rows[-1].pk if rows and has_next else None,
        previous_before=rows[0].pk if rows and has_previous else None,
    )


def count_by_tab(merchant_ids: MerchantIds, *, search: str = "") -> dict[Tab, int]:
    """Count the listings in every tab; one query."""
    listings = _searched(Listing.objects.filter(_own(merchant_ids)), search)
    not_archived = ~Q(status=ListingStatus.ARCHIVED)
    counts = listings.aggregate(
        **{
            tab.value: Count(
                "pk", filter=condition & not_archived if tab is not Tab.ALL else None, distinct=True
            )
            for tab, condition in _TABS.items()
        }
    )
    return {tab: counts[tab.value] for tab in Tab}


def newest_of(listing: Listing) -> ListingRevision | None:
    """Return the newest revision of a listing from `list_listings`; no query."""
    revisions: list[ListingRevision] = listing.newest_first  # type: ignore[attr-defined]
    return revisions[0] if revisions else None


def find_oldest_unscreened() -> ListingRevision | None:
    """Return the submitted revision that has waited longest for its decision."""
    waiting = [RevisionStatus.SUBMITTED, RevisionStatus.SCREENING]
    return ListingRevision.objects.filter(status__in=waiting).order_by("submitted_at", "id").first()


def list_history(listing: Listing) -> list[TransitionRecord]:
    """List the moves of a listing and of all its revisions, oldest first; two queries."""
    revision_ids = list(listing.revisions.values_list("pk", flat=True))
    mine = Q(subject_kind="listing", subject_id=listing.pk)
    theirs = Q(subject_kind="revision", subject_id__in=revision_ids)
    return list(TransitionRecord.objects.filter(mine | theirs).order_by("id"))


def _own(merchant_ids: MerchantIds, field: str = "merchant_id") -> Q:
    return Q() if merchant_ids is None else Q(**{f"{field}__in": merchant_ids})


def _searched(listings: QuerySet[Listing], search: str) -> QuerySet[Listing]:
    text = search.strip()
    if not text:
        return listings
    return listings.filter(Q(sku__icontains=text) | Q(revisions__title__icontains=text))


def _open(listing: Listing) -> QuerySet[ListingRevision]:
    return listing.revisions.filter(status__in=OPEN_STATUSES).select_related("category")
