"""Money as integer minor units with an ISO 4217 currency; never a float."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from .errors import DomainError

# ISO 4217 list one, the currencies marketplaces settle in; the value is the number of decimals.
EXPONENTS = {
    "AED": 2, "ARS": 2, "AUD": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2, "COP": 2,
    "CZK": 2, "DKK": 2, "EGP": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2, "IDR": 2, "ILS": 2, "INR": 2,
    "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "MAD": 2, "MXN": 2, "MYR": 2, "NGN": 2, "NOK": 2, "NZD": 2,
    "OMR": 3, "PEN": 2, "PHP": 2, "PKR": 2, "PLN": 2, "QAR": 2, "RON": 2, "RUB": 2, "SAR": 2, "SEK": 2,
    "SGD": 2, "THB": 2, "TND": 3, "TRY": 2, "TWD": 2, "UAH": 2, "USD": 2, "VND": 0, "XOF": 0, "ZAR": 2,
}  # fmt: skip
# The largest amount a request may carry, in minor units: sums of a million such orders still fit 63 bits.
MAX_AMOUNT_MINOR = 10**12


class InvalidAmount(DomainError):
    """The text is no amount of that currency."""

    http_status = 422
    default_code = "invalid_amount"


@dataclass(frozen=True)
class Money:
    """An amount in minor units (cents, fen, yen) of one currency."""

    amount_minor: int
    currency: str

    def __str__(self) -> str:
        return f"{to_text(self.amount_minor, self.currency)} {self.currency}"


def exponent(currency: str) -> int:
    """Return the number of decimals of a currency; InvalidAmount if it is not known here."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise InvalidAmount(f"Unknown currency “{currency[:8]}”.", code="unknown_currency") from None


def to_minor(text: str, currency: str) -> int:
    """Return minor units of a plain decimal text, refusing signs, exponents and excess decimals.

    >>> to_minor("12.34", "CNY"), to_minor("1200", "JPY")
    (1234, 1200)
    """
    decimals = exponent(currency)
    whole, point, fraction = text.partition(".")
    is_plain = text.isascii() and whole.isdigit() and (fraction.isdigit() if point else True)
    if not is_plain or len(text) > 20:
        raise InvalidAmount("An amount is written like 12.34, without sign or separators.")
    if len(fraction) > decimals:
        raise InvalidAmount(f"{currency} has {decimals} decimals at most.", code="too_many_decimals")
    amount = int(whole + fraction.ljust(decimals, "0"))
    if amount > MAX_AMOUNT_MINOR:
        raise InvalidAmount("The amount is too large.", code="amount_too_large")
    return amount


def to_text(amount_minor: int, currency: str) -> str:
    """Return the plain decimal text of an amount.

    >>> to_text(-5, "USD"), to_text(1200, "JPY")
    ('-0.05', '1200')
    """
    return str(Decimal(amount_minor).scaleb(-exponent(currency)))


def convert(amount_minor: int, currency: str, base_currency: str, rate: Decimal) -> int:
    """Return the amount in base-currency minor units at `rate` (base units per unit), half to even."""
    if not rate.is_finite():
        raise InvalidAmount("The exchange rate is not a number.", code="invalid_rate")
    value = Decimal(amount_minor).scaleb(-exponent(currency)) * rate
    return int(value.scaleb(exponent(base_currency)).to_integral_value(ROUND_HALF_EVEN))
