"""Going off and coming back; the reminder of a break."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.permissions import Permission
from cases import breaks
from console.access import staff_page, user_of
from core.ui.toasts import add_toast


@require_POST
@staff_page(Permission.REVIEW_CASES)
def go_off(request: HttpRequest) -> HttpResponse:
    returned = breaks.go_off(user_of(request), at=timezone.now())
    if returned:
        text = ngettext(
            "%(n)s case went back to its queue", "%(n)s cases went back to their queues", returned
        )
        add_toast(request, text % {"n": returned}, kind="info")
    return redirect("console:queue-list")


@require_POST
@staff_page(Permission.REVIEW_CASES)
def come_back(request: HttpRequest) -> HttpResponse:
    breaks.come_back(user_of(request), at=timezone.now())
    add_toast(request, _("Welcome back"))
    return redirect("console:queue-list")


@require_POST
@staff_page(Permission.REVIEW_CASES)
def close_reminder(request: HttpRequest) -> HttpResponse:
    """Not now. With htmx the reminder alone goes, and what is typed beside it stays."""
    breaks.close_reminder(user_of(request), at=timezone.now())
    if request.headers.get("HX-Request"):
        return HttpResponse("")
    back = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if is_ours else "console:queue-list")
