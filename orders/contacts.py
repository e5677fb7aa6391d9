"""The buyer's personal data of an order, opened only for whoever has to ship it."""

import json

from core.encryption import decrypt

from .models import Order, OrderContact, OrderStatus
from .placing import Contact

# While a parcel is being made ready or is on its way; before and after, the merchant has no need of it.
_NEEDED_IN = {OrderStatus.AWAITING_FULFILMENT, OrderStatus.PARTIALLY_SHIPPED, OrderStatus.SHIPPED}


def find_contact(order: Order) -> Contact | None:
    """Return who the parcel goes to; None while it is not needed, on hold, or not supplied. One query."""
    if order.status not in _NEEDED_IN or order.is_held:
        return None
    row = OrderContact.objects.filter(pk=order.pk).first()
    if row is None:
        return None
    given = json.loads(decrypt(row.sealed))
    return Contact(**{name: given.get(name, "") for name in ("name", "email", "phone", "address")})
