"""Decisions as far as partners may know them: outcome and merchant-safe reasons, never how."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import caller_of
from api.endpoint import Endpoint
from api.filtering import CREATED, an_id, narrow, one_of
from api.pagination import page
from api.preconditions import tagged
from core.errors import NotFound
from core.ids import decode, encode
from risk.merchant_view import merchant_view
from risk.models import Decision, Outcome, Subject
from risk.selectors import list_decisions

from . import examples
from .fields import Shape, moment, public_id
from .lists import filter_parameters, list_of, window_parameters

# Fixed, and coarser than any policy's thresholds: a band must not tell how close a seller came to a limit.
_BANDS = ((0.2, "low"), (0.6, "medium"), (1.01, "high"))
_PREFIXES = {"order": "ord", "listing": "rev", "application": "app", "merchant": "mer"}
_SUBJECTS = [str(subject) for subject in Subject.values]
# Everything that is shown. The features, the snapshot and the rules stay in the table.
_COLUMNS = (
    "subject_kind",
    "subject_id",
    "merchant_id",
    "outcome",
    "score",
    "reason_codes",
    "created_at",
)
_FILTERS = {
    "subject": one_of("subject_kind", _SUBJECTS),
    "outcome": one_of("outcome", Outcome.values),
    "merchant": an_id("merchant_id", "mer"),
    "order": an_id("subject_id", "ord"),
    **CREATED,
}


class DecisionSummary(Shape):
    id = serializers.CharField()
    outcome = serializers.ChoiceField(Outcome.values)
    score_band = serializers.ChoiceField(
        ["low", "medium", "high"], allow_null=True, help_text="Null: no score."
    )
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Sentences for the merchant.")
    next_step = serializers.CharField(help_text="What the merchant can do; empty if nothing.")
    decided_at = serializers.DateTimeField()


class DecisionSubject(Shape):
    kind = serializers.ChoiceField(_SUBJECTS)
    id = serializers.CharField(help_text="For a listing, the revision that was judged.")


class DecisionDetail(DecisionSummary):
    subject = DecisionSubject()
    merchant = serializers.CharField(allow_null=True)


class Decisions(Endpoint):
    scopes = {"GET": "decisions:read"}

    @extend_schema(
        operation_id="listDecisions",
        summary="List decisions",
        tags=["Decisions"],
        parameters=[
            *window_parameters(),
            *filter_parameters({"subject": _SUBJECTS, "outcome": Outcome.values}, "order", "merchant"),
        ],
        responses=list_of(DecisionDetail),
        examples=examples.listed(examples.DECISION),
    )
    def get(self, request: Request) -> Response:
        decisions = list_decisions(merchant_ids=caller_of(request).merchant_ids).only(*_COLUMNS)
        return page(request, narrow(request, decisions, _FILTERS), render_decision)


class DecisionItem(Endpoint):
    scopes = {"GET": "decisions:read"}

    @extend_schema(
        operation_id="readDecision",
        summary="Read a decision",
        tags=["Decisions"],
        responses=DecisionDetail,
        examples=examples.answered(examples.DECISION),
    )
    def get(self, request: Request, id: str) -> Response:
        decisions = list_decisions(merchant_ids=caller_of(request).merchant_ids).only(*_COLUMNS)
        found = decisions.filter(pk=decode("dec", id)).first()
        if found is None:
            raise NotFound("No such decision.")
        return tagged(request, render_decision(found))


def summarise(decision: Decision) -> dict[str, Any]:
    """Return what stands beside the subject itself."""
    return {
        "id": encode("dec", decision.pk),
        **merchant_view(decision),
        "score_band": band_of(decision.score),
        "decided_at": moment(decision.created_at),
    }


def render_decision(decision: Decision) -> dict[str, Any]:
    """Return the public form; no query."""
    kind = str(decision.subject_kind)
    return {
        **summarise(decision),
        "subject": {"kind": kind, "id": encode(_PREFIXES[kind], decision.subject_id)},
        "merchant": public_id("mer", decision.merchant_id),
    }


def band_of(score: float | None) -> str | None:
    if score is None:
        return None
    return next(band for limit, band in _BANDS if score < limit)
