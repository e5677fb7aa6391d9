"""Macros: the verdicts one has written down, one's own and those shared on a queue."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from cases import macros
from cases.macros_models import Macro
from console.access import staff_page, user_of
from console.macro_forms import MacroForm
from console.pages import show
from console.paging import page_of
from core.errors import Conflict, DomainError, NotFound, ValidationFailed
from core.ids import decode
from core.ui.toasts import add_toast
from risk.models import Subject

_TEXTS = ("kind", "is_final", "hold_hours", "message", "note")


@require_safe
@staff_page(Permission.REVIEW_CASES)
def macro_list(request: HttpRequest) -> HttpResponse:
    """List one's own macros and those of the queues one works on."""
    user = user_of(request)
    page = page_of(request, macros.list_macros(user), keys=("-id",))
    context = {
        "page": page,
        "rows": [(row, macros.may_change(row, user)) for row in page.rows],
        "subjects": Subject.choices,
    }
    return show(request, "console/macro_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.REVIEW_CASES)
def macro_new(request: HttpRequest) -> HttpResponse:
    """Write a macro down; `?subject=` says of which cases, `draft` that a verdict form is where it starts."""
    user, subject = user_of(request), request.GET.get("subject", Subject.ORDER)
    if subject not in Subject.values:
        raise NotFound("No such subject.")
    is_sent = request.method == "POST" and "draft" not in request.POST
    form = MacroForm(
        request.POST if is_sent else None, subject=subject, user=user, initial=_started(request) or None
    )
    if is_sent and form.is_valid():
        try:
            made = macros.create_macro(
                form.macro_fields(), subject=subject, by=user, at=timezone.now(), queue=form.chosen_queue
            )
        except DomainError as refusal:
            _add_errors(form, refusal)
        else:
            add_toast(request, _("%(name)s is kept") % {"name": made})
            return redirect("console:macros")
    subjects = [
        {"label": label, "href": f"?subject={value}", "count": None, "is_current": value == subject}
        for value, label in Subject.choices
    ]
    context = {"form": form, "tabs": subjects}
    return show(request, "console/macro.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.REVIEW_CASES)
def macro(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show a macro to everybody it is offered to, and let whoever keeps it change it."""
    user, found = user_of(request), _macro_of(request, public_id)
    may_change = macros.may_change(found, user)
    initial = {name: getattr(found, name) for name in (*_TEXTS, "name", "name_zh", "reason_codes")}
    form = MacroForm(
        request.POST if request.method == "POST" else None,
        subject=found.subject,
        user=user,
        macro=found,
        initial=initial,
    )
    if not may_change:
        for field in form.fields.values():
            field.disabled = True
    if request.method == "POST" and form.is_valid():
        try:
            macros.change_macro(found, form.macro_fields(), by=user)
        except (ValidationFailed, Conflict) as refusal:
            _add_errors(form, refusal)
        else:
            add_toast(request, _("%(name)s is kept") % {"name": form.cleaned_data["name"]})
            return redirect("console:macros")
    context = {"form": form, "macro": found, "may_change": may_change, "public_id": public_id}
    return show(request, "console/macro.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def remove(request: HttpRequest, public_id: str) -> HttpResponse:
    """Offer a macro no longer."""
    found = _macro_of(request, public_id)
    macros.remove_macro(found, by=user_of(request), at=timezone.now())
    undo_url = reverse("console:macro-restore", args=[public_id])
    add_toast(request, _("%(name)s is removed") % {"name": found}, undo_url=undo_url)
    return redirect("console:macros")


@require_POST
@staff_page(Permission.REVIEW_CASES)
def restore(request: HttpRequest, public_id: str) -> HttpResponse:
    """Undo a removal."""
    found = _macro_of(request, public_id)
    try:
        macros.restore_macro(found, by=user_of(request))
    except Conflict as refusal:
        add_toast(request, refusal.message, kind="error")
    return redirect("console:macros")


def _macro_of(request: HttpRequest, public_id: str) -> Macro:
    return macros.get_macro(decode("mac", public_id), user_of(request))


def _started(request: HttpRequest) -> dict[str, Any]:
    """Return what a half-filled verdict form brought along."""
    if "draft" not in request.POST:
        return {}
    texts = {name: request.POST[name] for name in _TEXTS if name in request.POST}
    return {**texts, "reason_codes": request.POST.getlist("reason_codes")}


def _add_errors(form: MacroForm, refusal: DomainError) -> None:
    if not isinstance(refusal, ValidationFailed):
        form.add_error(None, refusal.message)
        return
    for error in refusal.errors:
        name = error.pointer.split("/")[1]
        form.add_error(name if name in form.fields else None, error.detail)
