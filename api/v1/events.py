"""The event feed: the outbox in its gap-free order, the same rows that webhooks send."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import Caller, caller_of
from api.endpoint import Endpoint
from api.pagination import MAX_LIMIT, read_limit
from core.errors import FieldError, NotFound, ValidationFailed
from core.feed import get_event, list_events
from core.ids import decode, encode
from core.models import OutboxEvent
from core.money import to_text
from core.reasons import merchant_sentences

from . import examples
from .applications import render_item
from .fields import Shape, moment, public_id

# What partners hear of, by the stable names of the API. Whatever else is in the outbox is the house's own.
EVENT_TYPES = (
    "appeal.denied",
    "appeal.opened",
    "appeal.upheld",
    "inventory.back_in_stock",
    "inventory.out_of_stock",
    "inventory.stock_changed",
    "listing.archived",
    "listing.live",
    "listing.paused",
    "listing.revision.approved",
    "listing.revision.changes_requested",
    "listing.revision.rejected",
    "listing.revision.submitted",
    "merchant.account_alert",
    "merchant.activated",
    "merchant.application.approved",
    "merchant.application.info_requested",
    "merchant.application.rejected",
    "merchant.application.submitted",
    "merchant.reinstated",
    "merchant.restricted",
    "order.accepted",
    "order.approved",
    "order.cancelled",
    "order.declined",
    "order.held",
    "order.placed",
    "order.refused",
    "order.released",
    "order.shipped",
    "refund.failed",
    "refund.pending",
    "refund.succeeded",
)
_PREFIXES = {"order": "ord", "listing": "lst", "application": "app", "merchant": "mer", "refund": "ref"}
# Payload fields that are plain facts. Everything else is translated below or stays inside.
_PLAIN = ("status", "external_id", "carrier", "attempt", "number", "sku", "stock", "from", "to")


class EventSubject(Shape):
    kind = serializers.ChoiceField(list(_PREFIXES))
    id = serializers.CharField()


class Event(Shape):
    id = serializers.CharField()
    sequence = serializers.IntegerField(help_text="Rises by commit order; your own events may skip numbers.")
    type = serializers.ChoiceField(EVENT_TYPES)
    subject = EventSubject()
    merchant = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    payload = serializers.DictField(help_text="What changed; read the subject for everything.")


class EventList(Shape):
    data = Event(many=True)  # type: ignore[assignment]
    next_after = serializers.IntegerField(allow_null=True, help_text="Send it as `after` to read on.")
    has_more = serializers.BooleanField()


class Events(Endpoint):
    scopes = {"GET": "events:read"}

    @extend_schema(
        operation_id="listEvents",
        summary="Read events in order",
        description=(
            "Oldest first. Keep `next_after` and send it as `after`: you miss nothing and see nothing twice."
            " At the end `next_after` stays what you sent; ask again later."
        ),
        tags=["Events"],
        parameters=[
            OpenApiParameter("after", str, description="A sequence number, or an event’s id."),
            OpenApiParameter("types", str, description=f"Comma-separated: {', '.join(EVENT_TYPES)}."),
            OpenApiParameter("limit", int, description=f"1 to {MAX_LIMIT}, 100 if not given."),
        ],
        responses=EventList,
        examples=examples.answered(examples.EVENTS),
    )
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        limit, after = read_limit(request, default=100), _read_after(request, caller)
        events = list_events(caller.merchant_ids, types=_read_types(request), after=after)
        found = list(events[: limit + 1])
        shown = found[:limit]
        return Response(
            {
                "data": [render_event(event) for event in shown],
                "next_after": shown[-1].sequence if shown else after,
                "has_more": len(found) > limit,
            }
        )


def render_event(event: OutboxEvent) -> dict[str, Any]:
    return {
        "id": encode("evt", event.pk),
        "sequence": event.sequence,
        "type": event.type,
        "subject": {
            "kind": event.subject_kind,
            "id": encode(_PREFIXES[event.subject_kind], event.subject_id),
        },
        "merchant": public_id("mer", event.merchant_id),
        "created_at": moment(event.created_at),
        "payload": render_payload(event.payload),
    }


def render_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload in public ids, sentences and money; reason codes name checks and stay inside."""
    shown = {name: payload[name] for name in _PLAIN if name in payload}
    if "reason_codes" in payload:
        shown["reasons"] = merchant_sentences(payload["reason_codes"])
    if "items" in payload:
        shown["items"] = [render_item(item) for item in payload["items"]]
    if "order" in payload:
        shown["order"] = encode("ord", payload["order"])
    if "revision" in payload:
        shown["revision"] = encode("rev", payload["revision"])
    if "appeal" in payload:
        shown["appeal"] = encode("apl", payload["appeal"])
    if "statement" in payload:
        shown["statement"] = encode("sta", payload["statement"])
    if "amount_minor" in payload:
        currency = payload["currency"]
        shown["amount"] = {"amount": to_text(payload["amount_minor"], currency), "currency": currency}
    return shown


def _read_after(request: Request, caller: Caller) -> int:
    text = request.query_params.get("after", "0")
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    try:
        return get_event(decode("evt", text), caller.merchant_ids).sequence or 0
    except NotFound:
        detail = _("Send a sequence number or an event’s id.")
        raise ValidationFailed([FieldError("/after", "invalid_after", detail)]) from None


def _read_types(request: Request) -> list[str]:
    types = [word.strip() for word in request.query_params.get("types", "").split(",") if word.strip()]
    if unknown := [one for one in types if one not in EVENT_TYPES]:
        detail = _("There is no event “%(type)s”.") % {"type": unknown[0][:64]}
        raise ValidationFailed([FieldError("/types", "unknown_type", detail)])
    return types or list(EVENT_TYPES)
