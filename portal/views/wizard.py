"""The application wizard: one page per step, saved as it goes, left and resumed at will."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.errors import ValidationFailed
from core.ui.toasts import add_toast
from intake import pipeline
from merchants import services
from merchants.answers import ApplicationFields
from merchants.models import MerchantApplication
from merchants.permissions import Access, Area
from merchants.requirements import TERMS, TERMS_VERSION

from ..access import Shop, merchant_page
from ..device import keep_device, read_address, read_device
from ..forms.application import FORMS
from ..forms.documents import TermsForm, UploadForm
from ..pages import add_errors, show
from ..steps import Step, get_step
from .application import EDITABLE, get_current, show_documents, summarise


@require_http_methods(["GET", "HEAD", "POST"])
@merchant_page(Area.APPLICATION, Access.WRITE)
def step(request: HttpRequest, shop: Shop, step: str) -> HttpResponse:
    """Show one step, or save it and go on."""
    application = get_current(shop)
    if application.status not in EDITABLE:
        return redirect("portal:application")
    steps, position = get_step(application, step)
    answer = {"documents": _documents, "submit": _submit}.get(step, _answers)
    response = answer(request, shop, application, steps, position)
    keep_device(request, response)
    return response


def _answers(
    request: HttpRequest, shop: Shop, application: MerchantApplication, steps: list[Step], position: int
) -> HttpResponse:
    here = steps[position]
    is_later = "later" in request.POST
    form = FORMS[here.slug](application, request.POST or None, only=here.only, is_partial=is_later)
    if request.method == "POST" and form.is_valid():
        try:
            fields = form.as_fields(device_ref=read_device(request), ip=read_address(request))
            services.save_application(application, fields, actor=shop.actor)
        except ValidationFailed as failure:
            add_errors(form, failure)
        else:
            return _go_on(request, steps, position, is_later)
    warning = application.is_registration_valid is False and "registration_number" in form.fields
    context = {"form": form, "has_wrong_number": warning and not form.errors}
    return _page(request, shop, "portal/application/answers.html", steps, position, context)


def _documents(
    request: HttpRequest, shop: Shop, application: MerchantApplication, steps: list[Step], position: int
) -> HttpResponse:
    kinds = [state.requirement.code.removeprefix("document_") for state in steps[position].states]
    forms = {kind: UploadForm(kind) for kind in kinds}
    kind = request.POST.get("kind", "")
    if request.method == "POST" and kind in forms:
        form = forms[kind] = UploadForm(kind, request.POST, request.FILES)
        if form.is_valid():
            try:
                services.add_document(application, form.cleaned_data["file"], kind, actor=shop.actor)
            except ValidationFailed as failure:
                for error in failure.errors:
                    form.add_error("file", error.detail)
            else:
                add_toast(request, _("File uploaded"))
                return redirect(steps[position].href)
    uploaded = show_documents(application)
    rows = [
        {
            "state": state,
            "form": forms[kind],
            "documents": [one for one in uploaded if one["kind"] == kind],
        }
        for kind, state in zip(kinds, steps[position].states, strict=True)
    ]
    return _page(request, shop, "portal/application/documents.html", steps, position, {"rows": rows})


def _submit(
    request: HttpRequest, shop: Shop, application: MerchantApplication, steps: list[Step], position: int
) -> HttpResponse:
    needs_terms = application.terms_version != TERMS_VERSION
    form = TermsForm(request.POST or None) if needs_terms else None
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            _hand_in(request, shop, application, needs_terms)
        except ValidationFailed:
            pass  # The page lists what is missing by itself, with the way to each step.
        else:
            add_toast(request, _("Application submitted"))
            return redirect("portal:application")
        steps, position = get_step(application, "submit")
        form = None if application.terms_version == TERMS_VERSION else form
    missing = [
        {"label": state.requirement.label, "why": state.requirement.why, "href": one.href}
        for one in steps
        for state in one.states
        if state.is_blocking and state.requirement.code != TERMS
    ]
    context = {"form": form, "missing": missing, "summary": summarise(application)}
    context["documents"] = show_documents(application)
    return _page(request, shop, "portal/application/submit.html", steps, position, context)


def _hand_in(request: HttpRequest, shop: Shop, application: MerchantApplication, needs_terms: bool) -> None:
    origin = {"device_ref": read_device(request), "ip": read_address(request)}
    terms = TERMS_VERSION if needs_terms else None
    fields = ApplicationFields(terms_version=terms, **origin)
    services.save_application(application, fields, actor=shop.actor)
    pipeline.submit_application(application, actor=shop.actor, at=timezone.now())


def _go_on(request: HttpRequest, steps: list[Step], position: int, is_later: bool) -> HttpResponse:
    if is_later:
        add_toast(request, _("Saved. You can go on whenever you like."))
        return redirect("portal:application")
    return redirect(steps[position + 1].href)


def _page(
    request: HttpRequest,
    shop: Shop,
    template: str,
    steps: list[Step],
    position: int,
    context: dict[str, Any],
) -> HttpResponse:
    previous = steps[position - 1] if position else None
    following = steps[position + 1] if position + 1 < len(steps) else None
    is_refused = request.method == "POST"
    frame = {
        "steps": steps,
        "step": steps[position],
        "step_labels": [one.label for one in steps],
        "step_number": position + 1,
        "previous": previous,
        "following": following,
    }
    return show(request, shop, template, {**frame, **context}, status=422 if is_refused else 200)
