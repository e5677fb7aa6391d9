"""Alerts on merchant accounts."""

from collections import defaultdict
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.actors import actor_of
from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.pages import show
from console.paging import page_of
from core.errors import NotFound
from core.ids import decode
from core.ui.toasts import add_toast
from risk.accounts import acknowledge
from risk.models import AccountScore, Alert

_HISTORY = timedelta(days=60)
_TABS = ("open", "all")


@require_safe
@staff_page(Permission.VIEW_ALL_MERCHANTS)
def alert_list(request: HttpRequest) -> HttpResponse:
    tab = "all" if request.GET.get("tab") == "all" else "open"
    alerts = Alert.objects.select_related("merchant")
    if tab == "open":
        alerts = alerts.filter(acknowledged_at=None)
    page = page_of(request, alerts, keys=("-id",))
    histories = _histories({alert.merchant_id for alert in page.rows})
    context = {
        "page": page,
        "rows": [(alert, histories[alert.merchant_id]) for alert in page.rows],
        "tabs": [
            {"label": _("Open"), "href": "?tab=open", "count": None, "is_current": tab == "open"},
            {"label": _("All"), "href": "?tab=all", "count": None, "is_current": tab == "all"},
        ],
        "now": timezone.now(),
    }
    return show(request, "console/alert_list.html", context)


@require_POST
@staff_page(Permission.VIEW_ALL_MERCHANTS)
def acknowledge_alert(request: HttpRequest, public_id: str) -> HttpResponse:
    """Say that somebody has seen to it."""
    alert = Alert.objects.filter(pk=decode("alr", public_id)).select_related("merchant").first()
    if alert is None:
        raise NotFound("No such alert.")
    acknowledge(alert, actor=actor_of(user_of(request)), at=timezone.now())
    add_toast(request, _("Alert on %(merchant)s acknowledged") % {"merchant": alert.merchant.name})
    return redirect("console:alerts")


def _histories(merchant_ids: set[int]) -> dict[int, list[float]]:
    """Return the scores of the last sixty days per merchant, oldest first; one query."""
    rows = AccountScore.objects.filter(
        merchant_id__in=merchant_ids, as_of__gte=timezone.now() - _HISTORY
    ).order_by("as_of")
    histories: dict[int, list[float]] = defaultdict(list)
    for merchant_id, score in rows.values_list("merchant_id", "score"):
        histories[merchant_id].append(score)
    return histories
