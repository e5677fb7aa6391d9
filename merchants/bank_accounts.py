"""Check bank accounts: IBANs by ISO 13616, others by shape. Pure."""

import re

from stdnum import iban

# Members of the IBAN registry among the countries that may apply; their accounts must be IBANs.
IBAN_COUNTRIES = frozenset({
    "AD", "AE", "AT", "BE", "BG", "BR", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GE",
    "GI", "GR", "HR", "HU", "IE", "IL", "IS", "IT", "JO", "KW", "KZ", "LI", "LT", "LU", "LV", "MC", "MD",
    "ME", "MK", "MT", "NL", "NO", "PK", "PL", "PT", "QA", "RO", "RS", "SA", "SE", "SI", "SK", "SM", "TN",
    "TR", "UA",
})  # fmt: skip
_SEPARATORS = re.compile(r"[\s\-]+")
_LOOKS_LIKE_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}")
# National formats differ; the shortest in use has 6 characters, the longest below an IBAN's 34.
_NATIONAL = re.compile(r"(?=.*\d{4})[A-Z0-9]{6,30}")


def normalise_account(text: str) -> str:
    """Return one spelling per account, for matching and checking.

    >>> normalise_account("de89 3704 0044 0532 0130 00")
    'DE89370400440532013000'
    """
    return _SEPARATORS.sub("", text).upper()


def is_valid_account(country: str, account: str) -> bool:
    """Tell whether a normalised account can exist: an IBAN by its check digits, any other by its shape.

    A seller may be paid into another country's IBAN, so the IBAN's country is not compared.

    >>> is_valid_account("DE", "DE89370400440532013000"), is_valid_account("DE", "0532013000")
    (True, False)
    >>> is_valid_account("CN", "6222021234567890123")
    True
    """
    if country in IBAN_COUNTRIES or is_iban(account):
        return bool(iban.is_valid(account))
    return _NATIONAL.fullmatch(account) is not None


def is_iban(account: str) -> bool:
    """Tell whether a normalised account is written as an IBAN, valid or not."""
    return _LOOKS_LIKE_IBAN.fullmatch(account) is not None
