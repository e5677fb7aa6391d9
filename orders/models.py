"""Orders with their lines, contacts, shipments, refunds and payment events."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from catalog.models import Listing
from core.fields import StatementField, TimeOrderedIdField, TwoTimesModel, given_with
from merchants.models import Merchant


class OrderStatus(models.TextChoices):
    RECEIVED = "received", _("Received")
    AWAITING_PAYMENT = "awaiting_payment", _("Awaiting payment")
    AWAITING_ACCEPTANCE = "awaiting_acceptance", _("Awaiting acceptance")
    AWAITING_FULFILMENT = "awaiting_fulfilment", _("Awaiting fulfilment")
    PARTIALLY_SHIPPED = "partially_shipped", _("Partially shipped")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    COMPLETED = "completed", _("Completed")
    DECLINED = "declined", _("Declined")
    REFUSED = "refused", _("Refused")
    CANCELLED = "cancelled", _("Cancelled")


class PaymentStatus(models.TextChoices):
    UNPAID = "unpaid", _("Unpaid")
    AUTHORIZED = "authorized", _("Authorized")
    PAID = "paid", _("Paid")
    PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
    REFUNDED = "refunded", _("Refunded")
    VOIDED = "voided", _("Voided")


class Order(TwoTimesModel):
    """One row is one merchant's part of a purchase.

    `occurred_at` is when the buyer placed it, `known_at` when it reached us.
    The *_key columns are fingerprints (null = not supplied) that velocity
    features match on. Sums over currencies use `base_total_minor`.
    """

    id = TimeOrderedIdField()
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="orders", db_index=False)
    external_id = models.CharField(_("order number"), max_length=64)
    market_order_id = models.CharField(_("market order"), max_length=64, blank=True)
    status = models.CharField(max_length=20, choices=OrderStatus, default=OrderStatus.RECEIVED)
    # The hold overlay: kind "" = not held. A held order cannot ship.
    hold_kind = models.CharField(max_length=12, blank=True)
    hold_reason = models.CharField(max_length=64, blank=True)
    payment_status = models.CharField(max_length=20, choices=PaymentStatus, default=PaymentStatus.UNPAID)
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    base_total_minor = models.BigIntegerField()
    fx_rate = models.DecimalField(max_digits=18, decimal_places=9)  # base units per unit of `currency`
    # Copies of what the lines say, so that features of a million orders need not read their lines.
    line_count = models.PositiveSmallIntegerField(db_default=0)
    item_count = models.PositiveIntegerField(db_default=0)
    buyer_ref = models.CharField(max_length=64, blank=True)
    buyer_signed_up_at = models.DateTimeField(null=True, blank=True)
    buyer_key = models.BigIntegerField(null=True)
    device_key = models.BigIntegerField(null=True)
    card_key = models.BigIntegerField(null=True)
    address_key = models.BigIntegerField(null=True)
    ip_key = models.BigIntegerField(null=True)
    card_country = models.CharField(max_length=2, blank=True)
    shipping_country = models.CharField(max_length=2, blank=True)
    billing_country = models.CharField(max_length=2, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    # Null for orders that arrived by API or portal; imported history is final.
    import_batch_id = models.BigIntegerField(null=True)
    decline_statement = StatementField()
    hold_statement = StatementField()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        indexes = [
            # It carries what history counts: a merchant's orders lie all over the table.
            models.Index(
                fields=["merchant", "occurred_at"],
                name="order_of_merchant",
                include=[
                    "known_at",
                    "base_total_minor",
                    "buyer_key",
                    "card_key",
                    "card_country",
                    "shipping_country",
                ],
            ),
            models.Index(fields=["buyer_key", "occurred_at"], name="order_of_buyer"),
            models.Index(
                fields=["device_key", "occurred_at"],
                name="order_of_device",
                condition=models.Q(device_key__isnull=False),
            ),
            models.Index(
                fields=["card_key", "occurred_at"],
                name="order_of_card",
                condition=models.Q(card_key__isnull=False),
            ),
            models.Index(
                fields=["address_key", "occurred_at"],
                name="order_of_address",
                condition=models.Q(address_key__isnull=False),
            ),
            models.Index(
                fields=["ip_key", "occurred_at"], name="order_of_ip", condition=models.Q(ip_key__isnull=False)
            ),
            # What the sweeper looks for, and nothing else: it stays as small as the backlog.
            models.Index(
                fields=["id"], name="order_undecided", condition=models.Q(status="received", decided_at=None)
            ),
            models.Index(
                fields=["import_batch_id"],
                name="order_of_batch",
                condition=models.Q(import_batch_id__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(total_minor__gte=0, base_total_minor__gte=0),
                name="order_total_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(hold_kind="") | ~models.Q(status__in=["partially_shipped", "shipped"]),
                name="held_order_does_not_ship",
            ),
            *given_with(
                "decline_statement",
                name="declined_order_has_its_reasons",
                when=models.Q(status="declined"),
                exempt=models.Q(import_batch_id__isnull=False),
            ),
            *given_with(
                "hold_statement",
                name="held_order_has_its_reasons",
                when=~models.Q(hold_kind=""),
                exempt=models.Q(import_batch_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.external_id

    @property
    def is_held(self) -> bool:
        return bool(self.hold_kind)


class OrderKey(models.Model):
    """One row keeps one merchant's order number unique, apart from the table that will be partitioned."""

    id = TimeOrderedIdField()
    merchant_id = models.BigIntegerField()
    external_id = models.CharField(max_length=64)
    order_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant_id", "external_id"], name="one_order_per_merchant_and_number"
            )
        ]

    def __str__(self) -> str:
        return self.external_id


