"""What of a decision could have been otherwise, and what moves along with it.

A dial is one input that a nearest flip may turn. Turning it keeps the facts
consistent: an order's amount moves in both units and in its ratios, fewer cards
in a day are no more in an hour. What counts as changeable:

- what the subject says of itself (amount, lines, countries, texts, price), either way;
- history, only where it would mean what people take it to mean: fewer bad outcomes,
  fewer cards on a device, an older account. A model may score the contrary lower;
  no explanation suggests more fraud;
- answers of lists, taken off the list;
- never: hour and weekday, the kinds of details supplied (a missing card is no merit),
  currency, the trust tier, the attempt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isnan, log1p, nan

from risk.features.declarations import DECLARED, ORDER_RATIOS, Feature, Statistic, Unit
from risk.rules.schema import Field, FieldType, Schema

Value = float | bool | str | None
Turn = Callable[[Value], dict[str, object]]
Values = Mapping[str, object]

# A past cannot be changed by who is in it: as far away as twice the same step in the present.
OWN, PAST = 1.0, 2.0
# What counts as one step where there is no amount of it: as far as a number changed by a factor of e.
WHOLE = 1.0

_FIXED = frozenset(
    {
        *("order.currency", "order.has_device", "order.has_card"),
        *("order_hour", "order_weekday", "order_is_weekend", "order_is_night"),
        *("listing.currency", "listing.category", "listing.is_new", "listing.merchant_country"),
        *("listing.merchant_trust_tier", "revision_number", "title_length"),
        *("application.attempt", "attempt", "company_name_length", "submitted_hour"),
        *("hours_since_signup", "is_sole_trader", "trust_tier"),
        *("merchant.name", "merchant.country", "merchant.status"),
    }
)
_WORSE_WHEN_MORE = (
    *("_bad_count", "_others_count", "_reuse_count", "_rejected_count", "_submitted_24h_count"),
    *("banned_term_count", "required_missing_count", "shared_kinds_count", "title_similarity"),
)
# Of merchant accounts and linked applications: whatever is counted of these is worse when more.
_BAD_STEMS = (
    *("account_score", "bad_", "pending_", "expected_bad_", "cancelled_", "late_", "refunded_"),
    *("chargebacks_", "rejected_", "linked_", "orders_growth_", "amount_growth_"),
)
_BETTER_WHEN_MORE = ("_age_hours", "_age_days", "_approved_count", "document_count")
_PAST = (
    *("merchant_", "buyer_", "device_", "card_", "address_", "ip_"),
    *("bank_account_", "phone_", "registration_", "document_reuse_", "shared_", "image_reuse_"),
)
_STEPS = {"share": 0.001, "times": 0.01}
_SHIPPING, _BILLING = "order.shipping_country", "order.billing_country"


@dataclass(frozen=True)
class Dial:
    """One changeable input.

    name      the input that words name
    now       its value
    turn      its new value → every input that changes with it, itself included
    step      numbers: the smallest change worth naming
    factors   numbers: input → what one unit of this dial is in it
    weight    how many times as far a change counts
    """

    name: str
    now: Value
    turn: Turn
    step: float = 1.0
    may_fall: bool = True
    may_rise: bool = True
    factors: Mapping[str, float] = field(default_factory=dict)
    weight: float = OWN

    @property
    def is_number(self) -> bool:
        return isinstance(self.now, float)

    def distance(self, to: Value) -> float:
        """Return how far a value is: |ln of the ratio| for numbers, so that no unit weighs more."""
        if isinstance(self.now, float) and isinstance(to, float):
            return self.weight * abs(_logarithm(to) - _logarithm(self.now))
        return self.weight * WHOLE


def find_dial(
    name: str, values: Values, schema: Schema, *, minor_units: int, is_milder_wanted: bool
) -> Dial | None:
    """Return the dial that moves an input, None if nothing may.

    minor_units         how many make one unit of the base currency
    is_milder_wanted    whether the flip is to be towards approval; a harsher one turns the other way
    """
    name = _ALIASES.get(name, name)
    declared = schema.find_field(name)
    if name in _FIXED or declared is None or _is_missing(values.get(name)):
        return None
    if name in ("order.amount", "listing.price"):
        return _money(name, values, minor_units)
    if declared.type in (FieldType.TEXT, FieldType.BOOL) or declared.unit == Unit.FLAG:
        return _whole(name, values)
    # Who somebody is, and when, is nothing to turn; nor is what one number alone does not describe.
    is_turnable = declared.type is FieldType.NUMBER and not _is_summary(name)
    return _number(declared, values, is_milder_wanted) if is_turnable else None


def settle(changes: Mapping[str, object], values: Values) -> dict[str, object]:
    """Return the changes with what derives from them: an order's ratios, and if its countries differ."""
    settled = dict(changes)

    def known(name: str) -> object:
        return settled.get(name, values.get(name))

    for ratio in ORDER_RATIOS:
        if ratio.part in settled or ratio.whole in settled:
            part, whole = _as_number(known(ratio.part)), _as_number(known(ratio.whole))
            settled[ratio.name] = part / whole if whole else nan
    if _SHIPPING in settled or _BILLING in settled:
        shipping, billing = known(_SHIPPING), known(_BILLING)
        settled["order_countries_differ"] = float(shipping != billing) if shipping and billing else nan
    return settled


