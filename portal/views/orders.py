"""Orders: the list by next action, one order, and what a member does with it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Conflict, ValidationFailed
from core.ids import decode, encode
from core.reasons import find_reason
from core.ui.toasts import add_toast
from merchants.permissions import Access, Area
from orders import handling, selectors
from orders.health import due_at
from orders.models import Order

from ..access import Shop, merchant_page
from ..forms.orders import RefuseForm, ShipForm
from ..order_page import describe, refund_form
from ..pages import frame, show
from ..paging import page_of

_TABS = {
    "all": gettext_lazy("All"),
    "accept": gettext_lazy("To accept"),
    "ship": gettext_lazy("To ship"),
    "held": gettext_lazy("On hold"),
    "waiting": gettext_lazy("Being checked"),
    "sent": gettext_lazy("On the way"),
    "done": gettext_lazy("Closed"),
}
# What a merchant may read of a refusal; the service's own sentence names states in English.
_REFUSALS = {
    "invalid_transition": gettext_lazy("The order has moved on meanwhile. This is how it stands now."),
    "stale_state": gettext_lazy("The order has moved on meanwhile. This is how it stands now."),
}


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    order: Order

    @property
    def public_id(self) -> str:
        return encode("ord", self.order.pk)

    @property
    def due_at(self) -> datetime | None:
        return due_at(self.order)

    @property
    def hold_sentence(self) -> str:
        return str(find_reason(self.order.hold_reason).merchant) if self.order.is_held else ""


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────
@require_safe
@merchant_page(Area.ORDERS)
def order_list(request: HttpRequest, shop: Shop) -> HttpResponse:
    tab = request.GET.get("tab", "all")
    tab = tab if tab in _TABS else "all"
    search = request.GET.get("q", "").strip()[:64]
    orders = selectors.list_orders(shop.merchant_ids)
    if tab != "all":
        orders = orders.filter(selectors.TABS[tab])
    if search:
        orders = selectors.search_orders(orders, search)
    page = page_of(request, orders, prefix="ord")
    context = {
        "rows": [Row(order) for order in page.rows],
        "page": page,
        "tab": tab,
        "search": search,
        "can_accept_many": tab == "accept" and shop.may(Area.ORDERS),
        "clear_href": f"?{urlencode({'tab': tab})}",
    }
    shown = frame(shop)
    context["order_tabs"] = [
        {
            "label": label,
            "href": f"?{urlencode({'tab': name})}",
            "count": shown["order_counts"].get(name),
            "is_current": name == tab,
        }
        for name, label in _TABS.items()
    ]
    return render(request, "portal/orders/list.html", {**shown, **context})


@require_safe
@merchant_page(Area.ORDERS)
def detail(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    return show(request, shop, "portal/orders/detail.html", describe(_get(shop, public_id), shop))


# ── Acting; each answers a repeated click with how the order stands ──────────────────────────────
@require_POST
@merchant_page(Area.ORDERS, Access.WRITE)
def accept(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    order = _get(shop, public_id)
    _act(
        request,
        lambda: handling.accept_order(order, actor=shop.actor, at=timezone.now()),
        done=_("Order %(number)s accepted. Ship it within two days.") % {"number": order.external_id},
    )
    return redirect("portal:order", public_id)


@require_POST
@merchant_page(Area.ORDERS, Access.WRITE)
def accept_many(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Accept what is selected; what has moved on meanwhile is counted, not forced."""
    accepted = 0
    chosen = request.POST.getlist("ids")[:200]
    for public_id in chosen:
        order = selectors.get_order(decode("ord", public_id), shop.merchant_ids)
        try:
            handling.accept_order(order, actor=shop.actor, at=timezone.now())
        except Conflict:
            continue
        accepted += 1
    text = ngettext("%(n)s order accepted.", "%(n)s orders accepted.", accepted) % {"n": accepted}
    add_toast(request, text, kind="success" if accepted else "warning")
    if left := len(chosen) - accepted:
        text = ngettext("%(n)s had moved on already.", "%(n)s had moved on already.", left) % {"n": left}
        add_toast(request, text, kind="warning")
    return redirect(f"{reverse('portal:orders')}?tab=accept")


@require_POST
@merchant_page(Area.ORDERS, Access.WRITE)
def ship(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    order = _get(shop, public_id)
    form = ShipForm(order.lines.all(), handling.pieces_left(order), request.POST)

    def work() -> None:
        handling.ship_order(
            order,
            carrier=form.cleaned_data["carrier"],
            tracking_number=form.cleaned_data["tracking_number"],
            quantities=form.pieces() if form.lines else None,
            actor=shop.actor,
            at=timezone.now(),
        )

    if _submit(request, form, work, done=_("Parcel recorded.")):
        return redirect("portal:order", public_id)
    return show(request, shop, "portal/orders/detail.html", describe(order, shop, ship_form=form), status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@merchant_page(Area.ORDERS, Access.WRITE)
def refuse(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    order = _get(shop, public_id)
    form = RefuseForm(request.POST if request.method == "POST" else None)

    def work() -> None:
        reason = form.cleaned_data["reason"]
        handling.refuse_order(order, actor=shop.actor, at=timezone.now(), reason=reason)

    done = _("Order %(number)s refused.") % {"number": order.external_id}
    if _submit(request, form, work, done=done):
        return redirect("portal:order", public_id)
    context = {"order": order, "public_id": public_id, "form": form}
    return show(request, shop, "portal/orders/refuse.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@merchant_page(Area.REFUNDS, Access.WRITE)
def refund(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponse:
    order = _get(shop, public_id)
    form = refund_form(order, request.POST if request.method == "POST" else None)

    def work() -> None:
        handling.request_refund(
            order,
            reason=form.cleaned_data["reason"],
            comment=form.cleaned_data["comment"],
            lines=form.lines_to_refund(),
            newest_seen=form.cleaned_data["newest_seen"],
            actor=shop.actor,
            at=timezone.now(),
        )

    if _submit(request, form, work, done=_("Refund requested. It waits for the payment provider.")):
        return redirect("portal:order", public_id)
    context = {
        "order": order,
        "public_id": public_id,
        "form": form,
        "refundable_minor": handling.refundable_minor(order),
    }
    return show(request, shop, "portal/orders/refund.html", context, status=422 if form.is_bound else 200)


def _submit(request: HttpRequest, form: Form, work: Callable[[], None], *, done: str) -> bool:
    """Run the work of a valid form; False if the form has to be shown, with what is wrong if anything is."""
    if not form.is_valid():
        return False
    try:
        _act(request, work, done=done)
    except ValidationFailed as failure:
        for error in failure.errors:
            field = error.pointer.strip("/")
            form.add_error(field if field in form.fields else None, error.detail)
        return False
    return True


def _act(request: HttpRequest, work: Callable[[], object], *, done: str) -> None:
    try:
        work()
    except Conflict as refusal:
        add_toast(request, str(_REFUSALS.get(refusal.code, refusal.message)), kind="warning")
    else:
        add_toast(request, done)


def _get(shop: Shop, public_id: str) -> Order:
    return selectors.get_order_with_details(decode("ord", public_id), shop.merchant_ids)