class OrderLine(models.Model):
    """One row is one position of an order. Lines are the truth for shipments and refunds."""

    id = TimeOrderedIdField()
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_constraint=False)
    number = models.PositiveSmallIntegerField()
    listing = models.ForeignKey(
        Listing,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    title = models.CharField(max_length=200, blank=True)
    quantity = models.PositiveIntegerField()
    unit_price_minor = models.BigIntegerField()

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="line_quantity_positive"),
            models.CheckConstraint(
                condition=models.Q(unit_price_minor__gte=0), name="line_price_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"


class OrderContact(models.Model):
    """One row is the buyer's personal data of one order, encrypted; imported history has none."""

    order = models.OneToOneField(
        Order, primary_key=True, on_delete=models.CASCADE, related_name="contact", db_constraint=False
    )
    sealed = models.BinaryField()  # JSON {"name", "email", "phone", "address", "ip", "card_last4"}

    class Meta:
        verbose_name = _("order contact")
        verbose_name_plural = _("order contacts")

    def __str__(self) -> str:
        return str(self.pk)


class ShipmentStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    CANCELLED = "cancelled", _("Cancelled")


class Shipment(models.Model):
    """One row is one parcel."""

    id = TimeOrderedIdField()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="shipments")
    status = models.CharField(max_length=20, choices=ShipmentStatus, default=ShipmentStatus.PENDING)
    carrier = models.CharField(_("carrier"), max_length=40)
    tracking_number = models.CharField(_("tracking number"), max_length=60)
    shipped_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")

    def __str__(self) -> str:
        return self.tracking_number


class ShipmentLine(models.Model):
    """One row says how many of one order line are in one parcel."""

    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="shipment_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["shipment", "order_line"], name="one_shipment_line_per_order_line"
            ),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="shipment_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_line_id}"


class RefundStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    PROCESSING = "processing", _("Processing")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class RefundReason(models.TextChoices):
    BUYER_REQUEST = "buyer_request", _("Buyer changed their mind")
    NOT_AS_DESCRIBED = "not_as_described", _("Not as described")
    DAMAGED = "damaged", _("Arrived damaged")
    NOT_RECEIVED = "not_received", _("Not received")
    OUT_OF_STOCK = "out_of_stock", _("Out of stock")
    FRAUD = "fraud", _("Fraudulent purchase")


class Refund(models.Model):
    """One row is money asked back; it stays pending until the payment event arrives."""

    id = TimeOrderedIdField()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    status = models.CharField(max_length=20, choices=RefundStatus, default=RefundStatus.PENDING)
    reason = models.CharField(_("reason"), max_length=20, choices=RefundReason)
    comment = models.TextField(_("comment"), blank=True, max_length=2_000)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="refund_amount_positive")
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"


class RefundLine(models.Model):
    """One row says how many of one order line are refunded, and for how much."""

    refund = models.ForeignKey(Refund, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField()
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["refund", "order_line"], name="one_refund_line_per_order_line"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, amount_minor__gte=0), name="refund_line_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_line_id}"


class PaymentEvent(TwoTimesModel):
    """One row is one message of the payment provider about an order or a refund."""

    id = TimeOrderedIdField()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payment_events")
    refund = models.ForeignKey(
        Refund, null=True, blank=True, on_delete=models.PROTECT, related_name="payment_events"
    )
    external_id = models.CharField(max_length=64)
    kind = models.CharField(
        max_length=24
    )  # authorized, paid, voided, refund_succeeded, refund_failed, chargeback
    amount_minor = models.BigIntegerField()

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="one_payment_event_per_message")
        ]

    def __str__(self) -> str:
        return self.kind
