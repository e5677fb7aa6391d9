"""Writes on merchant applications: the applicant's side, and the effects of decisions and verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from core import audit, journal, outbox
from core.actors import SYSTEM, Actor
from core.errors import Conflict, FieldError, ValidationFailed
from core.models import Effect
from core.outbox import TaskCall
from core.refs import Ref
from core.statements import About, Fact, give_reasons
from core.uploads import Upload

from . import documents
from .answers import ApplicationFields, clean_answers
from .models import (
    ApplicationStatus,
    Document,
    MemberRole,
    Membership,
    Merchant,
    MerchantApplication,
    MerchantStatus,
)
from .progress import assess_application
from .requirements import TERMS, document_code, requirements_for
from .selectors import OPEN_STATUSES
from .states import APPLICATION, MERCHANT

# Shown until the applicant has named the company.
UNNAMED = "New merchant"
_EDITABLE = frozenset({ApplicationStatus.DRAFT, ApplicationStatus.INFO_REQUESTED})
# Answers that a later attempt starts from; terms are agreed to afresh, documents are uploaded afresh.
_CARRIED = (
    "company_name", "country", "entity_type", "category_code", "registration_number", "is_registration_valid",
    "registration_key", "bank_account", "bank_account_key", "contact_email", "contact_email_key",
    "contact_phone", "contact_phone_key",
)  # fmt: skip

# Reason code → the requirement that cures it; "" is the document this kind of applicant owes.
_FIXED_BY = {
    "registration_invalid": "registration_number",
    "registration_unchecked": "",
    "document_missing": "",
    "document_reused": "",
    "document_unreadable": "",
    "bank_account_shared": "bank_account",
    "phone_shared": "contact_phone",
    "email_disposable": "contact_email",
}


@dataclass(frozen=True)
class RequestedItem:
    """One thing asked for again: a requirement's code, a reason code, a sentence for the merchant."""

    requirement: str
    code: str
    message: str = ""


def start_application(
    user: User | None, *, at: datetime, actor: Actor, external_ref: str | None = None
) -> MerchantApplication:
    """Open a merchant account in onboarding with a draft; `user`, if any, becomes its owner."""
    with journal.unit():
        merchant = Merchant.objects.create(name=UNNAMED, joined_at=at)
        if user is not None:
            Membership.objects.create(user=user, merchant=merchant, role=MemberRole.OWNER)
        MERCHANT.enter(merchant, actor=actor, state=merchant.status)
        return _draft(merchant, user, at=at, actor=actor, external_ref=external_ref)


def restart_application(
    previous: MerchantApplication, *, user: User | None, at: datetime, actor: Actor
) -> MerchantApplication:
    """Open the next attempt of a rejected, withdrawn or expired application, from its answers."""
    merchant = previous.merchant
    is_over = previous.is_final or "terminated_entity" in previous.reason_codes
    if merchant.status != MerchantStatus.ONBOARDING or is_over:
        raise Conflict("This merchant cannot apply again.", code="cannot_apply_again")
    with journal.unit():
        # The row lock makes of two clicks one draft and one refusal, on both engines.
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        if merchant.applications.filter(status__in=OPEN_STATUSES).exists():
            raise Conflict("There is an open application already.", code="application_open")
        answers = {name: getattr(previous, name) for name in _CARRIED}
        return _draft(merchant, user, at=at, actor=actor, attempt=previous.attempt + 1, **answers)


def save_application(application: MerchantApplication, fields: ApplicationFields, *, actor: Actor) -> None:
    """Write answers into a draft, or the flagged ones when information was requested.

    ValidationFailed names every answer that cannot be accepted; then nothing is written.
    """
    _require_editable(application, fields.answered)
    columns = clean_answers(fields, application)
    if not columns:
        return
    columns["requested_items"] = _mark_answered(application, fields.answered)
    with journal.unit():
        _write(application, columns)
        _name_merchant(application)
        audit.record(
            "application.saved",
            actor=actor,
            subject=Ref("application", application.pk),
            detail={"fields": sorted(fields.answered)},
        )


def add_document(application: MerchantApplication, upload: Upload, kind: str, *, actor: Actor) -> Document:
    """Keep an uploaded document, cleaned; ValidationFailed points at its requirement."""
    code = document_code(kind)
    _require_editable(application, {code})
    clean = documents.clean_upload(upload, kind)
    with journal.unit():
        _write(application, {"requested_items": _mark_answered(application, {code})})
        return documents.store_document(application, clean, kind, actor=actor)


