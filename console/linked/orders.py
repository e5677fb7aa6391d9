"""Orders that share a device, card or address with one, and those that share one with these."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.evidence.orders import proved_bad
from orders.models import Order
from risk.features.link_sql import LINK_ENTITIES
from risk.features.links import LINK_WINDOW_HOURS
from risk.models import Subject

from .graph import FOLLOWED, PER_STEP, Detail, Kinds, Links, Other, details_to_follow, lay_out

# As far as the link features look, here to both sides of the order: a reviewer sees what came after it too.
WINDOW = timedelta(hours=LINK_WINDOW_HOURS)
_NAMES: Mapping[str, str | Promise] = {"device": _("Device"), "card": _("Card"), "address": _("Address")}
_KINDS = Kinds(_NAMES, {"device": "device-mobile", "card": "credit-card", "address": "map-pin"})
# One more than is shown tells that there are more; each detail is one look at its index.
_PER_DETAIL = PER_STEP + 1


def gather(order_id: int) -> Links | None:
    """Return the orders around one; None if it has nothing that could link it.

    Queries: the order, one for each of its three details and of FOLLOWED further ones, and the labels.
    """
    order = Order.objects.filter(pk=order_id).first()
    own = _details_of(order) if order is not None else ()
    if order is None or not own:
        return None
    near = _others(own, order)
    leading = details_to_follow(own, [_as_other(one, {}) for one in near])
    far = _others(leading[:FOLLOWED], order)
    proved = proved_bad([one.pk for one in (*near, *far)])
    return lay_out(
        Subject.ORDER,
        own,
        [_as_other(one, proved) for one in near],
        [_as_other(one, proved) for one in far],
        _KINDS,
    )


def _details_of(order: Order) -> tuple[Detail, ...]:
    keys = [(str(entity), getattr(order, f"{entity}_key")) for entity in LINK_ENTITIES]
    return tuple((kind, key) for kind, key in keys if key is not None)


def _others(details: Sequence[Detail], order: Order) -> list[Order]:
    """Return the newest other orders with one of these details, newest first; one query each."""
    window = (order.occurred_at - WINDOW, order.occurred_at + WINDOW)
    found: dict[int, Order] = {}
    for kind, key in details:
        sharing = Order.objects.filter(**{f"{kind}_key": key}, occurred_at__range=window)
        rows = sharing.exclude(pk=order.pk).select_related("merchant").order_by("-occurred_at")
        found |= {row.pk: row for row in rows[:_PER_DETAIL]}
    return sorted(found.values(), key=lambda one: (one.occurred_at, one.pk), reverse=True)


def _as_other(order: Order, proved: Mapping[int, bool]) -> Other:
    return Other(
        id=order.pk,
        kind=Subject.ORDER,
        title=order.external_id,
        note=order.merchant.name,
        at=order.occurred_at,
        status=order.status,
        proved_bad=proved.get(order.pk),
        details=frozenset(_details_of(order)),
    )
