"""What a merchant does to listings: write, submit, take back, switch on and off."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog import selectors, services
from catalog.models import Listing, ListingRevision
from catalog.selectors import EDITABLE_STATUSES
from core.errors import Conflict, DomainError, InvalidTransition, NotFound, ValidationFailed
from core.ids import encode
from core.ui.toasts import add_toast
from intake import pipeline, withdrawals
from merchants.models import MerchantStatus
from merchants.permissions import Access, Area
from orders.models import OrderLine, OrderStatus

from ..access import Shop, merchant_page
from ..forms.listings import ListingForm, StockForm
from ..pages import add_errors, show
from .listings import get_listing, image_href

_OPEN_ORDERS = (
    OrderStatus.RECEIVED,
    OrderStatus.AWAITING_PAYMENT,
    OrderStatus.AWAITING_ACCEPTANCE,
    OrderStatus.AWAITING_FULFILMENT,
    OrderStatus.PARTIALLY_SHIPPED,
)


@require_http_methods(["GET", "HEAD", "POST"])
@merchant_page(Area.LISTINGS, Access.WRITE)
def create(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Write a new listing; the draft is kept even if it cannot be submitted yet."""
    form = ListingForm(request.POST or None, request.FILES or None, is_draft=_is_draft(request))
    if request.method == "POST" and form.is_valid():
        try:
            revision = services.create_listing(
                shop.merchant,
                form.as_fields(),
                sku=form.cleaned_data["sku"],
                stock=form.cleaned_data["stock"],
                actor=shop.actor,
                at=timezone.now(),
            )
        except ValidationFailed as failure:
            add_errors(form, failure)
        else:
            return _after_saving(request, shop, revision)
    return _form_page(request, shop, form, None, None)