def probe_dial(name: str, now: object) -> Dial | None:
    """Return the dial that takes something off a list."""
    return Dial(name, True, lambda value: {name: value}, weight=PAST) if now is True else None


def _money(name: str, values: Values, minor_units: int) -> Dial:
    now = _as_number(values[name])
    linked = ["price_to_median", "price_to_live"] if name == "listing.price" else []
    factors = {name: 1.0, **{one: _as_number(values.get(one)) / now for one in linked if now}}
    if name == "order.amount":
        factors["order_amount_minor"] = float(minor_units)
        for ratio, mean in _AMOUNT_TO:
            if values.get(mean):
                factors[ratio] = minor_units / _as_number(values[mean])
    factors = {one: factor for one, factor in factors.items() if not isnan(factor)}

    def turn(to: Value) -> dict[str, object]:
        amount = _as_number(to)
        changes: dict[str, object] = {one: factors[one] * amount for one in linked if one in factors}
        changes[name] = amount
        if name == "order.amount":
            changes["order_amount_minor"] = float(round(amount * minor_units))
        return changes

    return Dial(name, now, turn, step=1 / minor_units, factors=factors)


def _whole(name: str, values: Values) -> Dial:
    """A text, or yes and no: it changes as a whole. Some are known twice, to the rules and to the model."""
    now = values[name]
    is_flag = not isinstance(now, str)
    twin = name.partition(".")[2]

    def turn(to: Value) -> dict[str, object]:
        changes: dict[str, object] = {name: float(bool(to)) if isinstance(now, float) else to}
        if twin and isinstance(values.get(twin), float):
            changes[twin] = float(bool(to))
        return changes

    return Dial(name, bool(now) if is_flag else str(now), turn)


def _number(declared: Field, values: Values, is_milder_wanted: bool) -> Dial:
    name, now = declared.name, _as_number(values[declared.name])
    may_fall, may_rise = _directions(name)
    if not is_milder_wanted:
        may_fall, may_rise = may_rise, may_fall
    family = _family(name)
    factors = {name: 1.0}
    for ratio in ORDER_RATIOS:
        whole = _as_number(values.get(ratio.whole))
        if ratio.part == name and whole and not isnan(whole):
            factors[ratio.name] = 1 / whole

    def turn(to: Value) -> dict[str, object]:
        changes: dict[str, object] = {name: _as_number(to)}
        for other, is_shorter in family.items():
            known = _as_number(values.get(other))
            if isnan(known):
                continue
            # The newest order is the same one in every window that holds it.
            wanted = _as_number(to)
            bounded = min(known, wanted) if is_shorter else max(known, wanted)
            changes[other] = wanted if name.endswith("_since") else bounded
        return changes

    is_past = isinstance(DECLARED.get(name), Feature) or name.startswith((*_PAST, *_BAD_STEMS))
    return Dial(
        name,
        now,
        turn,
        step=_STEPS.get(str(declared.unit), 1.0),
        may_fall=may_fall,
        may_rise=may_rise,
        factors=factors,
        weight=PAST if is_past else OWN,
    )


def _is_summary(name: str) -> bool:
    """The largest order and the spread of orders follow from all of them."""
    one = DECLARED.get(name)
    return isinstance(one, Feature) and one.statistic in (Statistic.MAX, Statistic.STD)


def _directions(name: str) -> tuple[bool, bool]:
    """Return whether a milder outcome may be looked for below, and above."""
    declared = DECLARED.get(name)
    if isinstance(declared, Feature):
        if declared.statistic is Statistic.SECONDS_SINCE:
            return False, True
        # Every filter picks what speaks for fraud: bad, very small, from abroad.
        is_worse_when_more = declared.statistic is not Statistic.COUNT or declared.where is not None
        return True, not is_worse_when_more
    if name.endswith(_WORSE_WHEN_MORE) or name.startswith(_BAD_STEMS):
        return True, False
    if name.endswith(_BETTER_WHEN_MORE):
        return False, True
    return True, True


def _family(name: str) -> dict[str, bool]:
    """Return the same statistic over other windows, and whether the window is shorter."""
    one = DECLARED.get(name)
    if not isinstance(one, Feature):
        return {}
    same = (one.source, one.entity, one.statistic, one.of, one.where, one.delay_minutes)
    return {
        other.name: other.window_minutes < one.window_minutes
        for other in DECLARED.values()
        if isinstance(other, Feature)
        and (other.source, other.entity, other.statistic, other.of, other.where, other.delay_minutes) == same
        and other.name != name
    }


def _as_number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else nan


def _is_missing(value: object) -> bool:
    return value is None or value != value  # NaN differs from itself


def _logarithm(value: float) -> float:
    return log1p(abs(value)) * (1 if value >= 0 else -1)


# Derived inputs are moved by what they derive from.
_AMOUNT_TO = tuple((ratio.name, ratio.whole) for ratio in ORDER_RATIOS if ratio.part == "order_amount_minor")
_ALIASES = {
    "order_amount_minor": "order.amount",
    "order_countries_differ": _SHIPPING,
    "price_to_median": "listing.price",
    "price_to_live": "listing.price",
    "has_image": "listing.has_image",
    "registration_is_valid": "application.registration_is_valid",
    "email_is_disposable": "application.email_is_disposable",
    **{name: "order.amount" for name, _ in _AMOUNT_TO},
    **{ratio.name: ratio.part for ratio in ORDER_RATIOS if ratio.unit is Unit.SHARE},
}
