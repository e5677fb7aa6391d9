"""How orders are shown to partners: flat functions for speed, and their shapes for the document."""

from typing import Any

from rest_framework import serializers

from api.v1.decisions import DecisionSummary
from api.v1.fields import STATEMENT, Money, Shape, moment, money, public_id
from core.ids import encode
from orders.models import Order, OrderStatus, PaymentStatus, Refund, RefundStatus, Shipment, ShipmentStatus
from orders.states import ORDER

# The merchant's moves that this door offers; each is a path under the order.
_OFFERED = ("accept", "refuse", "ship", "cancel")


class Hold(Shape):
    kind = serializers.CharField()


class OrderSummary(Shape):
    id = serializers.CharField()
    merchant = serializers.CharField()
    external_id = serializers.CharField()
    market_order_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(OrderStatus.values)
    on_hold = Hold(allow_null=True, help_text="A held order cannot ship.")
    payment_status = serializers.ChoiceField(PaymentStatus.values)
    total = Money()
    placed_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    statement = serializers.CharField(allow_null=True, help_text=STATEMENT)
    available_actions = serializers.ListField(child=serializers.ChoiceField(_OFFERED))


class PlacedOrder(OrderSummary):
    decision = DecisionSummary(allow_null=True, help_text="Null: a worker decides it.")


class OrderLine(Shape):
    id = serializers.CharField()
    number = serializers.IntegerField()
    listing = serializers.CharField(allow_null=True)
    title = serializers.CharField(allow_blank=True)
    quantity = serializers.IntegerField()
    unit_price = Money()


class ShipmentSummary(Shape):
    id = serializers.CharField()
    status = serializers.ChoiceField(ShipmentStatus.values)
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()


class RefundSummary(Shape):
    id = serializers.CharField()
    order = serializers.CharField()
    status = serializers.ChoiceField(RefundStatus.values)
    reason = serializers.CharField()
    amount = Money()
    created_at = serializers.DateTimeField()


class OrderDetail(OrderSummary):
    lines = OrderLine(many=True)
    shipments = ShipmentSummary(many=True)
    refunds = RefundSummary(many=True)


class RecordedPayment(Shape):
    id = serializers.CharField()
    order = OrderSummary()


def render_order(order: Order) -> dict[str, Any]:
    """Return the flat public form; no query."""
    return {
        "id": encode("ord", order.pk),
        "merchant": encode("mer", order.merchant_id),
        "external_id": order.external_id,
        "market_order_id": order.market_order_id or None,
        "status": str(order.status),
        "on_hold": {"kind": order.hold_kind} if order.hold_kind else None,
        "payment_status": str(order.payment_status),
        "total": money(order.total_minor, order.currency),
        "placed_at": moment(order.occurred_at),
        "received_at": moment(order.known_at),
        "decided_at": moment(order.decided_at),
        "statement": public_id("sta", order.decline_statement_id or order.hold_statement_id),
        "available_actions": available_actions(order),
    }


def render_details(order: Order) -> dict[str, Any]:
    """Return an order with its lines, shipments and refunds, which the selector has read."""
    return {
        **render_order(order),
        "lines": [
            {
                "id": encode("lin", line.pk),
                "number": line.number,
                "listing": public_id("lst", line.listing_id),
                "title": line.title,
                "quantity": line.quantity,
                "unit_price": money(line.unit_price_minor, order.currency),
            }
            for line in order.lines.all()
        ],
        "shipments": [render_shipment(shipment) for shipment in order.shipments.all()],
        "refunds": [render_refund(refund) for refund in order.refunds.all()],
    }


def render_shipment(shipment: Shipment) -> dict[str, Any]:
    return {
        "id": encode("shp", shipment.pk),
        "status": str(shipment.status),
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
    }


def render_refund(refund: Refund) -> dict[str, Any]:
    return {
        "id": encode("ref", refund.pk),
        "order": encode("ord", refund.order_id),
        "status": str(refund.status),
        "reason": str(refund.reason),
        "amount": money(refund.amount_minor, refund.currency),
        "created_at": moment(refund.created_at),
    }


def available_actions(order: Order) -> list[str]:
    """Return what may be asked for now: nothing while the order is judged or held."""
    if order.is_held or order.status == OrderStatus.RECEIVED:
        return []
    return [action for action in ORDER.actions(order.status, "M") if action in _OFFERED]