@require_http_methods(["GET", "HEAD", "POST"])
@merchant_page(Area.LISTINGS, Access.WRITE)
def edit(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    """Change the open draft, or write the next version of what is live."""
    listing = get_listing(shop, public_id)
    draft = selectors.find_open_revision(listing)
    if draft is not None and draft.status not in EDITABLE_STATUSES:
        add_toast(request, _("This version is being checked. Withdraw it to change it."), kind="info")
        return redirect("portal:listing", public_id)
    shown = draft or listing.live_revision or selectors.find_latest_revision(listing)
    form = ListingForm(
        request.POST or None, request.FILES or None, revision=shown, is_draft=_is_draft(request)
    )
    if request.method == "POST" and form.is_valid():
        try:
            return _after_saving(request, shop, _save(listing, draft, form, shop))
        except ValidationFailed as failure:
            add_errors(form, failure)
    return _form_page(request, shop, form, listing, shown)


@require_POST
@merchant_page(Area.LISTINGS, Access.WRITE)
def submit(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    return _hand_in(request, shop, _open_revision(get_listing(shop, public_id)))


@require_POST
@merchant_page(Area.LISTINGS, Access.WRITE)
def withdraw(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    revision = _open_revision(get_listing(shop, public_id))
    withdrawals.withdraw_revision(revision, actor=shop.actor, at=timezone.now())
    add_toast(request, _("Version withdrawn"))
    return redirect("portal:listing", public_id)


@require_POST
@merchant_page(Area.LISTINGS, Access.WRITE)
def stock(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    listing, form = get_listing(shop, public_id), StockForm(request.POST)
    if form.is_valid():
        try:
            services.set_stock(listing, form.cleaned_data["stock"], actor=shop.actor)
            add_toast(request, _("Stock saved"))
        except ValidationFailed as failure:
            add_toast(request, failure.errors[0].detail, kind="error")
    else:
        add_toast(request, _("Please enter a whole number."), kind="error")
    return redirect("portal:listing", public_id)


@require_POST
@merchant_page(Area.LISTINGS, Access.WRITE)
def pause(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    return _switch(request, shop, public_id, services.pause_listing, _("Listing paused"), "resume")


@require_POST
@merchant_page(Area.LISTINGS, Access.WRITE)
def resume(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    return _switch(request, shop, public_id, services.resume_listing, _("Listing is on sale again"), "pause")


@require_POST
@merchant_page(Area.LISTINGS, Access.WRITE)
def archive(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    """End a listing for good, unless buyers still wait for it."""
    listing = get_listing(shop, public_id)
    try:
        services.archive_listing(listing, open_orders=_count_open_orders(listing), actor=shop.actor)
    except Conflict as refusal:
        text = _("Finish the open orders for this listing first.")
        add_toast(request, text if refusal.code == "open_orders" else refusal.message, kind="error")
        return redirect("portal:listing", public_id)
    add_toast(request, _("Listing archived"))
    return redirect("portal:listings")


def _is_draft(request: HttpRequest) -> bool:
    return "draft" in request.POST


def _save(listing: Listing, draft: ListingRevision | None, form: ListingForm, shop: Shop) -> ListingRevision:
    fields, at = form.as_fields(), timezone.now()
    if draft is None:
        return services.start_revision(listing, fields, actor=shop.actor, at=at)
    services.save_revision(draft, fields, actor=shop.actor, at=at)
    return draft


def _after_saving(request: HttpRequest, shop: Shop, revision: ListingRevision) -> HttpResponse:
    if _is_draft(request) or shop.merchant.status != MerchantStatus.ACTIVE:
        add_toast(request, _("Draft saved"))
        return redirect("portal:listing", encode("lst", revision.listing_id))
    fresh = selectors.get_revision(shop.merchant_ids, revision.pk)
    return _hand_in(request, shop, fresh)


def _hand_in(request: HttpRequest, shop: Shop, revision: ListingRevision) -> HttpResponse:
    """Submit and say what came of it; what is missing is shown on the listing's page."""
    try:
        pipeline.submit_revision(revision, actor=shop.actor, at=timezone.now())
    except ValidationFailed:
        add_toast(request, _("Draft saved. Some fields are still missing."), kind="warning")
    except InvalidTransition:
        add_toast(request, _("This version has been submitted already."), kind="info")
    except DomainError as refusal:
        add_toast(request, refusal.message, kind="error")
    else:
        add_toast(request, _("Submitted for review"))
    return redirect("portal:listing", encode("lst", revision.listing_id))


def _switch(
    request: HttpRequest,
    shop: Shop,
    public_id: str,
    change: Callable[..., None],
    text: str,
    undo: str,
) -> HttpResponse:
    """Change at once, with Undo: nothing is lost either way."""
    change(get_listing(shop, public_id), actor=shop.actor)
    add_toast(request, text, undo_url=reverse(f"portal:listing_{undo}", args=[public_id]))
    return redirect("portal:listing", public_id)


def _open_revision(listing: Listing) -> ListingRevision:
    revision = selectors.find_open_revision(listing)
    if revision is None:
        raise NotFound("No such version.")
    return selectors.get_revision(None, revision.pk)


def _count_open_orders(listing: Listing) -> int:
    lines = OrderLine.objects.filter(
        order__merchant_id=listing.merchant_id, order__status__in=_OPEN_ORDERS, listing_id=listing.pk
    )
    return lines.values("order_id").distinct().count()


def _form_page(
    request: HttpRequest,
    shop: Shop,
    form: ListingForm,
    listing: Listing | None,
    shown: ListingRevision | None,
) -> HttpResponse:
    context = {
        "form": form,
        "listing": listing,
        "public_id": encode("lst", listing.pk) if listing else "",
        "image_href": image_href(shown) if shown else "",
        "can_sell": shop.merchant.status == MerchantStatus.ACTIVE,
        "is_live": listing is not None and listing.live_revision_id is not None,
    }
    status = 422 if request.method == "POST" else 200
    return show(request, shop, "portal/listings/form.html", context, status=status)
