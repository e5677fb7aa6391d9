"""Monitoring: brakes, what rules hold against their limits, how long decisions take and what failed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.brakes import describe_brakes
from console.monitoring import degraded_chart, latency_chart, list_days, list_holds
from console.monitoring_tabs import monitoring_tabs
from console.pages import show
from console.parity import list_nights, parity_chart
from console.refusals import sentence_of
from core.errors import Conflict, NotFound, ValidationFailed
from core.ids import decode
from core.ui.toasts import add_toast
from risk import services
from risk.models import Brake

_RELEASED = 10


@require_safe
@staff_page(Permission.VIEW_RULES)
def decisions(request: HttpRequest) -> HttpResponse:
    """Show how long decisions took and how many were degraded, per day."""
    days = list_days(at=timezone.now())
    context = {
        "days": list(reversed(days)),
        "latest": days[-1] if days else None,
        "latency": latency_chart(days),
        "degraded": degraded_chart(days),
        "tabs": monitoring_tabs("decisions"),
    }
    return show(request, "console/monitoring_decisions.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def parity(request: HttpRequest) -> HttpResponse:
    """Show whether the inputs that decisions were told equal their recomputation."""
    nights = list_nights()
    latest = nights[0] if nights else None
    context = {
        "nights": nights,
        "latest": latest,
        "period": f"{latest.run.since:%Y-%m-%d} – {latest.run.until:%Y-%m-%d}" if latest else "",
        "chart": parity_chart(nights),
        "tabs": monitoring_tabs("parity"),
        "now": timezone.now(),
    }
    return show(request, "console/parity.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def brakes(request: HttpRequest) -> HttpResponse:
    """Show what is braked, what was, and how near each live rule is to its limit."""
    now = timezone.now()
    pulled = Brake.objects.select_related("pulled_by", "released_by").order_by("-id")
    rows = describe_brakes([*pulled.filter(released_at=None), *pulled.exclude(released_at=None)[:_RELEASED]])
    standing = [row for row in rows if row.brake.released_at is None]
    context = {
        "standing": standing,
        "released": [row for row in rows if row.brake.released_at is not None],
        "holds": list_holds(at=now, braked={(row.brake.subject, row.brake.rule_code) for row in standing}),
        "tabs": monitoring_tabs("brakes"),
        "now": now,
    }
    return show(request, "console/monitoring.html", context)


@require_POST
@staff_page(Permission.EDIT_RULES)
def release(request: HttpRequest, public_id: str) -> HttpResponse:
    """Give a braked rule or model its effect again."""
    found = Brake.objects.filter(pk=decode("brk", public_id)).first()
    if found is None:
        raise NotFound("No such brake.")
    try:
        services.release_brake(found, by=user_of(request), at=timezone.now())
    except Conflict as refusal:
        add_toast(request, sentence_of(refusal), kind="info")
    else:
        add_toast(request, _("%(what)s has effect again") % {"what": describe_brakes([found])[0].title})
    return redirect("console:monitoring")


@require_POST
@staff_page(Permission.EDIT_RULES)
def pull(request: HttpRequest) -> HttpResponse:
    """Take a live rule out of effect by hand."""
    code = request.POST.get("rule_code", "")
    try:
        services.pull_brake(
            request.POST.get("subject", ""), rule_code=code, by=user_of(request), at=timezone.now()
        )
    except (Conflict, ValidationFailed) as refusal:
        add_toast(request, sentence_of(refusal), kind="error")
    else:
        add_toast(request, _("%(what)s is out of effect; what it held is decided again") % {"what": code})
    return redirect("console:monitoring")
