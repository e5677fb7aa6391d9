"""What it takes to place an order: the validated shape that doors hand to the service."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.errors import FieldError
from core.money import MAX_AMOUNT_MINOR


@dataclass(frozen=True)
class NewLine:
    """One position. `sku` names a listing of the merchant, or is free text for goods we do not list."""

    title: str
    quantity: int
    unit_price_minor: int
    sku: str = ""


@dataclass(frozen=True)
class Contact:
    """The buyer's personal data; encrypted before it is stored."""

    name: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""


@dataclass(frozen=True)
class Signals:
    """What identifies who orders. None = not supplied; stored as fingerprints only.

    card    the payment provider's token or fingerprint of the card, never its number
    """

    buyer: str | None = None
    device: str | None = None
    card: str | None = None
    address: str | None = None
    ip: str | None = None


@dataclass(frozen=True)
class NewOrder:
    """An order as it arrives. Money in minor units of `currency`; moments are aware.

    fx_rate    base units per unit of currency; None = the rate valid when it was placed
    """

    external_id: str
    currency: str
    lines: tuple[NewLine, ...]
    placed_at: datetime
    signals: Signals = Signals()
    contact: Contact | None = None
    market_order_id: str = ""
    buyer_signed_up_at: datetime | None = None
    card_country: str = ""
    shipping_country: str = ""
    billing_country: str = ""
    payment_status: str = "paid"
    fx_rate: Decimal | None = None

    @property
    def total_minor(self) -> int:
        return sum(line.quantity * line.unit_price_minor for line in self.lines)


def problems(new: NewOrder, *, at: datetime) -> list[FieldError]:
    """Return everything wrong with an order that its types cannot rule out."""
    found: list[FieldError] = []
    if not new.external_id:
        found.append(FieldError("/external_id", "required", "The order needs a number."))
    if not new.lines:
        found.append(FieldError("/lines", "no_lines", "An order has at least one line."))
    for index, line in enumerate(new.lines):
        if line.quantity < 1:
            found.append(FieldError(f"/lines/{index}/quantity", "too_small", "The quantity is at least 1."))
        if line.unit_price_minor < 0:
            found.append(FieldError(f"/lines/{index}/unit_price", "negative", "A price is not negative."))
    if new.total_minor > MAX_AMOUNT_MINOR:
        found.append(FieldError("/lines", "amount_too_large", "The order's total is too large."))
    if new.placed_at > at:
        found.append(FieldError("/placed_at", "in_future", "The order was placed in the future."))
    return found
