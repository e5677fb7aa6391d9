"""The fields that rules on merchant accounts may use: the account's own, and every judged number of it."""

from django.utils.translation import gettext_noop as _

from risk.rules.schema import Field, FieldType, Schema

NUMBER, TEXT = FieldType.NUMBER, FieldType.TEXT

OWN = (
    Field("merchant.name", TEXT, nullable=False, description=_("Name of the merchant")),
    Field("merchant.country", TEXT, description=_("Country of the merchant")),
    Field("merchant.status", TEXT, nullable=False, description=_("Status of the account")),
)


def _count(name: str, description: str, *, nullable: bool = False) -> Field:
    return Field(name, NUMBER, "count", nullable=nullable, description=description)


def _share(name: str, description: str) -> Field:
    return Field(name, NUMBER, "share", description=description)


# In the order in which vectors are stored; a window named 60d is that of the account score and order health.
INPUTS = (
    _share("account_score", _("Account score")),
    _share("account_score_change_7d", _("Change of the account score in 7 days")),
    _count("known_orders_60d_count", _("Orders whose outcome became known in 60 days"), nullable=True),
    _count("bad_orders_60d_count", _("Orders that proved bad in 60 days"), nullable=True),
    _share("bad_orders_60d_share", _("Share of known orders that proved bad in 60 days")),
    _count("pending_orders_60d_count", _("Accepted orders of unknown outcome in 60 days"), nullable=True),
    _count("expected_bad_60d_sum", _("Bad orders to be expected among these"), nullable=True),
    _count("orders_7d_count", _("Orders in 7 days")),
    Field("orders_growth_7d", NUMBER, "times", description=_("Orders a day in 7 days against the 30 before")),
    Field("amount_growth_7d", NUMBER, "times", description=_("Amount a day in 7 days against the 30 before")),
    _count("orders_60d_count", _("Orders in 60 days")),
    _share("cancelled_60d_share", _("Share of handled orders cancelled in 60 days")),
    _share("late_60d_share", _("Share of handled orders late in 60 days")),
    _share("refunded_60d_share", _("Share of handled orders refunded in 60 days")),
    _count("chargebacks_60d_count", _("Orders with a chargeback in 60 days")),
    _share("chargebacks_60d_share", _("Chargebacks against orders in 60 days")),
    Field("account_age_days", NUMBER, "days", nullable=False, description=_("Age of the merchant account")),
    Field("trust_tier", NUMBER, "tier", nullable=False, description=_("Trust tier of the merchant")),
    _count("live_listings_count", _("Listings that are live")),
    _count("rejected_listings_60d_count", _("Listing versions rejected in 60 days")),
    _count(
        "linked_component_size",
        _("Applications linked with the merchant’s within two steps, its own included"),
        nullable=True,
    ),
    _count(
        "linked_bad_within_two_count",
        _("Bad applications linked with the merchant’s within two steps"),
        nullable=True,
    ),
)

SCHEMA = Schema("merchant", (*OWN, *INPUTS))
