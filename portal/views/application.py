"""The application: its state, its documents, and what the merchant may still do about it."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.actors import actor_of
from accounts.models import User
from catalog.selectors import find_category
from core.countries import country_name
from core.downloads import private_file
from core.errors import Conflict, NotFound
from core.ids import decode, encode
from core.reasons import merchant_sentences
from core.refs import Ref
from core.ui.toasts import add_toast
from intake import withdrawals
from merchants import selectors, services
from merchants.documents import open_document
from merchants.models import ApplicationStatus, Document, MerchantApplication, MerchantStatus
from merchants.permissions import Access, Area
from merchants.progress import assess_application
from merchants.requirements import TERMS_VERSION, Due, RequirementStatus, requirements_for

from ..access import Shop, choose_merchant, merchant_page, user_page
from ..history import as_events
from ..pages import show
from ..statements import show_statement
from ..steps import find_next_step, list_steps

EDITABLE = {ApplicationStatus.DRAFT, ApplicationStatus.INFO_REQUESTED}
_ENDED = {ApplicationStatus.REJECTED, ApplicationStatus.WITHDRAWN, ApplicationStatus.EXPIRED}
_CHECKING = {ApplicationStatus.SUBMITTED, ApplicationStatus.SCREENING}
_WALK = (
    gettext_lazy("Fill in"),
    gettext_lazy("Automatic checks"),
    pgettext_lazy("step", "Review"),
    pgettext_lazy("step", "Decision"),
)
# Where each state stands in that walk, counted from 1; one past the end is all done.
_WALK_AT = {
    ApplicationStatus.DRAFT: 1,
    ApplicationStatus.SUBMITTED: 2,
    ApplicationStatus.SCREENING: 2,
    ApplicationStatus.IN_REVIEW: 3,
    ApplicationStatus.INFO_REQUESTED: 3,
}


@require_safe
@merchant_page(Area.APPLICATION)
def status(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Show where the application stands; while the checks run, the page asks again by itself."""
    application = selectors.find_latest_application(shop.merchant)
    if application is None:
        return show(request, shop, "portal/application/none.html", {})
    is_editable = application.status in EDITABLE
    context = {
        "rows": _rows(application),
        "steps": list_steps(application) if is_editable else [],
        "next_step": find_next_step(application) if is_editable else None,
        "documents": show_documents(application),
        "statement": show_statement(
            Ref("application", application.pk),
            application.rejection_statement_id,
            application.request_statement_id,
        ),
        "events": as_events(selectors.list_history(application), shop),
        "sentences": merchant_sentences(application.reason_codes),
        "items": _requested(application),
        "is_checking": application.status in _CHECKING,
        "can_withdraw": application.status in selectors.OPEN_STATUSES,
        "can_restart": _can_restart(application),
        "walk": _WALK,
        "walk_at": _WALK_AT.get(ApplicationStatus(application.status), len(_WALK) + 1),
        **_expectation(application, at=timezone.now()),
    }
    return show(request, shop, "portal/application/status.html", context)


@require_POST
@user_page
def start(request: HttpRequest, user: User) -> HttpResponse:
    """Open a first, or a further, merchant account with a draft."""
    application = services.start_application(user, at=timezone.now(), actor=actor_of(user))
    choose_merchant(request, user, application.merchant_id)
    return redirect(find_next_step(application).href)


@require_POST
@merchant_page(Area.APPLICATION, Access.WRITE)
def restart(request: HttpRequest, shop: Shop) -> HttpResponse:
    """Open the next attempt after one that ended."""
    application = get_current(shop)
    if application.status not in _ENDED:
        raise Conflict("There is an open application already.", code="application_open")
    again = services.restart_application(application, user=shop.user, at=timezone.now(), actor=shop.actor)
    add_toast(request, _("New attempt started from your last answers"))
    return redirect(find_next_step(again).href)


