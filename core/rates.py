"""Exchange rates into the base currency."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings

from .errors import FieldError, ValidationFailed
from .models import ExchangeRate
from .money import exponent


def get_rate(currency: str, *, at: datetime) -> Decimal:
    """Return base units per unit of a currency as valid at a moment; ValidationFailed if none is known."""
    exponent(currency)  # refuses an unknown currency with its own sentence
    if currency == settings.BASE_CURRENCY:
        return Decimal(1)
    rates = ExchangeRate.objects.filter(currency=currency, valid_from__lte=at).order_by("-valid_from")
    rate = rates.values_list("rate", flat=True).first()
    if rate is None:
        detail = f"There is no exchange rate from {currency} to {settings.BASE_CURRENCY}."
        raise ValidationFailed([FieldError("/currency", "no_exchange_rate", detail)])
    return rate
