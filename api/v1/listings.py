"""Listings: offer a product, revise it, set its stock, take it off sale."""

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
from catalog.content import MAX_STOCK, RevisionFields
from catalog.issues import describe_all
from catalog.models import Listing, ListingRevision, ListingStatus, RevisionStatus
from catalog.selectors import EDITABLE_STATUSES, find_open_revision, get_listing, list_with_revisions
from catalog.services import (
    create_listing,
    pause_listing,
    resume_listing,
    save_revision,
    set_stock,
    start_revision,
)
from catalog.states import LISTING
from core import journal
from core.errors import NotFound
from core.ids import decode, encode
from core.reasons import merchant_sentences
from intake.pipeline import submit_revision
from intake.withdrawals import withdraw_revision
from merchants.selectors import get_merchant

from . import examples
from .fields import (
    STATEMENT,
    FileField,
    IdField,
    Money,
    Shape,
    TextField,
    minor,
    moment,
    money,
    public_id,
    read_flag,
)
from .lists import filter_parameters, list_of, window_parameters

_READ, _WRITE = "listings:read", "listings:write"
_OFFERED = ("pause", "resume")
_WAITING = {RevisionStatus.DRAFT, RevisionStatus.SUBMITTED}
_FILTERS = {
    "status": one_of("status", ListingStatus.values),
    "merchant": an_id("merchant_id", "mer"),
    **CREATED,
}


# ── Shapes ───────────────────────────────────────────────────────────────────────────────────────
class ContentIn(Shape):
    category = TextField(max_length=40)
    title = TextField(max_length=200)
    description = TextField(max_length=10_000, default="", allow_blank=True)
    price = Money()
    image = FileField(
        required=False, help_text="A JPEG or PNG file as Base64; the one that is there, if not given."
    )
    submit = serializers.BooleanField(default=True, help_text="False keeps it as a draft.")


class ListingIn(ContentIn):
    merchant = IdField("mer")
    sku = TextField(max_length=64)
    stock = serializers.IntegerField(min_value=0, max_value=MAX_STOCK, default=0)


class StockIn(Shape):
    stock = serializers.IntegerField(min_value=0, max_value=MAX_STOCK)


class ListingIssue(Shape):
    field = serializers.CharField()
    severity = serializers.ChoiceField(["error", "warning", "info"])
    message = serializers.CharField()


class RevisionSummary(Shape):
    id = serializers.CharField()
    number = serializers.IntegerField()
    status = serializers.ChoiceField(RevisionStatus.values)
    category = serializers.CharField()
    title = serializers.CharField()
    price = Money()
    has_image = serializers.BooleanField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Sentences for the merchant.")
    statement = serializers.CharField(allow_null=True, help_text=STATEMENT)
    issues = ListingIssue(many=True)


class ListingSummary(Shape):
    id = serializers.CharField()
    merchant = serializers.CharField()
    sku = serializers.CharField()
    status = serializers.ChoiceField(ListingStatus.values)
    stock = serializers.IntegerField()
    live_revision = RevisionSummary(allow_null=True, help_text="What buyers see.")
    latest_revision = RevisionSummary(allow_null=True, help_text="The newest, live or not.")
    available_actions = serializers.ListField(child=serializers.ChoiceField(_OFFERED))


