"""What the palette and the search page find beyond the page itself: by name, number or id."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.permissions import Permission, has_permission
from cases import selectors as cases
from catalog.models import ListingRevision
from core.errors import NotFound
from core.ids import decode, encode
from core.ui.statuses import find_status
from merchants.models import Membership, Merchant
from orders.models import Order
from orders.selectors import search_orders

from .subject_pages import pages_of

SHORTEST = 2
SHOWN = 6  # of each kind
# How far back orders and listings are looked for by name: no index begins with it. An id finds any.
NEWEST = 5_000


@dataclass(frozen=True)
class Found:
    """One line: what it is called, where it leads, what kind of thing it is and how it stands."""

    label: str
    href: str
    kind: str
    note: str = ""


def find(user: User, text: str) -> list[Found]:
    """Return what a text may mean to this person, the nearest to their work first; nothing below two letters.

    Merchants, listings and orders they belong to are left out, as everywhere in the console.
    """
    text = text.replace("\x00", "").strip()[:80]  # PostgreSQL takes no NUL
    if len(text) < SHORTEST:
        return []
    found: dict[str, Found] = {}  # by address: an order whose case is found already leads to the same page
    for permission, search in _SEARCHES:
        if permission is None or has_permission(user, permission):
            for one in islice(search(user, text), SHOWN):
                found.setdefault(one.href, one)
    return list(found.values())


def _pages(user: User, text: str) -> Iterator[Found]:
    for name, label, permission in _PAGES:
        is_open = permission is None or has_permission(user, permission)
        if is_open and text.lower() in str(label).lower():
            yield Found(str(label), reverse(f"console:{name}"), _("Page"))


_PAGES: Sequence[tuple[str, str | Promise, Permission | None]] = (
    ("home", gettext_lazy("Overview"), None),
    ("queue-list", gettext_lazy("Queues"), Permission.REVIEW_CASES),
    ("cases", gettext_lazy("Cases"), Permission.REVIEW_CASES),
    ("alerts", gettext_lazy("Alerts"), None),
    ("decisions", gettext_lazy("Decisions"), Permission.VIEW_ALL_MERCHANTS),
    ("rules", gettext_lazy("Rules"), Permission.VIEW_RULES),
    ("backtests", gettext_lazy("Backtests"), Permission.VIEW_RULES),
    ("lists", gettext_lazy("Lists"), Permission.VIEW_RULES),
    ("monitoring", gettext_lazy("Monitoring"), Permission.VIEW_RULES),
    ("models", gettext_lazy("Models"), Permission.VIEW_RULES),
    ("imports", gettext_lazy("Imports"), Permission.IMPORT_FILES),
)


def _queues(user: User, text: str) -> Iterator[Found]:
    for queue in cases.list_queues(user):
        if text.lower() in str(queue).lower():
            yield Found(str(queue), reverse("console:queue", args=[queue.code]), _("Queue"))


def _cases(user: User, text: str) -> Iterator[Found]:
    for case in cases.list_cases(user, q=text).order_by("-id")[:SHOWN]:
        note = f"{case.queue} · {find_status('case', case.status).label}"
        yield Found(case.title, reverse("console:case", args=[encode("cas", case.pk)]), _("Case"), note)


def _merchants(user: User, text: str) -> Iterator[Found]:
    """Lead to a merchant's decisions: merchants have no page of their own here."""
    wanted = _by_id("mer", text) or Q(name__icontains=text)
    found = Merchant.objects.filter(wanted).exclude(pk__in=_own(user)).order_by("-pk")[:SHOWN]
    for merchant in found:
        href = f"{reverse('console:decisions')}?q={encode('mer', merchant.pk)}"
        yield Found(merchant.name, href, _("Merchant"), str(find_status("merchant", merchant.status).label))


def _orders(user: User, text: str) -> Iterator[Found]:
    orders = Order.objects.all()
    if _by_id("ord", text) is None:
        orders = orders.filter(pk__in=Order.objects.order_by("-pk").values("pk")[:NEWEST])
    found = search_orders(orders, text).exclude(merchant__in=_own(user)).select_related("merchant")
    rows = list(found.order_by("-pk")[:SHOWN])
    pages = pages_of(user, "order", [order.pk for order in rows])
    for order in rows:
        if order.pk in pages:
            note = f"{order.merchant.name} · {find_status('order', order.status).label}"
            yield Found(order.external_id, pages[order.pk], _("Order"), note)


def _listings(user: User, text: str) -> Iterator[Found]:
    """Find revisions by title or SKU, the newest of each listing: a listing's case is about one."""
    newest = ListingRevision.objects.order_by("-pk").values("pk")[:NEWEST]
    named = Q(pk__in=newest) & (Q(title__icontains=text) | Q(listing__sku__istartswith=text))
    wanted = _by_id("rev", text) or _by_id("lst", text, "listing_id") or named
    found = ListingRevision.objects.filter(wanted).exclude(listing__merchant__in=_own(user))
    rows = list(found.select_related("listing__merchant").order_by("-pk")[: 3 * SHOWN])
    pages = pages_of(user, "listing", [row.pk for row in rows])
    seen: set[int] = set()
    for row in rows:
        if row.pk in pages and row.listing_id not in seen:
            seen.add(row.listing_id)
            note = f"{row.listing.merchant.name} · {row.listing.sku}"
            yield Found(row.title, pages[row.pk], _("Listing"), note)


def _decisions(_user: User, text: str) -> Iterator[Found]:
    if _by_id("dec", text) is not None:
        yield Found(text, reverse("console:decision", args=[text]), _("Decision"))


_SEARCHES: Sequence[tuple[Permission | None, Callable[[User, str], Iterator[Found]]]] = (
    (Permission.REVIEW_CASES, _cases),
    (Permission.REVIEW_CASES, _queues),
    (Permission.VIEW_ALL_MERCHANTS, _merchants),
    (Permission.VIEW_ALL_MERCHANTS, _orders),
    (Permission.VIEW_ALL_MERCHANTS, _listings),
    (Permission.VIEW_ALL_MERCHANTS, _decisions),
    (None, _pages),
)


def _own(user: User) -> Sequence[int]:
    return list(Membership.objects.filter(user=user).values_list("merchant_id", flat=True))


def _by_id(prefix: str, text: str, column: str = "pk") -> Q | None:
    """Return the condition of a public id, None if the text is none of this kind."""
    try:
        return Q(**{column: decode(prefix, text)})
    except NotFound:
        return None
