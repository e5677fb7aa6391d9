"""Orders with their lines, parcels, refunds and payment reports, for looking up."""

import json

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin, MadeFilter, Operation, RelatedRows
from core.admin_menu import MenuGroup
from core.encryption import decrypt, mask

from .handling import cancel_order
from .models import (
    Order,
    OrderContact,
    OrderKey,
    OrderLine,
    PaymentEvent,
    Refund,
    RefundLine,
    Shipment,
    ShipmentLine,
)
from .states import ORDER


class LinesOfOrder(RelatedRows):
    model = OrderLine
    columns = ("number", "title", show.linked("listing", _("listing")), "quantity", "unit_price_minor")


class ParcelsOfOrder(RelatedRows):
    model = Shipment
    columns = (show.public_id("shp"), show.status("shipment"), "carrier", "tracking_number", "shipped_at")


class RefundsOfOrder(RelatedRows):
    model = Refund
    columns = (
        show.public_id("ref"),
        show.status("refund"),
        show.money("amount_minor", "currency", _("amount")),
        "reason",
        "created_at",
    )


class ReportsOfOrder(RelatedRows):
    model = PaymentEvent
    columns = ("kind", "external_id", "amount_minor", "occurred_at", "known_at")


@admin.register(Order)
class OrderAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.ORDERS, 10, "receipt_long", "ord"
    list_display = (
        "external_id",
        show.public_id("ord"),
        show.status("order"),
        "hold_kind",
        show.linked("merchant", _("merchant")),
        show.money("total_minor", "currency", _("total")),
        show.status("payment", "payment_status", _("payment")),
        show.moment("occurred_at", _("placed")),
    )
    list_select_related = ("merchant",)
    list_filter = ("status", "payment_status", MadeFilter)
    search_fields = ("external_id__exact", "market_order_id__exact")
    shown = (
        show.public_id("ord"),
        show.status("order"),
        show.money("total_minor", "currency", _("total")),
        show.reference("import", "import_batch_id", _("import")),
    )
    inlines = (LinesOfOrder, ParcelsOfOrder, RefundsOfOrder, ReportsOfOrder)
    operations = (
        Operation(
            code="cancel",
            label=_("Cancel order"),
            text=_("The order ends here and cannot ship. A paid order still needs its refund."),
            run=lambda order, *, actor, at, comment: cancel_order(order, actor=actor, at=at, reason=comment),
            is_open=lambda order: "cancel" in ORDER.actions(order.status, "S"),
            needs_comment=True,
            is_danger=True,
        ),
    )


@admin.register(OrderKey)
class OrderKeyAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.ORDERS, 70, "tag"
    title = _("order keys")
    list_display = (
        "external_id",
        show.reference("merchant", "merchant_id", _("merchant")),
        show.reference("order", "order_id", _("order")),
    )
    search_fields = ("external_id__exact",)
    shown = (
        show.reference("merchant", "merchant_id", _("merchant")),
        show.reference("order", "order_id", _("order")),
    )


@admin.register(OrderLine)
class OrderLineAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.ORDERS, 20, "format_list_numbered", "lin"
    list_display = (
        show.public_id("lin"),
        show.linked("order", _("order")),
        "number",
        "title",
        show.linked("listing", _("listing")),
        "quantity",
        "unit_price_minor",
    )
    list_select_related = ("order", "listing")
    list_filter = (MadeFilter,)
    shown = (show.public_id("lin"),)


@admin.display(description=_("contact, masked"))
def masked_contact(contact: OrderContact) -> str:
    """Return the ends of what the buyer gave."""
    given = json.loads(decrypt(contact.sealed))
    return ", ".join(f"{name}: {mask(value)}" for name, value in given.items() if value) or "–"


@admin.register(OrderContact)
class OrderContactAdmin(BackofficeAdmin):
    """The buyer's personal data stays sealed."""

    menu, menu_order, icon = MenuGroup.ORDERS, 60, "contact_mail"
    list_display = (show.reference("order", "pk", _("order")), masked_contact)
    list_display_links = (masked_contact,)
    list_filter = (MadeFilter,)
    shown = (masked_contact,)


class LinesOfParcel(RelatedRows):
    model = ShipmentLine
    columns = (show.linked("order_line", _("order line")), "quantity")


@admin.register(Shipment)
class ShipmentAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.ORDERS, 30, "local_shipping", "shp"
    list_display = (
        "tracking_number",
        "carrier",
        show.status("shipment"),
        show.linked("order", _("order")),
        show.moment("shipped_at", _("shipped")),
    )
    list_select_related = ("order",)
    list_filter = ("status", MadeFilter)
    search_fields = ("tracking_number__exact",)
    shown = (show.public_id("shp"), show.status("shipment"))
    inlines = (LinesOfParcel,)


@admin.register(ShipmentLine)
class ShipmentLineAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.ORDERS, 80, "inventory"
    title = _("shipment lines")
    list_display = (
        "__str__",
        show.linked("shipment", _("shipment")),
        show.linked("order_line", _("order line")),
        "quantity",
    )
    list_select_related = ("shipment", "order_line")


class LinesOfRefund(RelatedRows):
    model = RefundLine
    columns = (show.linked("order_line", _("order line")), "quantity", "amount_minor")


@admin.register(Refund)
class RefundAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.ORDERS, 40, "undo", "ref"
    list_display = (
        show.public_id("ref"),
        show.status("refund"),
        show.money("amount_minor", "currency", _("amount")),
        show.linked("order", _("order")),
        "reason",
        show.moment("created_at", _("requested")),
    )
    list_select_related = ("order",)
    list_filter = ("status", "reason", MadeFilter)
    shown = (
        show.public_id("ref"),
        show.status("refund"),
        show.money("amount_minor", "currency", _("amount")),
    )
    inlines = (LinesOfRefund,)


@admin.register(RefundLine)
class RefundLineAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.ORDERS, 90, "playlist_remove"
    title = _("refund lines")
    list_display = (
        "__str__",
        show.linked("refund", _("refund"), text="pk"),
        show.linked("order_line", _("order line")),
        "amount_minor",
    )
    list_select_related = ("refund", "order_line")


@admin.register(PaymentEvent)
class PaymentEventAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.ORDERS, 50, "payments"
    list_display = (
        "kind",
        "external_id",
        show.linked("order", _("order")),
        "amount_minor",
        show.moment("occurred_at", _("happened")),
        show.moment("known_at", _("known")),
    )
    list_select_related = ("order",)
    list_filter = (MadeFilter,)
    search_fields = ("external_id__exact",)
