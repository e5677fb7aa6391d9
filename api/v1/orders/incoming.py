"""What partners send about orders, and how it becomes the domain's own shapes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from api.v1.fields import AmountField, CountryField, CurrencyField, IdField, Shape, TextField, minor
from core.errors import FieldError, ValidationFailed
from core.money import MAX_AMOUNT_MINOR, InvalidAmount, convert, to_minor
from orders.handling import RefundedLine
from orders.models import RefundReason
from orders.placing import Contact, NewLine, NewOrder, Signals


class OrderLineIn(Shape):
    sku = TextField(max_length=64, default="", allow_blank=True, help_text="Names one of your listings.")
    title = TextField(max_length=200)
    quantity = serializers.IntegerField(min_value=1, max_value=100_000)
    unit_price = AmountField()


class BuyerIn(Shape):
    """Personal data is encrypted; device and address are kept as fingerprints."""

    id = TextField(max_length=64, required=False, help_text="Your own id of the buyer.")
    signed_up_at = serializers.DateTimeField(required=False)
    name = TextField(max_length=120, default="", allow_blank=True)
    email = serializers.EmailField(default="", allow_blank=True)
    phone = TextField(max_length=40, default="", allow_blank=True)
    address = TextField(max_length=400, default="", allow_blank=True)
    device_id = TextField(max_length=200, required=False)
    ip = serializers.IPAddressField(required=False)


class CardIn(Shape):
    token = TextField(max_length=200, help_text="The payment provider’s token, never the card number.")
    country = CountryField(default="", allow_blank=True)

    default_error_messages = {"card_number": gettext_lazy("This looks like a card number. Send a token.")}

    def validate_token(self, token: str) -> str:
        digits = token.replace(" ", "").replace("-", "")
        if digits.isdigit() and 12 <= len(digits) <= 19:
            self.fail("card_number")
        return token


class OrderIn(Shape):
    merchant = IdField("mer")
    external_id = TextField(max_length=64, help_text="Your order number, unique per merchant.")
    market_order_id = TextField(max_length=64, default="", allow_blank=True)
    currency = CurrencyField()
    fx_rate = serializers.DecimalField(
        max_digits=18,
        decimal_places=9,
        min_value=Decimal("0.000000001"),
        required=False,
        help_text="Base units per unit; from the marketplace’s own systems only.",
    )
    placed_at = serializers.DateTimeField(required=False, help_text="Now, if not given.")
    payment_status = serializers.ChoiceField(["unpaid", "authorized", "paid"], default="paid")
    lines = serializers.ListField(child=OrderLineIn(), allow_empty=False, max_length=200)
    buyer = BuyerIn(required=False)
    card = CardIn(required=False)
    shipping_country = CountryField(default="", allow_blank=True)
    billing_country = CountryField(default="", allow_blank=True)


class ShipmentIn(Shape):
    carrier = TextField(max_length=40)
    tracking_number = TextField(max_length=60)
    lines = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=100_000),
        required=False,
        allow_empty=False,
        help_text="Line id → pieces in this parcel; everything that is left, if not given.",
    )


class RefundLineIn(Shape):
    line = IdField("lin")
    quantity = serializers.IntegerField(min_value=1, max_value=100_000)
    amount = AmountField(required=False, help_text="At the unit price, if not given.")


class RefundIn(Shape):
    reason = serializers.ChoiceField(RefundReason.values)
    comment = TextField(max_length=2_000, default="", allow_blank=True)
    lines = serializers.ListField(child=RefundLineIn(), allow_empty=False, max_length=200)


class ReasonIn(Shape):
    reason = TextField(max_length=400)


class PaymentEventIn(Shape):
    id = TextField(max_length=64, help_text="The provider’s id; the same again changes nothing.")
    kind = serializers.ChoiceField(
        ["authorized", "paid", "voided", "refund_succeeded", "refund_failed", "chargeback"]
    )
    amount = AmountField()
    refund = IdField("ref", required=False, help_text="Which refund a refund_… event settles.")
    occurred_at = serializers.DateTimeField(required=False)


def to_new_order(data: Mapping[str, Any], *, at: datetime) -> NewOrder:
    """Return the order to place; ValidationFailed names every amount that cannot be read."""
    buyer, card = data.get("buyer", {}), data.get("card", {})
    new = NewOrder(
        external_id=data["external_id"],
        market_order_id=data["market_order_id"],
        currency=data["currency"],
        fx_rate=data.get("fx_rate"),
        lines=_lines(data["lines"], data["currency"]),
        placed_at=data.get("placed_at") or at,
        payment_status=data["payment_status"],
        buyer_signed_up_at=buyer.get("signed_up_at"),
        signals=Signals(
            buyer=buyer.get("id"),
            device=buyer.get("device_id"),
            card=card.get("token"),
            address=_normal(buyer.get("address", "")) or None,
            ip=buyer.get("ip"),
        ),
        contact=_contact(buyer),
        card_country=card.get("country", ""),
        shipping_country=data["shipping_country"],
        billing_country=data["billing_country"],
    )
    _check_base_total(new)
    return new


def to_refunded_lines(rows: Sequence[Mapping[str, Any]], currency: str) -> list[RefundedLine]:
    return [
        RefundedLine(
            row["line"],
            row["quantity"],
            minor(row["amount"], currency, f"/lines/{index}/amount") if "amount" in row else None,
        )
        for index, row in enumerate(rows)
    ]


def _lines(rows: Sequence[Mapping[str, Any]], currency: str) -> tuple[NewLine, ...]:
    lines, errors = [], []
    for index, row in enumerate(rows):
        try:
            price = to_minor(row["unit_price"], currency)
            lines.append(NewLine(row["title"], row["quantity"], price, row["sku"]))
        except InvalidAmount as error:
            errors.append(FieldError(f"/lines/{index}/unit_price", error.code, error.message))
    if errors:
        raise ValidationFailed(errors)
    return tuple(lines)


def _check_base_total(new: NewOrder) -> None:
    """Refuse a rate that blows the total up beyond what sums can hold."""
    if new.fx_rate is None or new.total_minor > MAX_AMOUNT_MINOR:
        return
    if convert(new.total_minor, new.currency, settings.BASE_CURRENCY, new.fx_rate) > MAX_AMOUNT_MINOR:
        detail = _("At this rate the order’s total is too large.")
        raise ValidationFailed([FieldError("/fx_rate", "amount_too_large", detail)])


def _contact(buyer: Mapping[str, Any]) -> Contact | None:
    values = {name: buyer.get(name, "") for name in ("name", "email", "phone", "address")}
    return Contact(**values) if any(values.values()) else None


def _normal(address: str) -> str:
    """Return an address so that spelling in capitals or with other spaces is still the same one."""
    return " ".join(address.casefold().split())
