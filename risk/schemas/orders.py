"""The fields that order rules may use: the order's own, and every declared model input."""

from django.utils.translation import gettext_noop as _

from risk.features.declarations import ORDER_INPUTS
from risk.features.wording import label
from risk.rules.schema import Field, FieldType, Schema

_OWN = (
    Field("order.amount", FieldType.NUMBER, "base currency", nullable=False, description=_("Order total")),
    Field("order.currency", FieldType.TEXT, nullable=False, description=_("Currency the buyer paid in")),
    Field(
        "order.placed_at", FieldType.MOMENT, nullable=False, description=_("When the buyer placed the order")
    ),
    Field("buyer.signed_up_at", FieldType.MOMENT, description=_("When the buyer signed up")),
    Field("order.payment_status", FieldType.TEXT, nullable=False, description=_("Payment status on arrival")),
    Field("order.shipping_country", FieldType.TEXT, description=_("Country the goods go to")),
    Field("order.billing_country", FieldType.TEXT, description=_("Country of the billing address")),
    Field("order.card_country", FieldType.TEXT, description=_("Country that issued the card")),
    Field("order.has_device", FieldType.BOOL, nullable=False, description=_("A device was supplied")),
    Field("order.has_card", FieldType.BOOL, nullable=False, description=_("A card was supplied")),
    # Fingerprints, to be looked up in lists of their kind.
    Field("order.buyer", FieldType.KEY, "buyer", description=_("Buyer")),
    Field("order.device", FieldType.KEY, "device", description=_("Device")),
    Field("order.card", FieldType.KEY, "card", description=_("Card")),
    Field("order.address", FieldType.KEY, "address", description=_("Delivery address")),
    Field("order.ip", FieldType.KEY, "ip", description=_("Network address")),
)

SCHEMA = Schema(
    "order",
    (
        *_OWN,
        *(
            Field(declared.name, FieldType.NUMBER, declared.unit, description=label(declared).en)
            for declared in ORDER_INPUTS
        ),
    ),
)
