"""Verdicts: what the merchant would read, and the decision itself."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from cases import selectors, services
from cases.models import Verdict, VerdictKind, VerdictStatus
from cases.statements import write_statement
from console.access import staff_page, user_of
from console.bands import live_bands
from console.forms import VerdictForm
from console.pages import show
from console.paging import page_of
from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from core.ids import decode, encode
from core.ui.toasts import add_toast

from .cases import case_of, open_next, show_case

LANGUAGES = ("en", "zh-hans")
_DONE = {
    VerdictKind.APPROVE: _("%(title)s: approved"),
    VerdictKind.REJECT: _("%(title)s: rejected"),
    VerdictKind.REQUEST_INFO: _("%(title)s: information requested"),
    VerdictKind.ESCALATE: _("%(title)s: escalated"),
    VerdictKind.HOLD: _("%(title)s: put aside"),
}


@require_POST
@staff_page(Permission.REVIEW_CASES)
def preview(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show what the merchant would read, in both languages."""
    found = case_of(request, public_id)
    statements = [
        write_statement(
            found,
            request.POST.get("kind", ""),
            reason_codes=request.POST.getlist("reason_codes"),
            message=request.POST.get("message", ""),
            language=language,
        )
        for language in LANGUAGES
    ]
    return render(request, "console/case/_preview.html", {"statements": statements, "case": found})


@require_POST
@staff_page(Permission.REVIEW_CASES)
def verdict(request: HttpRequest, public_id: str) -> HttpResponse:
    """Record the verdict and open the next case of the queue."""
    found, now = case_of(request, public_id), timezone.now()
    form = VerdictForm(request.POST, case=found)
    if not form.is_valid():
        return show_case(request, found, form=form, status=422)
    try:
        row = services.record_verdict(
            found, form.new_verdict(at=now), reviewer=user_of(request), at=now, undo_for=undo_time()
        )
    except ValidationFailed as refusal:
        for error in refusal.errors:
            form.add_error(_field_at(error.pointer, form), error.detail)
        return show_case(request, found, form=form, status=refusal.http_status)
    except Conflict as refusal:
        # What was typed stays on the page, beside what has changed.
        fresh = case_of(request, public_id)
        return show_case(request, fresh, form=form, refusal=refusal, status=refusal.http_status)
    add_toast(request, _done(row, found.title), undo_url=_undo_url(row))
    return open_next(request, found)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def undo(request: HttpRequest, verdict_id: str) -> HttpResponse:
    """Take a verdict back and open its case again."""
    case = services.undo_verdict(_verdict_of(request, verdict_id), user_of(request), at=timezone.now())
    add_toast(request, gettext("%(title)s: undone") % {"title": case.title}, kind="info")
    return redirect("console:case", encode("cas", case.pk))


@require_safe
@staff_page(Permission.REVIEW_CASES)
def signatures(request: HttpRequest) -> HttpResponse:
    """List what waits for a second signature that may be this reviewer's."""
    context = {
        "page": page_of(request, selectors.list_to_sign(user_of(request)), keys=("sort_key", "id")),
        "bands": live_bands(),
        "now": timezone.now(),
    }
    return show(request, "console/signature_list.html", context)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def sign(request: HttpRequest, verdict_id: str) -> HttpResponse:
    """Sign another reviewer's verdict, or refuse to; then back to what else waits for a signature."""
    row, now = _verdict_of(request, verdict_id), timezone.now()
    case = row.case
    try:
        if "refuse" in request.POST:
            services.refuse_verdict(row, user_of(request), note=request.POST.get("note", ""), at=now)
            add_toast(request, gettext("%(title)s: not signed, back in its queue") % {"title": case.title})
        else:
            signed = services.sign_verdict(row, user_of(request), at=now, undo_for=undo_time())
            add_toast(request, _done(signed, case.title), undo_url=_undo_url(signed))
    except ValidationFailed as refusal:
        add_toast(request, refusal.errors[0].detail, kind="error")
        return redirect("console:case", encode("cas", case.pk))
    except (Conflict, PermissionDenied) as refusal:
        add_toast(request, refusal.message, kind="error")
        return redirect("console:case", encode("cas", case.pk))
    return redirect("console:signatures")


def undo_time() -> timedelta:
    return timedelta(seconds=settings.REVIEW_UNDO_SECONDS)


def _verdict_of(request: HttpRequest, verdict_id: str) -> Verdict:
    """Return a verdict on a case that this reviewer may see; another one does not exist for them."""
    row = selectors.get_verdict(decode("ver", verdict_id))
    if not selectors.may_see(user_of(request), row.case):
        raise NotFound("No such verdict.")
    return row


def _done(row: Verdict, title: str) -> str:
    if row.status == VerdictStatus.AWAITING_SECOND:
        return gettext("%(title)s: waits for a second signature") % {"title": title}
    return str(_DONE[VerdictKind(row.kind)]) % {"title": title}


def _undo_url(row: Verdict) -> str | None:
    if row.status not in {VerdictStatus.PENDING, VerdictStatus.AWAITING_SECOND}:
        return None
    return reverse("console:verdict-undo", args=[encode("ver", row.pk)])


def _field_at(pointer: str, form: VerdictForm) -> str | None:
    name = pointer.split("/")[1]
    return name if name in form.fields else None
