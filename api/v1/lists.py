"""The shape of every list, and its parameters, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT


def list_of(shape: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """Return the shape of one window of a list."""
    fields = {
        "data": shape(many=True),
        "next_cursor": serializers.CharField(
            allow_null=True, help_text="Send it as `cursor` to read on; null at the end."
        ),
        "has_more": serializers.BooleanField(),
    }
    return type(f"{shape.__name__}List", (serializers.Serializer,), fields)


def window_parameters() -> list[OpenApiParameter]:
    return [
        OpenApiParameter("limit", int, description=f"1 to {MAX_LIMIT}, {DEFAULT_LIMIT} if not given."),
        OpenApiParameter("cursor", str, description="`next_cursor` of the window before."),
    ]


def filter_parameters(choices: Mapping[str, list[str]], *ids: str) -> list[OpenApiParameter]:
    """Return the filters of a list: choices by name, then public ids, then when it was made."""
    chosen = [
        OpenApiParameter(f"filter[{name}]", str, description=f"Comma-separated: {', '.join(values)}.")
        for name, values in choices.items()
    ]
    named = [OpenApiParameter(f"filter[{name}]", str, description="One id.") for name in ids]
    made = [
        OpenApiParameter(f"filter[created_at][{bound}]", OpenApiTypes.DATETIME) for bound in ("gte", "lt")
    ]
    return [*chosen, *named, *made]