@require_POST
@merchant_page(Area.APPLICATION, Access.WRITE)
def withdraw(request: HttpRequest, shop: Shop) -> HttpResponse:
    withdrawals.withdraw_application(get_current(shop), actor=shop.actor, at=timezone.now())
    add_toast(request, _("Application withdrawn"))
    return redirect("portal:application")


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Show the seller terms; they are no secret."""
    return render(request, "portal/application/terms.html", {"version": TERMS_VERSION})


@require_safe
@merchant_page(Area.APPLICATION)
def document(request: HttpRequest, shop: Shop, public_id: str) -> HttpResponseBase:
    """Send a document to a member, on record."""
    found = selectors.get_document(shop.merchant_ids, decode("doc", public_id))
    open_document(found, actor=shop.actor)
    extension = found.file.name.rpartition(".")[2] if found.file.name else "bin"
    return private_file(
        found.file, content_type=found.content_type, name=f"{found.kind}-{public_id}.{extension}"
    )


def get_current(shop: Shop) -> MerchantApplication:
    """Return the merchant's newest application; NotFound if a merchant came without one."""
    application = selectors.find_latest_application(shop.merchant)
    if application is None:
        raise NotFound("No such application.")
    return application


def summarise(application: MerchantApplication) -> list[tuple[Any, str]]:
    """Return the answers as pairs of term and value, in the order of the wizard; one query."""
    values = _values(application)
    owed = requirements_for(application.country, application.entity_type)
    return [(one.label, values[one.code]) for one in owed if one.code in values]


def _values(application: MerchantApplication) -> dict[str, str]:
    """Return what was answered by requirement, as people read it; the account number is masked."""
    category = find_category(application.category_code)
    return {
        "country": country_name(application.country) if application.country else "",
        "entity_type": application.get_entity_type_display(),
        "company_name": application.company_name,
        "registration_number": application.registration_number,
        "category_code": category.name if category else application.category_code,
        "contact_email": selectors.reveal(application.contact_email),
        "contact_phone": selectors.reveal(application.contact_phone),
        "bank_account": selectors.reveal_masked(application.bank_account),
    }


def _rows(application: MerchantApplication) -> list[dict[str, Any]]:
    """Return each requirement with its answer, or with why it is asked while there is none.

    Nothing can be sent to a closed application: what it came without, as imported ones do, is left out.
    """
    values = _values(application)
    is_open = application.status in selectors.OPEN_STATUSES
    return [
        {
            "label": state.requirement.label,
            "value": values.get(state.requirement.code, ""),
            "why": state.requirement.why,
            "is_later": state.requirement.due is Due.EVENTUALLY,
            "status": state.status,
        }
        for state in assess_application(application)
        if is_open or state.status is not RequirementStatus.INCOMPLETE
    ]


def show_documents(application: MerchantApplication) -> list[dict[str, Any]]:
    """Return the documents with their addresses, newest first."""
    return [_shown(document) for document in selectors.list_documents(application)]


def _shown(document: Document) -> dict[str, Any]:
    return {
        "kind": document.kind,
        "label": document.get_kind_display(),
        "content_type": document.content_type.rpartition("/")[2].upper(),
        "size_kb": max(1, document.size_bytes // 1024),
        "at": document.created_at,
        "href": reverse("portal:application_document", args=[encode("doc", document.pk)]),
    }


def _requested(application: MerchantApplication) -> list[dict[str, Any]]:
    """Return what is asked for again: the requirement's name, the sentence, the step that answers it."""
    if application.status != ApplicationStatus.INFO_REQUESTED:
        return []
    labels = {state.requirement.code: state.requirement.label for state in assess_application(application)}
    hrefs = {state.requirement.code: step.href for step in list_steps(application) for state in step.states}
    return [
        {
            "label": labels.get(item["requirement"], item["requirement"]),
            "sentence": item["message"] or merchant_sentences([item["code"]])[0],
            "is_answered": item["is_answered"],
            "href": hrefs.get(item["requirement"], ""),
        }
        for item in application.requested_items
    ]


def _can_restart(application: MerchantApplication) -> bool:
    return (
        application.status in _ENDED
        and application.merchant.status == MerchantStatus.ONBOARDING
        and "terminated_entity" not in application.reason_codes
        and not application.is_final
    )


def _expectation(application: MerchantApplication, *, at: datetime) -> dict[str, Any]:
    """Return how many wait before this one, and when half and nine tenths of late have been decided."""
    if application.status != ApplicationStatus.IN_REVIEW or application.submitted_at is None:
        return {}
    expected: dict[str, Any] = {"waiting_before": selectors.count_waiting_before(application)}
    waits = selectors.estimate_review_wait(at=at)
    if waits is not None:
        likely_at, latest_at = (application.submitted_at + wait for wait in waits)
        # A moment that has passed promises nothing any more.
        expected |= {"likely_at": likely_at if likely_at > at else None}
        expected |= {"latest_at": latest_at if latest_at > at else None}
    return expected
