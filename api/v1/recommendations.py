"""What to show next to a listing, or to a buyer."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import Caller, caller_of
from api.endpoint import Endpoint
from api.pagination import read_limit
from catalog.selectors import get_listing
from core.errors import FieldError, ValidationFailed
from core.ids import decode, encode
from recommendations.selectors import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Recommendation,
    Source,
    recommend_for_buyer,
    recommend_for_listing,
)

from . import examples
from .fields import Money, Shape, money


class RecommendedListing(Shape):
    listing = serializers.CharField()
    merchant = serializers.CharField()
    sku = serializers.CharField()
    title = serializers.CharField()
    price = Money()
    score = serializers.FloatField(help_text="Compares only within one answer and source.")
    source = serializers.ChoiceField([str(one) for one in Source])  # type: ignore[assignment]


class RecommendedListings(Shape):
    data = RecommendedListing(many=True)  # type: ignore[assignment]


class Recommendations(Endpoint):
    scopes = {"GET": "recommendations:read"}

    @extend_schema(
        operation_id="recommend",
        summary="Recommend listings",
        description=(
            "For a listing: what its buyers also bought. For a buyer: what goes with their latest purchases,"
            " of your own merchants where you are a seller, never what they bought already. Both are filled"
            " up with what is popular."
        ),
        tags=["Recommendations"],
        parameters=[
            OpenApiParameter("product", str, description="A listing’s id."),
            OpenApiParameter("buyer", str, description="Your own id of a buyer, as sent with orders."),
            OpenApiParameter("limit", int, description=f"1 to {MAX_LIMIT}, {DEFAULT_LIMIT} if not given."),
        ],
        responses=RecommendedListings,
        examples=examples.answered(examples.RECOMMENDED),
    )
    def get(self, request: Request) -> Response:
        limit = read_limit(request, default=DEFAULT_LIMIT, most=MAX_LIMIT)
        found = _find(request, caller_of(request), limit)
        return Response({"data": [render_recommendation(one) for one in found]})


def render_recommendation(found: Recommendation) -> dict[str, Any]:
    revision = found.listing.live_revision
    assert revision is not None  # a database constraint: no listing is live without
    return {
        "listing": encode("lst", found.listing.pk),
        "merchant": encode("mer", found.listing.merchant_id),
        "sku": found.listing.sku,
        "title": revision.title,
        "price": money(revision.price_minor, revision.currency),
        "score": round(found.score, 6),
        "source": str(found.source),
    }


def _find(request: Request, caller: Caller, limit: int) -> list[Recommendation]:
    product, buyer = request.query_params.get("product"), request.query_params.get("buyer")
    if bool(product) == bool(buyer):
        detail = _("Ask for either a product or a buyer.")
        raise ValidationFailed([FieldError("/product", "product_or_buyer", detail)])
    if buyer:
        return recommend_for_buyer(buyer[:64], limit, merchant_ids=caller.merchant_ids)
    listing = get_listing(caller.merchant_ids, decode("lst", str(product)))
    return recommend_for_listing(listing.pk, limit)
