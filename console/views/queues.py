"""Queues, one queue in order of work, and "Next"."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from cases import selectors as cases
from cases import services
from cases.models import CaseStatus, Queue
from cases.quality.hiding import shown_to
from console.access import staff_page, user_of
from console.bands import live_bands
from console.pages import show
from console.paging import page_of
from core.errors import Conflict, NotFound
from core.ids import encode
from core.ui.statuses import find_status
from core.ui.toasts import add_toast

_IN_ORDER_OF_WORK = ("sort_key", "id")
# Shown as tabs; what is over is shown newest first.
_TABS = (
    CaseStatus.QUEUED,
    CaseStatus.CLAIMED,
    CaseStatus.AWAITING_SECOND,
    CaseStatus.AWAITING_SUBJECT,
    CaseStatus.ON_HOLD,
    CaseStatus.RESOLVED,
)


@require_safe
@staff_page(Permission.REVIEW_CASES)
def queue_list(request: HttpRequest) -> HttpResponse:
    queues = cases.list_queue_numbers(user_of(request), at=timezone.now())
    return show(request, "console/queue_list.html", {"queues": queues})


@require_safe
@staff_page(Permission.REVIEW_CASES)
def queue(request: HttpRequest, code: str) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    found = queue_of(request, code)
    numbers = next(n for n in cases.list_queue_numbers(user, at=now) if n.queue.pk == found.pk)
    status = request.GET.get("status", "")
    status = status if status in CaseStatus.values else CaseStatus.QUEUED
    rows = cases.for_a_list(found.cases.filter(shown_to(user), status=status))
    keys = ("-id",) if status in {CaseStatus.RESOLVED, CaseStatus.CANCELLED} else _IN_ORDER_OF_WORK
    context = {
        "queue": found,
        "numbers": numbers,
        "status": status,
        "page": page_of(request, rows, keys=keys),
        "bands": live_bands(),
        "tabs": _tabs(status, numbers),
        "now": now,
    }
    return show(request, "console/queue.html", context)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def claim_next(request: HttpRequest) -> HttpResponse:
    """Claim the next case, from one queue if `queue` names it, and open it."""
    code = request.POST.get("queue", "")
    chosen = queue_of(request, code) if code else None
    try:
        case = services.claim_next(user_of(request), at=timezone.now(), queue=chosen)
    except Conflict as refusal:
        add_toast(request, refusal.message, kind="info")
        return redirect("console:queue-list")
    if case is None:
        add_toast(request, _("Nothing is waiting. Well done."), kind="info")
        return redirect(reverse("console:queue", args=[code]) if code else reverse("console:queue-list"))
    return redirect("console:case", encode("cas", case.pk))


def queue_of(request: HttpRequest, code: str) -> Queue:
    """Return a queue this reviewer may see; another one does not exist for them."""
    found = cases.list_queues(user_of(request)).filter(code=code).first()
    if found is None:
        raise NotFound("No such queue.")
    return found


def _tabs(current: str, numbers: cases.QueueNumbers) -> list[dict[str, object]]:
    counts = {
        CaseStatus.QUEUED: numbers.waiting,
        CaseStatus.CLAIMED: numbers.claimed,
        CaseStatus.AWAITING_SECOND: numbers.awaiting_second,
        CaseStatus.AWAITING_SUBJECT: numbers.awaiting_merchant,
        CaseStatus.ON_HOLD: numbers.on_hold,
    }
    return [
        {
            "label": find_status("case", status).label,
            "href": f"?status={status.value}",
            "count": counts.get(status),
            "is_current": status == current,
        }
        for status in _TABS
    ]