def submit_application(
    application: MerchantApplication, *, actor: Actor, at: datetime, send: Sequence[TaskCall] = ()
) -> None:
    """Hand the application in; ValidationFailed points at every requirement that still blocks.

    send    tasks for after the commit
    """
    APPLICATION.find(application.status, "submit")
    if blocking := [state for state in assess_application(application) if state.is_blocking]:
        raise ValidationFailed(
            [
                FieldError(
                    f"/{state.requirement.code}",
                    "terms_not_accepted" if state.requirement.code == TERMS else "required",
                    state.message or str(state.requirement.why),
                )
                for state in blocking
            ]
        )
    again = application.status == ApplicationStatus.INFO_REQUESTED
    with journal.unit():
        APPLICATION.move(
            application,
            "submit",
            actor=actor,
            attempt=application.attempt + (1 if again else 0),
            submitted_at=at,
            occurred_at=at,
            known_at=at,
            requested_items=[],
            request_statement_id=None,
        )
        _announce("merchant.application.submitted", application, send=send)


def withdraw_application(application: MerchantApplication, *, actor: Actor) -> None:
    """Let the applicant end an open application."""
    with journal.unit():
        APPLICATION.move(application, "withdraw", actor=actor, request_statement_id=None)


def begin_screening(application: MerchantApplication, *, actor: Actor = SYSTEM) -> None:
    """Mark that the system is looking at a submitted application."""
    with journal.unit():
        APPLICATION.move(application, "screen", actor=actor)


def approve_application(
    application: MerchantApplication, *, actor: Actor, at: datetime, reason_codes: Sequence[str] = ()
) -> None:
    """Accept the applicant: the merchant account becomes active."""
    with journal.unit():
        _decide(application, "approve", actor=actor, at=at, reason_codes=reason_codes)
        _admit(application, at)


def review_application(
    application: MerchantApplication, *, actor: Actor = SYSTEM, at: datetime, reason_codes: Sequence[str]
) -> None:
    """Hand a screened application to people; the decision comes later."""
    with journal.unit():
        _decide(application, "review", actor=actor, at=None, reason_codes=reason_codes)


def request_information(
    application: MerchantApplication,
    items: Sequence[RequestedItem],
    *,
    actor: Actor,
    at: datetime,
    message: str = "",
) -> None:
    """Ask the merchant for the items; only these become editable. ValidationFailed without any."""
    if not items:
        detail = "Say at least one thing that is needed."
        raise ValidationFailed([FieldError("/items", "required", detail)])
    rows = [
        {"requirement": i.requirement, "code": i.code, "message": i.message, "is_answered": False}
        for i in items
    ]
    codes = list(dict.fromkeys(item.code for item in items))
    with journal.unit():
        statement = give_reasons(
            about(application), Effect.INFO_REQUESTED, reason_codes=codes, actor=actor, at=at, message=message
        )
        _decide(
            application,
            "request_info",
            actor=actor,
            at=None,
            reason_codes=codes,
            requested_items=rows,
            request_statement_id=statement.pk,
        )
        _announce("merchant.application.info_requested", application, {"items": rows})


def items_to_fix(application: MerchantApplication, reason_codes: Sequence[str]) -> list[RequestedItem]:
    """Return what the merchant can do about these reasons; at least one item: the main document."""
    owed = requirements_for(application.country, application.entity_type)
    document = next(one.code for one in owed if one.code.startswith("document_"))
    fixes = [(_FIXED_BY[code] or document, code) for code in reason_codes if code in _FIXED_BY]
    return [
        RequestedItem(requirement, code) for requirement, code in fixes or [(document, "document_missing")]
    ]


def reject_application(
    application: MerchantApplication,
    *,
    actor: Actor,
    at: datetime,
    reason_codes: Sequence[str],
    is_final: bool = False,
    message: str = "",
) -> None:
    """Refuse the applicant; the reasons are mandatory.

    is_final    no further attempt follows
    """
    with journal.unit():
        statement = give_reasons(
            about(application),
            Effect.REJECTED,
            reason_codes=reason_codes,
            actor=actor,
            at=at,
            message=message,
        )
        _decide(
            application,
            "reject",
            actor=actor,
            at=at,
            reason_codes=reason_codes,
            is_final=is_final,
            rejection_statement_id=statement.pk,
        )
        _announce("merchant.application.rejected", application)


def reinstate_application(application: MerchantApplication, *, actor: Actor, at: datetime) -> None:
    """Undo a rejection that an appeal proved wrong: the merchant account becomes active.

    A draft of a later attempt is withdrawn. Raises Conflict, `application_open`,
    while one that was handed in is under way: that one is decided first.
    """
    with journal.unit():
        later = application.merchant.applications.filter(status__in=OPEN_STATUSES).first()
        if later is not None and later.status == ApplicationStatus.DRAFT:
            withdraw_application(later, actor=SYSTEM)
        elif later is not None:
            detail = _("A later attempt is under way. It has to be decided first.")
            raise Conflict(detail, code="application_open")
        _decide(application, "reinstate", actor=actor, at=at, reason_codes=(), rejection_statement_id=None)
        _admit(application, at)


