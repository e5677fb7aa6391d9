"""Whom a snooze is for: the keys a decision's subject carries, and their names on a page."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from merchants.models import Merchant
from orders.models import Order
from risk.models import Decision, RuleSnooze, Subject

from .snooze_forms import ENTITY_WORDS

_KEYS = ("buyer", "device", "card", "address", "ip")


def snooze_keys(decision: Decision) -> Mapping[str, int]:
    """Return entity → key of those a rule can be snoozed for; an order also has its buyer's signals."""
    keys: dict[str, int] = {}
    if decision.merchant_id is not None:
        keys["merchant"] = decision.merchant_id
    if decision.subject_kind == Subject.ORDER:
        order = Order.objects.filter(pk=decision.subject_id).first()
        for entity in _KEYS:
            key = getattr(order, f"{entity}_key", None)
            if key is not None:
                keys[entity] = key
    return keys


def name_entities(snoozes: Sequence[RuleSnooze]) -> list[str]:
    """Return what each is snoozed for: merchants by name, others by kind and the end of their fingerprint."""
    ids = {one.key for one in snoozes if one.entity == "merchant"}
    names = dict(Merchant.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [
        names.get(one.key, _("a merchant"))
        if one.entity == "merchant"
        else f"{ENTITY_WORDS.get(one.entity, one.entity)} …{one.key & 0xFFFFFF:06x}"
        for one in snoozes
    ]
