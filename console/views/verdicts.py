"""Verdicts: what the merchant would read, and the decision itself."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.permissions import Permission
from cases import services
from cases.models import VerdictKind
from cases.statements import write_statement
from console.access import staff_page, user_of
from console.forms import VerdictForm
from core.errors import Conflict, ValidationFailed
from core.ui.toasts import add_toast

from .cases import case_of, open_next, show_case

_LANGUAGES = ("en", "zh-hans")
_DONE = {
    VerdictKind.APPROVE: _("%(title)s: approved"),
    VerdictKind.REJECT: _("%(title)s: rejected"),
    VerdictKind.REQUEST_INFO: _("%(title)s: information requested"),
    VerdictKind.ESCALATE: _("%(title)s: escalated"),
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
        for language in _LANGUAGES
    ]
    return render(request, "console/case/_preview.html", {"statements": statements, "case": found})


@require_POST
@staff_page(Permission.REVIEW_CASES)
def verdict(request: HttpRequest, public_id: str) -> HttpResponse:
    """Record the verdict and open the next case of the queue."""
    found = case_of(request, public_id)
    form = VerdictForm(request.POST, case=found)
    if not form.is_valid():
        return show_case(request, found, form=form, status=422)
    try:
        row = services.record_verdict(found, form.new_verdict(), reviewer=user_of(request), at=timezone.now())
    except ValidationFailed as refusal:
        for error in refusal.errors:
            form.add_error(_field_at(error.pointer, form), error.detail)
        return show_case(request, found, form=form, status=refusal.http_status)
    except Conflict as refusal:
        # What was typed stays on the page, beside what has changed.
        fresh = case_of(request, public_id)
        return show_case(request, fresh, form=form, refusal=refusal, status=refusal.http_status)
    add_toast(request, str(_DONE[VerdictKind(row.kind)]) % {"title": found.title})
    return open_next(request, found)


def _field_at(pointer: str, form: VerdictForm) -> str | None:
    name = pointer.split("/")[1]
    return name if name in form.fields else None