def about(application: MerchantApplication) -> About:
    """Return what a statement of reasons may tell the applicant of an application; no query."""
    return About(
        Ref("application", application.pk),
        application.merchant_id,
        title=application.company_name,
        facts=(
            Fact(gettext_lazy("Company"), application.company_name),
            Fact(gettext_lazy("Country"), application.country),
            Fact(gettext_lazy("Registration number"), application.registration_number),
            Fact(gettext_lazy("Attempt"), str(application.attempt)),
        ),
    )


def restrict_merchant(
    merchant: Merchant, *, actor: Actor, at: datetime, reason_codes: Sequence[str], message: str = ""
) -> None:
    """Restrict a selling account: a person's decision, or the system's on a broken duty."""
    with journal.unit():
        statement = give_reasons(
            about_account(merchant),
            Effect.RESTRICTED,
            reason_codes=reason_codes,
            actor=actor,
            at=at,
            message=message,
        )
        MERCHANT.move(
            merchant,
            "restrict",
            actor=actor,
            reason_code=reason_codes[0],
            restriction_statement_id=statement.pk,
        )
        outbox.record("merchant.restricted", subject=Ref("merchant", merchant.pk), merchant_id=merchant.pk)


def lift_restriction(merchant: Merchant, *, actor: Actor) -> None:
    """Let a restricted account sell again."""
    with journal.unit():
        MERCHANT.move(merchant, "lift", actor=actor, restriction_statement_id=None)
        outbox.record("merchant.reinstated", subject=Ref("merchant", merchant.pk), merchant_id=merchant.pk)


def about_account(merchant: Merchant) -> About:
    """Return what a statement of reasons may tell a merchant of its account; no query."""
    return About(
        Ref("merchant", merchant.pk),
        merchant.pk,
        title=merchant.name,
        facts=(Fact(gettext_lazy("Merchant"), merchant.name),),
    )


def _admit(application: MerchantApplication, at: datetime) -> None:
    """Tell of an approval, and open the account that waited for it."""
    merchant = application.merchant
    _announce("merchant.application.approved", application)
    if merchant.status == MerchantStatus.ONBOARDING:
        MERCHANT.move(merchant, "activate", actor=SYSTEM, joined_at=at)
        outbox.record("merchant.activated", subject=Ref("merchant", merchant.pk), merchant_id=merchant.pk)


def _draft(
    merchant: Merchant, user: User | None, *, at: datetime, actor: Actor, **values: Any
) -> MerchantApplication:
    application = MerchantApplication.objects.create(
        merchant=merchant, applicant=user, occurred_at=at, known_at=at, **values
    )
    APPLICATION.enter(application, actor=actor, state=application.status)
    return application


def _require_editable(application: MerchantApplication, codes: frozenset[str] | set[str]) -> None:
    if application.status not in _EDITABLE:
        APPLICATION.find(application.status, "submit")  # raises, and says what is possible
    if application.status != ApplicationStatus.INFO_REQUESTED:
        return
    asked = {item["requirement"] for item in application.requested_items}
    if locked := sorted(codes - asked - {TERMS}):
        raise ValidationFailed(
            [
                FieldError(f"/{code}", "not_requested", "Only what was asked for can be changed now.")
                for code in locked
            ]
        )


def _mark_answered(application: MerchantApplication, codes: frozenset[str] | set[str]) -> list[Any]:
    return [
        {**item, "is_answered": item["is_answered"] or item["requirement"] in codes}
        for item in application.requested_items
    ]


def _write(application: MerchantApplication, columns: Mapping[str, Any]) -> None:
    """Write columns only while the row is still in the state the caller saw."""
    same = MerchantApplication.objects.filter(pk=application.pk, status=application.status)
    if not same.update(**columns):
        raise Conflict("The application has changed meanwhile.", code="stale_state")
    for name, value in columns.items():
        setattr(application, name, value)


def _name_merchant(application: MerchantApplication) -> None:
    merchant = application.merchant
    name, country = application.company_name or UNNAMED, application.country
    if merchant.status == MerchantStatus.ONBOARDING and (merchant.name, merchant.country) != (name, country):
        Merchant.objects.filter(pk=merchant.pk).update(name=name, country=country)
        merchant.name, merchant.country = name, country


def _decide(
    application: MerchantApplication,
    action: str,
    *,
    actor: Actor,
    at: datetime | None,
    reason_codes: Sequence[str],
    **changes: Any,
) -> None:
    """Move with reasons; `at` None means that it is not decided for good."""
    APPLICATION.move(
        application,
        action,
        actor=actor,
        reason_code=reason_codes[0] if reason_codes else "",
        decided_at=at,
        reason_codes=list(reason_codes),
        **changes,
    )


def _announce(
    event: str,
    application: MerchantApplication,
    payload: Mapping[str, Any] | None = None,
    *,
    send: Sequence[TaskCall] = (),
) -> None:
    outbox.record(
        event,
        subject=Ref("application", application.pk),
        merchant_id=application.merchant_id,
        payload={
            "status": application.status,
            "attempt": application.attempt,
            "reason_codes": application.reason_codes,
            **(payload or {}),
        },
        send=send,
    )
