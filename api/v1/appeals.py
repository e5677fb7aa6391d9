"""Appeals against decisions: hand one in, follow it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import caller_of
from api.endpoint import Endpoint
from api.idempotent import Done, answer_once
from api.parsers import UploadParser
from api.preconditions import tagged
from cases.appealing import MAX_FILES, TEXT_LENGTH, open_appeal
from cases.appeals import get_appeal
from cases.models import Appeal, AppealStatus
from core.ids import decode, encode
from core.statements import get_statement

from . import examples
from .fields import FileField, Shape, TextField, moment, public_id


class AppealIn(Shape):
    text = TextField(max_length=TEXT_LENGTH, help_text="What is wrong with the decision.")
    files = serializers.ListField(
        child=FileField(help_text="A PDF, JPEG or PNG file as Base64."),
        default=list,
        max_length=MAX_FILES,
        help_text="Evidence.",
    )


class AppealDetail(Shape):
    id = serializers.CharField()
    statement = serializers.CharField(help_text="What is appealed.")
    status = serializers.ChoiceField(AppealStatus.values)
    text = serializers.CharField()
    message = serializers.CharField(allow_blank=True, help_text="The second reviewer’s own words, if any.")
    denial = serializers.CharField(allow_null=True, help_text="The statement of reasons of a denied appeal.")
    due_at = serializers.DateTimeField(help_text="When to expect the answer.")
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class Appeals(Endpoint):
    scopes = {"POST": "appeals:write"}
    once = frozenset({"POST"})
    parser_classes = (UploadParser,)

    @extend_schema(
        operation_id="appeal",
        summary="Appeal a decision",
        description=(
            "Against a statement that can be appealed, until its `appeal_until`, once. Somebody who has had"
            " nothing to do with the decision looks again; until then it stands. An `appeal.*` event tells"
            " the result."
        ),
        tags=["Decisions"],
        request=AppealIn,
        responses={201: AppealDetail},
        examples=[*examples.sent(examples.NEW_APPEAL), *examples.answered(examples.APPEAL)],
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now = caller_of(request), timezone.now()
        data = AppealIn.read(request.data)
        statement = get_statement(decode("sta", id), caller.merchant_ids)

        def work() -> Done:
            appeal = open_appeal(
                statement, text=data["text"], files=data["files"], actor=caller.actor, at=now
            )
            return 201, render_appeal(appeal)

        return answer_once(request, work, location="api:appeal")


class AppealItem(Endpoint):
    scopes = {"GET": "decisions:read"}

    @extend_schema(
        operation_id="readAppeal",
        summary="Read an appeal",
        tags=["Decisions"],
        responses=AppealDetail,
        examples=examples.answered(examples.APPEAL),
    )
    def get(self, request: Request, id: str) -> Response:
        return tagged(request, render_appeal(get_appeal(decode("apl", id), caller_of(request).merchant_ids)))


def render_appeal(appeal: Appeal) -> dict[str, Any]:
    """Return the public form; no query."""
    return {
        "id": encode("apl", appeal.pk),
        "statement": encode("sta", appeal.statement_id),
        "status": str(appeal.status),
        "text": appeal.text,
        "message": appeal.message,
        "denial": public_id("sta", appeal.denial_id),
        "due_at": moment(appeal.due_at),
        "created_at": moment(appeal.created_at),
        "decided_at": moment(appeal.decided_at),
    }