# ── Endpoints ────────────────────────────────────────────────────────────────────────────────────
class Listings(Endpoint):
    scopes = {"GET": _READ, "POST": _WRITE}
    once = frozenset({"POST"})
    parser_classes = (UploadParser,)

    @extend_schema(
        operation_id="listListings",
        summary="List listings",
        tags=["Listings"],
        parameters=[*window_parameters(), *filter_parameters({"status": ListingStatus.values}, "merchant")],
        responses=list_of(ListingSummary),
        examples=examples.listed(examples.LISTING),
    )
    def get(self, request: Request) -> Response:
        listings = narrow(request, list_with_revisions(caller_of(request).merchant_ids), _FILTERS)
        return page(request, listings, render_listing)

    @extend_schema(
        operation_id="createListing",
        summary="Offer a product",
        description=(
            "Creates a listing with its first revision and hands that in. With `wait=true` it is judged in"
            " the same commit (201), else by a worker (202). It is live once a revision is approved."
        ),
        tags=["Listings"],
        parameters=[OpenApiParameter("wait", bool, default=True)],
        request=ListingIn,
        responses={201: ListingSummary, 202: ListingSummary},
        examples=[*examples.sent(examples.NEW_LISTING), *examples.answered(examples.LISTING)],
    )
    def post(self, request: Request) -> Response:
        caller, now = caller_of(request), timezone.now()
        data = ListingIn.read(request.data)
        fields = _to_fields(data)
        wait = read_flag(request, "wait", default=True)

        def work() -> Done:
            merchant = get_merchant(caller.merchant_ids, data["merchant"])
            with journal.unit():
                revision = create_listing(
                    merchant, fields, sku=data["sku"], stock=data["stock"], actor=caller.actor, at=now
                )
                return _finish(revision, caller, now, submit=data["submit"], wait=wait)

        return answer_once(request, work, location="api:listing")


class ListingItem(Endpoint):
    scopes = {"GET": _READ, "PATCH": _WRITE}

    @extend_schema(
        operation_id="readListing",
        summary="Read a listing",
        tags=["Listings"],
        responses=ListingSummary,
        examples=examples.answered(examples.LISTING),
    )
    def get(self, request: Request, id: str) -> Response:
        return tagged(request, render_listing(_get(request, id)))

    @extend_schema(
        operation_id="setStock",
        summary="Set the stock",
        description="No review. Needs `If-Match` with the ETag that you read, or `*` to overwrite anything.",
        tags=["Listings"],
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True)],
        request=StockIn,
        responses=ListingSummary,
        examples=[*examples.sent({"stock": 12}), *examples.answered(examples.LISTING)],
    )
    def patch(self, request: Request, id: str) -> Response:
        data = StockIn.read(request.data)
        listing = _get(request, id)
        require_match(request, render_listing(listing))
        set_stock(listing, data["stock"], actor=caller_of(request).actor)
        return tagged(request, render_listing(listing))


