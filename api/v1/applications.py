"""Merchant applications: hand one in with its documents, follow it, answer what is asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import Caller, caller_of
from api.endpoint import Endpoint
from api.filtering import CREATED, an_id, narrow, one_of
from api.idempotent import Done, answer_once
from api.pagination import page
from api.parsers import UploadParser
from api.preconditions import require_match, tagged
from core import journal
from core.ids import decode, encode
from core.reasons import find_reason, merchant_sentences
from intake.pipeline import submit_application
from intake.withdrawals import withdraw_application
from merchants.answers import ApplicationFields
from merchants.keys import grant_key
from merchants.models import ApplicationStatus, DocumentKind, EntityType, MerchantApplication
from merchants.progress import assess_application
from merchants.requirements import RequirementStatus
from merchants.selectors import get_application, list_applications, reveal_masked
from merchants.services import add_document, save_application, start_application
from merchants.states import APPLICATION

from . import examples
from .fields import STATEMENT, CountryField, FileField, Shape, TextField, moment, public_id, read_flag
from .lists import filter_parameters, list_of, window_parameters

_READ, _WRITE = "applications:read", "applications:write"
_OFFERED = ("submit", "withdraw")
_WAITING = {ApplicationStatus.DRAFT, ApplicationStatus.SUBMITTED}
_FILTERS = {
    "status": one_of("status", ApplicationStatus.values),
    "merchant": an_id("merchant_id", "mer"),
    **CREATED,
}


# ── Shapes ───────────────────────────────────────────────────────────────────────────────────────
class DocumentIn(Shape):
    kind = serializers.ChoiceField(DocumentKind.values)
    content = FileField(help_text="A PDF, JPEG or PNG file as Base64.")


class AnswersIn(Shape):
    company_name = TextField(max_length=200, required=False)
    country = CountryField(required=False)
    entity_type = serializers.ChoiceField(EntityType.values, required=False)
    category_code = TextField(max_length=40, required=False)
    registration_number = TextField(max_length=40, required=False)
    bank_account = TextField(max_length=60, required=False, help_text="Only its end is shown again.")
    contact_email = TextField(max_length=254, required=False)
    contact_phone = TextField(max_length=40, required=False)
    terms_version = TextField(max_length=16, required=False, help_text="The terms that were accepted.")
    device_id = TextField(max_length=200, required=False, help_text="Of the applicant’s device.")
    ip = serializers.IPAddressField(required=False, help_text="Of the applicant.")


class ApplicationIn(AnswersIn):
    documents = serializers.ListField(child=DocumentIn(), required=False, max_length=10)
    submit = serializers.BooleanField(default=True, help_text="False keeps it as a draft.")


class RequestedItem(Shape):
    requirement = serializers.CharField()
    message = serializers.CharField()
    is_answered = serializers.BooleanField()


class RequirementState(Shape):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    status = serializers.ChoiceField([str(status) for status in RequirementStatus])
    is_blocking = serializers.BooleanField()


class ApplicationSummary(Shape):
    id = serializers.CharField()
    merchant = serializers.CharField()
    status = serializers.ChoiceField(ApplicationStatus.values)
    attempt = serializers.IntegerField()
    company_name = serializers.CharField()
    country = serializers.CharField()
    entity_type = serializers.ChoiceField(EntityType.values)
    category_code = serializers.CharField()
    registration_number = serializers.CharField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Sentences for the merchant.")
    statement = serializers.CharField(allow_null=True, help_text=STATEMENT)
    requested_items = RequestedItem(many=True, help_text="What is asked for again.")
    available_actions = serializers.ListField(child=serializers.ChoiceField(_OFFERED))


class ApplicationDetail(ApplicationSummary):
    bank_account = serializers.CharField(help_text="Masked.")
    contact_email = serializers.CharField(help_text="Masked.")
    contact_phone = serializers.CharField(help_text="Masked.")
    requirements = RequirementState(many=True)


class DocumentAdded(Shape):
    id = serializers.CharField()
    kind = serializers.ChoiceField(DocumentKind.values)


# ── Endpoints ────────────────────────────────────────────────────────────────────────────────────
class Applications(Endpoint):
    scopes = {"GET": _READ, "POST": _WRITE}
    once = frozenset({"POST"})
    parser_classes = (UploadParser,)

    @extend_schema(
        operation_id="listApplications",
        summary="List applications",
        tags=["Applications"],
        parameters=[
            *window_parameters(),
            *filter_parameters({"status": ApplicationStatus.values}, "merchant"),
        ],
        responses=list_of(ApplicationSummary),
        examples=examples.listed(examples.APPLICATION),
    )
    def get(self, request: Request) -> Response:
        applications = narrow(request, list_applications(caller_of(request).merchant_ids), _FILTERS)
        return page(request, applications, render_application)

    @extend_schema(
        operation_id="apply",
        summary="Apply for a merchant",
        description=(
            "Creates a merchant in onboarding with its application and hands it in. With `wait=true` it is"
            " judged in the same commit (201), else by a worker (202). A seller’s key may act for the new"
            " merchant from then on."
        ),
        tags=["Applications"],
        parameters=[OpenApiParameter("wait", bool, default=True)],
        request=ApplicationIn,
        responses={201: ApplicationDetail, 202: ApplicationDetail},
        examples=[*examples.sent(examples.NEW_APPLICATION), *examples.answered(examples.APPLICATION_DETAIL)],
    )
    def post(self, request: Request) -> Response:
        caller, now = caller_of(request), timezone.now()
        data = ApplicationIn.read(request.data)
        wait = read_flag(request, "wait", default=True)

        def work() -> Done:
            application = _start(caller, data, now)
            if not data["submit"]:
                return 201, render_details(application)
            return _submit(application, caller, now, wait=wait)

        return answer_once(request, work, location="api:application")


class ApplicationItem(Endpoint):
    scopes = {"GET": _READ, "PATCH": _WRITE}

    @extend_schema(
        operation_id="readApplication",
        summary="Read an application",
        tags=["Applications"],
        responses=ApplicationDetail,
        examples=examples.answered(examples.APPLICATION_DETAIL),
    )
    def get(self, request: Request, id: str) -> Response:
        return tagged(request, render_details(_get(request, id)))

    @extend_schema(
        operation_id="changeApplication",
        summary="Change answers",
        description="Of a draft, or what was asked for again. Needs `If-Match` with the ETag that you read.",
        tags=["Applications"],
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True)],
        request=AnswersIn,
        responses=ApplicationDetail,
        examples=[
            *examples.sent({"registration_number": "91110000600037341L"}),
            *examples.answered(examples.APPLICATION_DETAIL),
        ],
    )
    def patch(self, request: Request, id: str) -> Response:
        answers = _to_fields(AnswersIn.read(request.data))
        application = _get(request, id)
        require_match(request, render_details(application))
        save_application(application, answers, actor=caller_of(request).actor)
        return tagged(request, render_details(application))


class ApplicationDocuments(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})
    parser_classes = (UploadParser,)

    @extend_schema(
        operation_id="addDocument",
        summary="Add a document",
        tags=["Applications"],
        request=DocumentIn,
        responses={201: DocumentAdded},
        examples=[
            *examples.sent({"kind": "licence", "content": "JVBERi0xLjcK…"}),
            *examples.answered({"id": "doc_1hczaj5p90000", "kind": "licence"}),
        ],
    )
    def post(self, request: Request, id: str) -> Response:
        data, actor = DocumentIn.read(request.data), caller_of(request).actor

        def work() -> Done:
            document = add_document(_get(request, id), data["content"], data["kind"], actor=actor)
            return 201, {"id": encode("doc", document.pk), "kind": document.kind}

        return answer_once(request, work)


class ApplicationSubmission(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="submitApplication",
        summary="Hand in an application",
        description="A draft, or one that information was requested for.",
        tags=["Applications"],
        parameters=[OpenApiParameter("wait", bool, default=True)],
        request=None,
        responses={201: ApplicationDetail, 202: ApplicationDetail},
        examples=examples.answered(examples.APPLICATION_DETAIL),
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now = caller_of(request), timezone.now()
        wait = read_flag(request, "wait", default=True)
        return answer_once(request, lambda: _submit(_get(request, id), caller, now, wait=wait))


class ApplicationWithdrawal(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="withdrawApplication",
        summary="Withdraw an application",
        tags=["Applications"],
        request=None,
        responses={200: ApplicationDetail},
        examples=examples.answered(examples.APPLICATION_DETAIL),
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now = caller_of(request), timezone.now()

        def work() -> Done:
            application = _get(request, id)
            withdraw_application(application, actor=caller.actor, at=now)
            return 200, render_details(application)

        return answer_once(request, work)


# ── Rendering ────────────────────────────────────────────────────────────────────────────────────
def render_application(application: MerchantApplication) -> dict[str, Any]:
    """Return the flat public form; no query."""
    return {
        "id": encode("app", application.pk),
        "merchant": encode("mer", application.merchant_id),
        "status": str(application.status),
        "attempt": application.attempt,
        "company_name": application.company_name,
        "country": application.country,
        "entity_type": str(application.entity_type),
        "category_code": application.category_code,
        "registration_number": application.registration_number,
        "submitted_at": moment(application.submitted_at),
        "decided_at": moment(application.decided_at),
        "reasons": merchant_sentences(application.reason_codes),
        "statement": public_id("sta", application.rejection_statement_id or application.request_statement_id),
        "requested_items": [render_item(item) for item in application.requested_items],
        "available_actions": [
            action for action in APPLICATION.actions(application.status, "M") if action in _OFFERED
        ],
    }


def render_details(application: MerchantApplication) -> dict[str, Any]:
    """Return an application with masked contacts and its requirements; one query, for its documents."""
    return {
        **render_application(application),
        "bank_account": reveal_masked(application.bank_account),
        "contact_email": reveal_masked(application.contact_email),
        "contact_phone": reveal_masked(application.contact_phone),
        "requirements": [
            {
                "code": state.requirement.code,
                "label": str(state.requirement.label),
                "status": str(state.status),
                "is_blocking": state.is_blocking,
            }
            for state in assess_application(application)
        ],
    }


def render_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return one requested item; the reason's code stays inside, it names the check."""
    return {
        "requirement": item["requirement"],
        "message": item["message"] or str(find_reason(item["code"]).merchant),
        "is_answered": item["is_answered"],
    }


def _get(request: Request, id: str) -> MerchantApplication:
    return get_application(caller_of(request).merchant_ids, decode("app", id))


def _start(caller: Caller, data: dict[str, Any], now: datetime) -> MerchantApplication:
    with journal.unit():
        application = start_application(None, at=now, actor=caller.actor)
        if not caller.is_operator:
            grant_key(caller.key, application.merchant, actor=caller.actor)
        save_application(application, _to_fields(data), actor=caller.actor)
        for document in data.get("documents", ()):
            add_document(application, document["content"], document["kind"], actor=caller.actor)
    return application


def _submit(application: MerchantApplication, caller: Caller, now: datetime, *, wait: bool) -> Done:
    submit_application(application, actor=caller.actor, at=now, wait=wait)
    # Judging may have failed and been rolled back; what it changed in memory was, too.
    application.refresh_from_db()
    return 202 if application.status in _WAITING else 201, render_details(application)


def _to_fields(data: Mapping[str, Any]) -> ApplicationFields:
    answers = {
        name: value for name, value in data.items() if name not in {"documents", "submit", "device_id"}
    }
    return ApplicationFields(**answers, device_ref=data.get("device_id"))
