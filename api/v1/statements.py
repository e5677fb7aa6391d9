"""Statements of reasons: what a merchant was told about a decision against them, as it was told."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import caller_of
from api.endpoint import Endpoint
from api.preconditions import tagged
from core.ids import decode, encode
from core.models import Effect, Statement
from core.statements import get_statement, read

from . import examples
from .fields import Shape, moment

_PREFIXES = {"order": "ord", "listing": "rev", "application": "app", "merchant": "mer"}


class StatementSubject(Shape):
    kind = serializers.ChoiceField(list(_PREFIXES))
    id = serializers.CharField(help_text="For a listing, the revision that was judged.")


class StatementFact(Shape):
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField(allow_blank=True)


class StatementDetail(Shape):
    id = serializers.CharField()
    subject = StatementSubject()
    merchant = serializers.CharField()
    effect = serializers.ChoiceField(Effect.values)
    heading = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Sentences for the merchant.")
    message = serializers.CharField(allow_blank=True, help_text="The reviewer’s own words, if any.")
    facts = StatementFact(many=True, help_text="What of yours was looked at.")
    is_automated = serializers.BooleanField(help_text="No person decided it.")
    basis = serializers.ChoiceField(["law", "contract"])
    basis_text = serializers.CharField()
    cure = serializers.CharField(help_text="How to put it right.")
    appeal_text = serializers.CharField()
    appeal_until = serializers.DateTimeField(allow_null=True, help_text="Null: it cannot be appealed.")
    created_at = serializers.DateTimeField()


class StatementItem(Endpoint):
    scopes = {"GET": "decisions:read"}

    @extend_schema(
        operation_id="readStatement",
        summary="Read a statement of reasons",
        description=(
            "In the language of `Accept-Language`, as it was given: what the checks or their texts became"
            " since changes nothing in it."
        ),
        tags=["Decisions"],
        responses=StatementDetail,
        examples=examples.answered(examples.STATEMENT),
    )
    def get(self, request: Request, id: str) -> Response:
        found = get_statement(decode("sta", id), caller_of(request).merchant_ids)
        return tagged(request, render_statement(found))


def render_statement(statement: Statement) -> dict[str, Any]:
    """Return the public form; reason codes name checks and stay inside. No query."""
    text = read(statement)
    return {
        "id": encode("sta", statement.pk),
        "subject": {
            "kind": statement.subject_kind,
            "id": encode(_PREFIXES[statement.subject_kind], statement.subject_id),
        },
        "merchant": encode("mer", statement.merchant_id),
        "effect": str(statement.effect),
        "heading": text["heading"],
        "reasons": text["reasons"],
        "message": statement.message,
        "facts": [{"label": label, "value": value} for label, value in text["facts"]],
        "is_automated": statement.is_automated,
        "basis": statement.basis,
        "basis_text": text["basis"],
        "cure": text["cure"],
        "appeal_text": text["appeal"],
        "appeal_until": moment(statement.appeal_until),
        "created_at": moment(statement.created_at),
    }
