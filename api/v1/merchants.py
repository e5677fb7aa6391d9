"""The merchants a key acts for, and the key itself."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import limits
from api.authentication import caller_of
from api.endpoint import Endpoint
from api.filtering import CREATED, narrow, one_of
from api.pagination import page
from api.permissions import ANY_KEY
from api.preconditions import tagged
from core.ids import decode, encode
from merchants.models import Merchant, MerchantStatus
from merchants.selectors import get_merchant, list_merchants
from orders.health import Health, measure

from . import examples
from .fields import Shape, moment
from .lists import filter_parameters, list_of, window_parameters

_FILTERS = {"status": one_of("status", MerchantStatus.values), **CREATED}


class MerchantSummary(Shape):
    id = serializers.CharField()
    name = serializers.CharField()
    country = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(MerchantStatus.values)
    joined_at = serializers.DateTimeField()


class HealthSummary(Shape):
    """Counts over the last 60 days."""

    orders = serializers.IntegerField()
    handled = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    refunded = serializers.IntegerField()
    late = serializers.IntegerField()


class MerchantDetail(MerchantSummary):
    health = HealthSummary()


class QuotaSummary(Shape):
    calls = serializers.IntegerField()
    seconds = serializers.IntegerField()
    remaining = serializers.IntegerField()
    reset_seconds = serializers.IntegerField()


class Usage(Shape):
    key = serializers.CharField()
    name = serializers.CharField()
    audience = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    quota = QuotaSummary()


class Merchants(Endpoint):
    scopes = {"GET": ANY_KEY}

    @extend_schema(
        operation_id="listMerchants",
        summary="List your merchants",
        tags=["Merchants"],
        parameters=[*window_parameters(), *filter_parameters({"status": MerchantStatus.values})],
        responses=list_of(MerchantSummary),
        examples=examples.listed(examples.MERCHANT),
    )
    def get(self, request: Request) -> Response:
        merchants = narrow(request, list_merchants(caller_of(request).merchant_ids), _FILTERS)
        return page(request, merchants, render_merchant)


class MerchantItem(Endpoint):
    scopes = {"GET": ANY_KEY}

    @extend_schema(
        operation_id="readMerchant",
        summary="Read a merchant",
        tags=["Merchants"],
        responses=MerchantDetail,
        examples=examples.answered(examples.MERCHANT_DETAIL),
    )
    def get(self, request: Request, id: str) -> Response:
        merchant = get_merchant(caller_of(request).merchant_ids, decode("mer", id))
        health = measure([merchant.pk], as_of=timezone.now())[merchant.pk]
        return tagged(request, {**render_merchant(merchant), "health": render_health(health)})


class OwnUsage(Endpoint):
    scopes = {"GET": ANY_KEY}

    @extend_schema(
        operation_id="readUsage",
        summary="Read what your key may do and has left",
        tags=["Usage"],
        responses=Usage,
        examples=examples.answered(examples.USAGE),
    )
    def get(self, request: Request) -> Response:
        key, quota = caller_of(request).key, self.quota
        return Response(
            {
                "key": encode("key", key.pk),
                "name": key.name,
                "audience": key.audience,
                "scopes": sorted(key.scopes),
                "expires_at": moment(key.expires_at),
                "quota": {
                    **limits.size(),
                    "remaining": quota.remaining,
                    "reset_seconds": quota.reset_seconds,
                },
            }
        )


def render_merchant(merchant: Merchant) -> dict[str, Any]:
    return {
        "id": encode("mer", merchant.pk),
        "name": merchant.name,
        "country": merchant.country,
        "status": str(merchant.status),
        "joined_at": moment(merchant.joined_at),
    }


def render_health(health: Health) -> dict[str, int]:
    return asdict(health)
