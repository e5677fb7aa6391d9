"""Endpoints of orders."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import caller_of, require_operator
from api.endpoint import Endpoint
from api.filtering import CREATED, an_id, narrow, one_of
from api.idempotent import Done, answer_once
from api.pagination import page
from api.preconditions import tagged
from api.v1 import examples
from api.v1.decisions import summarise
from api.v1.fields import minor, read_flag
from api.v1.lists import filter_parameters, list_of, window_parameters
from core.errors import Conflict
from core.ids import decode
from intake.payments import report_payment_event
from intake.pipeline import submit_order
from intake.withdrawals import cancel_order
from merchants.models import Merchant
from merchants.selectors import get_merchant
from orders.handling import (
    accept_order,
    refuse_order,
    request_refund,
    ship_order,
)
from orders.models import Order, OrderStatus, PaymentStatus
from orders.placing import NewOrder
from orders.selectors import find_order_by_number, get_order, get_order_with_details, list_orders

from . import incoming, outgoing

_READ, _WRITE = "orders:read", "orders:write"
_FILTERS = {
    "status": one_of("status", OrderStatus.values),
    "payment_status": one_of("payment_status", PaymentStatus.values),
    "merchant": an_id("merchant_id", "mer"),
    **CREATED,
}
_CHOICES = {"status": OrderStatus.values, "payment_status": PaymentStatus.values}


class Orders(Endpoint):
    scopes = {"GET": _READ, "POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="listOrders",
        summary="List orders",
        tags=["Orders"],
        parameters=[*window_parameters(), *filter_parameters(_CHOICES, "merchant")],
        responses=list_of(outgoing.OrderSummary),
        examples=examples.listed(examples.ORDER),
    )
    def get(self, request: Request) -> Response:
        orders = narrow(request, list_orders(caller_of(request).merchant_ids), _FILTERS)
        return page(request, orders, outgoing.render_order)

    @extend_schema(
        operation_id="placeOrder",
        summary="Place an order",
        description=(
            "With `wait=true` the answer carries the decision, made in the same commit (201). With"
            " `wait=false`, or if judging fails, the order is acknowledged (202) and decided by a"
            " worker; an `order.*` event tells the outcome. A number that the merchant already has is a"
            " conflict, `duplicate_order`, that names the existing order."
        ),
        tags=["Orders"],
        parameters=[OpenApiParameter("wait", bool, default=True)],
        request=incoming.OrderIn,
        responses={201: outgoing.PlacedOrder, 202: outgoing.PlacedOrder},
        examples=[*examples.sent(examples.NEW_ORDER), *examples.answered(examples.PLACED_ORDER)],
    )
    def post(self, request: Request) -> Response:
        caller, now = caller_of(request), timezone.now()
        data = incoming.OrderIn.read(request.data)
        if "fx_rate" in data:
            require_operator(request)
        new = incoming.to_new_order(data, at=now)
        wait = read_flag(request, "wait", default=True)
        merchant = get_merchant(caller.merchant_ids, data["merchant"])

        def work() -> Done:
            done = submit_order(merchant, new, actor=caller.actor, at=now, wait=wait)
            decision = summarise(done.decision) if done.decision else None
            return 201 if decision else 202, {**outgoing.render_order(done.order), "decision": decision}

        try:
            return answer_once(request, work, location="api:order")
        except Conflict as error:
            raise _naming_existing(error, merchant, new) from error


class OrderItem(Endpoint):
    scopes = {"GET": _READ}

    @extend_schema(
        operation_id="readOrder",
        summary="Read an order",
        tags=["Orders"],
        responses=outgoing.OrderDetail,
        examples=examples.answered(examples.ORDER_DETAIL),
    )
    def get(self, request: Request, id: str) -> Response:
        found = get_order_with_details(decode("ord", id), caller_of(request).merchant_ids)
        return tagged(request, outgoing.render_details(found))


class Acceptance(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="acceptOrder",
        summary="Accept an order",
        description="Promise to fulfil it.",
        tags=["Orders"],
        request=None,
        responses={200: outgoing.OrderSummary},
        examples=examples.answered(examples.ORDER),
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now = caller_of(request), timezone.now()

        def work() -> Done:
            order = _get(request, id)
            accept_order(order, actor=caller.actor, at=now)
            return 200, outgoing.render_order(order)

        return answer_once(request, work)


class Refusal(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="refuseOrder",
        summary="Refuse an order",
        description="Turn it down; it counts against the merchant’s rate.",
        tags=["Orders"],
        request=incoming.ReasonIn,
        responses={200: outgoing.OrderSummary},
        examples=[*examples.sent({"reason": "Out of stock."}), *examples.answered(examples.ORDER)],
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now, data = caller_of(request), timezone.now(), incoming.ReasonIn.read(request.data)

        def work() -> Done:
            order = _get(request, id)
            refuse_order(order, actor=caller.actor, at=now, reason=data["reason"])
            return 200, outgoing.render_order(order)

        return answer_once(request, work)


class Cancellation(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="cancelOrder",
        summary="Cancel an order",
        description="Before it ships, and not while it is being checked.",
        tags=["Orders"],
        request=incoming.ReasonIn,
        responses={200: outgoing.OrderSummary},
        examples=[*examples.sent({"reason": "The buyer asked."}), *examples.answered(examples.ORDER)],
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now, data = caller_of(request), timezone.now(), incoming.ReasonIn.read(request.data)

        def work() -> Done:
            order = _get(request, id)
            if order.is_held or order.status == OrderStatus.RECEIVED:
                raise Conflict(_("This order is being checked."), code="order_on_hold")
            cancel_order(order, actor=caller.actor, at=now, reason=data["reason"])
            return 200, outgoing.render_order(order)

        return answer_once(request, work)


class Shipments(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="shipOrder",
        summary="Ship an order",
        tags=["Orders"],
        request=incoming.ShipmentIn,
        responses={201: outgoing.ShipmentSummary},
        examples=[*examples.sent(examples.NEW_SHIPMENT), *examples.answered(examples.SHIPMENT)],
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now, data = caller_of(request), timezone.now(), incoming.ShipmentIn.read(request.data)
        chosen = data.get("lines")
        quantities = chosen and {decode("lin", line): count for line, count in chosen.items()}

        def work() -> Done:
            shipment = ship_order(
                _get(request, id),
                carrier=data["carrier"],
                tracking_number=data["tracking_number"],
                quantities=quantities,
                actor=caller.actor,
                at=now,
            )
            return 201, outgoing.render_shipment(shipment)

        return answer_once(request, work)


class Refunds(Endpoint):
    scopes = {"POST": _WRITE}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="requestRefund",
        summary="Ask for a refund",
        description="It stays pending until the payment provider reports; see payment events.",
        tags=["Orders"],
        request=incoming.RefundIn,
        responses={201: outgoing.RefundSummary},
        examples=[*examples.sent(examples.NEW_REFUND), *examples.answered(examples.REFUND)],
    )
    def post(self, request: Request, id: str) -> Response:
        caller, now, data = caller_of(request), timezone.now(), incoming.RefundIn.read(request.data)

        def work() -> Done:
            order = _get(request, id)
            lines = incoming.to_refunded_lines(data["lines"], order.currency)
            refund = request_refund(
                order,
                reason=data["reason"],
                comment=data["comment"],
                lines=lines,
                actor=caller.actor,
                at=now,
            )
            return 201, outgoing.render_refund(refund)

        return answer_once(request, work)


class PaymentEvents(Endpoint):
    scopes = {"POST": _WRITE}

    @extend_schema(
        operation_id="reportPayment",
        summary="Report a payment event",
        description="From the marketplace’s own systems only: a seller does not confirm its own refunds.",
        tags=["Orders"],
        request=incoming.PaymentEventIn,
        responses={200: outgoing.RecordedPayment},
        examples=[
            *examples.sent(examples.NEW_PAYMENT),
            *examples.answered({"id": examples.NEW_PAYMENT["id"], "order": examples.ORDER}),
        ],
    )
    def post(self, request: Request, id: str) -> Response:
        require_operator(request)
        data, now = incoming.PaymentEventIn.read(request.data), timezone.now()
        order = _get(request, id)
        event = report_payment_event(order, **_event_fields(order, data, now), actor=caller_of(request).actor)
        order.refresh_from_db()
        return Response({"id": event.external_id, "order": outgoing.render_order(order)})


def _get(request: Request, id: str) -> Order:
    return get_order(decode("ord", id), caller_of(request).merchant_ids)


def _event_fields(order: Order, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "external_id": data["id"],
        "kind": data["kind"],
        "amount_minor": minor(data["amount"], order.currency, "/amount"),
        "occurred_at": data.get("occurred_at") or now,
        # Another order's refund reads as none, and the service says so.
        "refund": order.refunds.filter(pk=data["refund"]).first() if "refund" in data else None,
        "at": now,
    }


def _naming_existing(error: Conflict, merchant: Merchant, new: NewOrder) -> Conflict:
    """Add to a duplicate's refusal which order has the number; it is the caller's, as the merchant is."""
    if error.code != "duplicate_order":
        return error
    existing = find_order_by_number(merchant.pk, new.external_id)
    extra = {"order_id": existing.pk} if existing else {}
    return Conflict(error.message, code=error.code, extra=extra)
