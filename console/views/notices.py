"""One's notifications: the list, marking them read, and what comes by mail."""

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cases.breaks import find_reviewer, set_break_minutes
from console.access import staff_page, user_of
from console.notice_forms import NoticeForm
from console.noticed import read_notices
from console.pages import show
from console.paging import page_of
from core.ids import decode
from core.ui.toasts import add_toast
from delivery import choices, inbox


@require_safe
@staff_page()
def notice_list(request: HttpRequest) -> HttpResponse:
    user, only_unread = user_of(request), request.GET.get("tab") != "all"
    page = page_of(request, inbox.list_notifications(user, only_unread=only_unread), keys=("-id",))
    context = {
        "page": page,
        "rows": read_notices(page.rows, user),
        "is_all": not only_unread,
        "tabs": [
            {"label": _("Unread"), "href": "?", "is_current": only_unread},
            {"label": _("All"), "href": "?tab=all", "is_current": not only_unread},
        ],
        "now": timezone.now(),
    }
    return show(request, "console/notice_list.html", context)


@require_POST
@staff_page()
def read(request: HttpRequest) -> HttpResponse:
    """Mark one (`id`) or all as read; with `open` the answer leads to what it is about."""
    user, now, id = user_of(request), timezone.now(), request.POST.get("id", "")
    notice = inbox.get_notification(decode("ntc", id), user) if id else None
    marked = inbox.mark_read(user, at=now, notification=notice)
    opened = request.POST.get("open", "")
    if opened and url_has_allowed_host_and_scheme(opened, allowed_hosts=None):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = opened
        return response
    if marked:
        text = ngettext("%(n)s notification marked read", "%(n)s notifications marked read", marked)
        undo = reverse("console:notices-undo") + "?" + urlencode({"at": now.isoformat()})
        add_toast(request, text % {"n": marked}, undo_url=undo)
    return redirect("console:notices")


@require_POST
@staff_page()
def undo(request: HttpRequest) -> HttpResponse:
    """Take back the marking of a moment (`at`)."""
    if (moment := _moment(request.GET.get("at", ""))) is not None:
        inbox.mark_unread(user_of(request), read_at=moment)
    return redirect("console:notices")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page()
def settings(request: HttpRequest) -> HttpResponse:
    """Choose how each kind of news arrives, and when the daily mail does."""
    user = user_of(request)
    initial = {
        **choices.channels_of(user),
        "hour": choices.digest_hour(user),
        "time_zone": user.time_zone,
        "break_minutes": find_reviewer(user).break_minutes,
    }
    form = NoticeForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        choices.choose(
            user,
            form.channels(),
            hour=form.cleaned_data["hour"],
            time_zone=form.cleaned_data["time_zone"],
        )
        set_break_minutes(user, form.cleaned_data["break_minutes"])
        add_toast(request, _("Saved"))
        return redirect("console:notice-settings")
    status = 422 if request.method == "POST" else 200
    return show(request, "console/notice_settings.html", {"form": form}, status=status)


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None
