"""What a model may not learn about an input: directions the field demands, and numbers that are names.

A direction (+1: a higher value never lowers the risk, -1: never raises it) is demanded only where the
opposite would be noise or harm whatever the data say, each with its reason. Velocity counts get none: a busy
card is worse than an idle one, but a busy merchant is not. The age of a buyer's account gets none either:
accounts are bought when they have aged. On the sample marketplace, demanding it took average precision from
0.33 to 0.28 (three seeds each); all other directions together cost less than 0.01. The table stands beside
the declarations of inputs, and not in them, so that the hash of stored inputs does not change with it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from .models import Subject

_PROVED = "Who was caught before is not safer for being caught more often."
_SHARE = "A larger share of bad ones among the known is no reason for trust."
_NEW = "An account does not become more suspicious by growing old; throw-away accounts are new."
_APART = "Goods sent to another country than the bill are never a reason for trust."
_SHARED = "A detail shared with bad applicants is no reason for trust."
_BROKEN = "Breaking more of the catalogue's rules does not make an offer better."
_EARNED = "A version approved before is no reason for distrust."

# Windows of a count or share are those of risk.features.declarations.
_LABEL_WINDOWS = ("24h", "7d", "30d")
_LABELLED = ("buyer", "device", "card", "merchant")

_ORDER = {
    **{f"{who}_bad_labels_{span}_count": (1, _PROVED) for who in _LABELLED for span in _LABEL_WINDOWS},
    **{f"{who}_bad_share_{span}": (1, _SHARE) for who in _LABELLED for span in _LABEL_WINDOWS},
    **{f"{who}_bad_outcomes_90d_count": (1, _PROVED) for who in ("buyer", "merchant")},
    **{f"{who}_matured_bad_share_90d": (1, _SHARE) for who in ("buyer", "merchant")},
    "linked_bad_buyers_30d_count": (1, "More bad buyers within reach of an order do not speak for it."),
    "order_countries_differ": (1, _APART),
}
_LISTING = {
    "required_missing_count": (1, _BROKEN),
    "banned_term_count": (1, _BROKEN),
    "image_reuse_count": (1, "A picture that more other merchants use is not more this one's own."),
    "merchant_age_days": (-1, _NEW),
    "merchant_approved_count": (-1, _EARNED),
    "merchant_rejected_count": (1, _PROVED),
    "merchant_bad_count": (1, _PROVED),
}
_APPLICATION = {
    "registration_is_valid": (-1, "A number that passes its check is no reason for distrust."),
    "document_reuse_count": (1, _SHARED),
    "bank_account_bad_count": (1, _SHARED),
    "device_bad_count": (1, _SHARED),
    "phone_bad_count": (1, _SHARED),
    "registration_bad_count": (1, _SHARED),
    "linked_bad_within_two_count": (1, _SHARED),
    "email_is_disposable": (1, "An address that is thrown away is no reason for trust."),
}
_BY_SUBJECT: Mapping[str, Mapping[str, tuple[int, str]]] = MappingProxyType(
    {Subject.ORDER: _ORDER, Subject.LISTING: _LISTING, Subject.APPLICATION: _APPLICATION}
)
# Hours and weekdays go round: Sunday is as near to Monday as Tuesday is, and no threshold divides them well.
_CATEGORICAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        Subject.ORDER: ("order_hour", "order_weekday"),
        Subject.LISTING: (),
        Subject.APPLICATION: ("submitted_hour",),
    }
)


def directions(subject: str, names: Sequence[str]) -> dict[str, int]:
    """Return input → +1 or -1 for those of these inputs whose direction is demanded."""
    declared = _BY_SUBJECT.get(subject, {})
    return {name: declared[name][0] for name in names if name in declared}


def reason_of(subject: str, name: str) -> str:
    """Return why a direction is demanded; KeyError if none is."""
    return _BY_SUBJECT[subject][name][1]


def categorical(subject: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return those of these inputs whose numbers are names, in their order."""
    declared = _CATEGORICAL.get(subject, ())
    return tuple(name for name in names if name in declared)
