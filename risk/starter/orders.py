"""Starter rules for orders.

Thresholds come from the fraud stories they answer to and are deliberately
mild: most rules add points, and only patterns that honest buyers do not show
force an outcome. Backtests on one's own history should move them.
"""

from django.utils.translation import gettext_noop as _

from risk.policy import Thresholds
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import Policy

POLICY = Policy(
    Thresholds(review_at=0.15, decline_at=0.85, points_review_at=60, points_decline_at=150),
    review_share=0.01,
)


def _points(code: str, name: str, condition: str, points: int, reason: str) -> RuleDefinition:
    return RuleDefinition(
        code=code, name=name, condition=condition, effect=Effect.POINTS, points=points, reason_code=reason
    )


RULES = (
    # Card testing: a stolen list of cards is tried out with small amounts from one place.
    RuleDefinition(
        code="R-ORD-001",
        name=_("Card testing on one device"),
        condition="device_cards_1h_distinct >= 5 and order.amount < 200",
        effect=Effect.DECLINE,
        reason_code="card_testing",
    ),
    RuleDefinition(
        code="R-ORD-002",
        name=_("Card testing from one network address"),
        condition="ip_cards_1h_distinct >= 8 and order.amount < 200",
        effect=Effect.REVIEW,
        reason_code="card_testing",
    ),
    _points(
        "R-ORD-003",
        _("Third card on a device in a day"),
        "device_cards_24h_distinct >= 2",
        30,
        "shared_device",
    ),
    _points(
        "R-ORD-004",
        _("Third card on a network address in a day"),
        "ip_cards_24h_distinct >= 3",
        20,
        "velocity_ip",
    ),
    # Stolen cards: bought with quickly, sent elsewhere, from a device the card has not seen.
    _points(
        "R-ORD-010",
        _("Card on several devices in a day"),
        "card_devices_24h_distinct >= 2",
        30,
        "velocity_card",
    ),
    _points(
        "R-ORD-011",
        _("Card used by several buyers in a week"),
        "card_buyers_7d_distinct >= 2",
        40,
        "velocity_card",
    ),
    _points(
        "R-ORD-012",
        _("Four orders with a card in an hour"),
        "card_orders_1h_count >= 4",
        40,
        "velocity_card",
    ),
    _points(
        "R-ORD-013",
        _("Card at many merchants in a day"),
        "card_merchants_24h_distinct >= 4",
        25,
        "velocity_card",
    ),
    _points(
        "R-ORD-014",
        _("Card issued in another country than the goods go to"),
        "order.card_country != order.shipping_country",
        10,
        "country_mismatch",
    ),
    _points(
        "R-ORD-015",
        _("Billing and shipping countries differ"),
        "order_countries_differ == 1",
        10,
        "country_mismatch",
    ),
    # New accounts with expensive baskets.
    _points(
        "R-ORD-020",
        _("New buyer, high value"),
        "buyer_account_age_hours < 24 and order.amount > 2000",
        30,
        "new_buyer_high_value",
    ),
    _points(
        "R-ORD-021",
        _("Far above the buyer’s own mean"),
        "order_amount_to_buyer_mean_30d > 8 and order.amount > 1000",
        20,
        "amount_unusual",
    ),
    _points(
        "R-ORD-022",
        _("Far above the merchant’s mean"),
        "order_amount_to_merchant_mean_30d > 10 and order.amount > 2000",
        20,
        "amount_unusual",
    ),
    # Account takeover: an old buyer appears on a new device and a new address at once.
    RuleDefinition(
        code="R-ORD-030",
        name=_("Old buyer, new device, new address, high value"),
        condition=(
            "buyer_orders_30d_count >= 2 and device_orders_30d_count == 0"
            " and address_orders_30d_count == 0 and order.amount > 1000"
        ),
        effect=Effect.POINTS,
        points=45,
        reason_code="account_takeover",
    ),
    _points(
        "R-ORD-031",
        _("Several devices of a buyer in a day"),
        "buyer_devices_24h_distinct >= 3",
        25,
        "velocity_buyer",
    ),
    _points(
        "R-ORD-032",
        _("Several cards of a buyer in a week"),
        "buyer_cards_7d_distinct >= 4",
        25,
        "velocity_buyer",
    ),
    _points(
        "R-ORD-033",
        _("Several addresses of a buyer in a week"),
        "buyer_addresses_7d_distinct >= 4",
        20,
        "velocity_buyer",
    ),
    # Collusion: a merchant’s orders come from few devices, cards or addresses that share each other.
    _points(
        "R-ORD-040",
        _("Several buyers on a device in a week"),
        "device_buyers_7d_distinct >= 3",
        40,
        "shared_device",
    ),
    _points(
        "R-ORD-041",
        _("Several buyers at an address in a week"),
        "address_buyers_7d_distinct >= 5",
        20,
        "velocity_address",
    ),
    _points(
        "R-ORD-042",
        _("Many orders from a device in a day"),
        "device_orders_24h_count >= 8",
        25,
        "velocity_device",
    ),
    _points(
        "R-ORD-043",
        _("Many orders by a buyer in an hour"),
        "buyer_orders_1h_count >= 5",
        25,
        "velocity_buyer",
    ),
    # What proved bad before.
    RuleDefinition(
        code="R-ORD-050",
        name=_("Card proved bad within 30 days"),
        condition="card_bad_labels_30d_count >= 2",
        effect=Effect.DECLINE,
        reason_code="bad_history",
    ),
    _points(
        "R-ORD-051",
        _("Device proved bad within 30 days"),
        "device_bad_labels_30d_count >= 1",
        60,
        "bad_history",
    ),
    _points(
        "R-ORD-052",
        _("Buyer proved bad within 30 days"),
        "buyer_bad_labels_30d_count >= 1",
        60,
        "bad_history",
    ),
    _points(
        "R-ORD-053",
        _("Merchant with a high share of bad orders"),
        "merchant_bad_share_30d > 0.05 and merchant_labels_30d_count >= 20",
        25,
        "bad_history",
    ),
    # Tags and shadows show without acting.
    RuleDefinition(
        code="R-ORD-090",
        name=_("No device and no card"),
        condition="not order.has_device and not order.has_card",
        effect=Effect.TAG,
        tag="thin_signals",
    ),
)