class Revisions(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})
    parser_classes = (UploadParser,)

    @extend_schema(
        operation_id="reviseListing",
        summary="Revise a listing",
        description=(
            "Hands in new content; what is live stays live until it is approved. A draft, or a revision that"
            " changes were requested for, gets the new content instead of a new number."
        ),
        tags=["Listings"],
        parameters=[OpenApiParameter("wait", bool, default=True)],
        request=ContentIn,
        responses={201: ListingSummary, 202: ListingSummary},
        examples=[*examples.sent(examples.NEW_CONTENT), *examples.answered(examples.LISTING)],
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now = caller_of(request), timezone.now()
        data = ContentIn.read(request.data)
        fields = _to_fields(data)
        wait = read_flag(request, "wait", default=True)

        def work() -> Done:
            listing = get_listing(caller.merchant_ids, decode("lst", id))
            with journal.unit():
                revision = _revise(listing, fields, caller, now)
                return _finish(revision, caller, now, submit=data["submit"], wait=wait)

        return answer_once(request, work)


class RevisionWithdrawal(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="withdrawRevision",
        summary="Withdraw the open revision",
        description="What is live stays live.",
        tags=["Listings"],
        request=None,
        responses={200: ListingSummary},
        examples=examples.answered(examples.LISTING),
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now = caller_of(request), timezone.now()

        def work() -> Done:
            listing = get_listing(caller.merchant_ids, decode("lst", id))
            revision = find_open_revision(listing)
            if revision is None:
                raise NotFound("This listing has no open revision.")
            withdraw_revision(revision, actor=caller.actor, at=now)
            return 200, render_listing(_get(request, id))

        return answer_once(request, work)


class Pause(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="pauseListing",
        summary="Take a listing off sale",
        tags=["Listings"],
        request=None,
        responses={200: ListingSummary},
        examples=examples.answered(examples.LISTING),
    )
    def post(self, request: Request, id: str) -> Response:
        def work() -> Done:
            listing = _get(request, id)
            pause_listing(listing, actor=caller_of(request).actor)
            return 200, render_listing(listing)

        return answer_once(request, work)


class Resumption(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="resumeListing",
        summary="Put a paused listing back on sale",
        tags=["Listings"],
        request=None,
        responses={200: ListingSummary},
        examples=examples.answered(examples.LISTING),
    )
    def post(self, request: Request, id: str) -> Response:
        def work() -> Done:
            listing = _get(request, id)
            resume_listing(listing, actor=caller_of(request).actor)
            return 200, render_listing(listing)

        return answer_once(request, work)


# ── Rendering ────────────────────────────────────────────────────────────────────────────────────
def render_listing(listing: Listing) -> dict[str, Any]:
    """Return the public form of a listing from `list_with_revisions`; no query."""
    newest: list[ListingRevision] = listing.newest_first  # type: ignore[attr-defined]
    live = next((one for one in newest if one.pk == listing.live_revision_id), None)
    return {
        "id": encode("lst", listing.pk),
        "merchant": encode("mer", listing.merchant_id),
        "sku": listing.sku,
        "status": str(listing.status),
        "stock": listing.stock,
        "live_revision": render_revision(live) if live else None,
        "latest_revision": render_revision(newest[0]) if newest else None,
        "available_actions": [
            action for action in LISTING.actions(listing.status, "M") if action in _OFFERED
        ],
    }


def render_revision(revision: ListingRevision) -> dict[str, Any]:
    return {
        "id": encode("rev", revision.pk),
        "number": revision.number,
        "status": str(revision.status),
        "category": revision.category.code,
        "title": revision.title,
        "price": money(revision.price_minor, revision.currency),
        "has_image": bool(revision.image),
        "submitted_at": moment(revision.submitted_at),
        "decided_at": moment(revision.decided_at),
        "reasons": merchant_sentences(revision.reason_codes),
        "statement": public_id("sta", revision.rejection_statement_id or revision.request_statement_id),
        "issues": [
            {"field": issue.field, "severity": issue.severity, "message": issue.sentence}
            for issue in describe_all(revision.issues)
        ],
    }


def _get(request: Request, id: str) -> Listing:
    found = list_with_revisions(caller_of(request).merchant_ids).filter(pk=decode("lst", id)).first()
    if found is None:
        raise NotFound("No such listing.")
    return found


def _revise(listing: Listing, fields: RevisionFields, caller: Caller, now: datetime) -> ListingRevision:
    revision = find_open_revision(listing)
    if revision is None or revision.status not in EDITABLE_STATUSES:
        return start_revision(listing, fields, actor=caller.actor, at=now)
    save_revision(revision, fields, actor=caller.actor, at=now)
    return revision


def _finish(revision: ListingRevision, caller: Caller, now: datetime, *, submit: bool, wait: bool) -> Done:
    if submit:
        submit_revision(revision, actor=caller.actor, at=now, wait=wait)
    listing = list_with_revisions(None).get(pk=revision.listing_id)
    is_pending = submit and listing.newest_first[0].status in _WAITING  # type: ignore[attr-defined]
    return 202 if is_pending else 201, render_listing(listing)


def _to_fields(data: dict[str, Any]) -> RevisionFields:
    price = data["price"]
    return RevisionFields(
        category_code=data["category"],
        title=data["title"],
        description=data["description"],
        price_minor=minor(price["amount"], price["currency"], "/price/amount"),
        currency=price["currency"],
        image=data.get("image"),
    )
