"""What the entries of a list are, as they compare: normalised, and fingerprinted where a key is meant.

Texts compare as in a condition: equal when their code points are. Only outer
spaces go and the composition of accents is made one (NFC), on both sides.
Identifiers become the fingerprints that orders carry, so they are normalised
exactly as the doors normalise what they fingerprint.
"""

import ipaddress
import re
import unicodedata

from django.utils.ipv6 import clean_ipv6_address
from django.utils.translation import gettext as _

from core.fingerprints import fingerprint

from .models import ListKind

MAX_LENGTH = 200  # of one value
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Unicode's category Cc


class BadValue(ValueError):
    """A value that cannot be in a list of its kind: a code for programs, a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def normalise(kind: str, value: str) -> str:
    """Return a value as a list of the kind keeps it; BadValue if it cannot be in one."""
    # Identifiers are not composed (NFC): doors fingerprint them as they come.
    text = compare_text(value) if kind == ListKind.TEXT else value.strip()
    if kind == ListKind.ADDRESS:
        text = " ".join(text.casefold().split())
    if not text:
        raise BadValue("required", _("There is no value."))
    if len(text) > MAX_LENGTH:
        raise BadValue("too_long", _("A value has at most %(length)s characters.") % {"length": MAX_LENGTH})
    if _CONTROLS.search(text):
        raise BadValue("control_character", _("The value contains a control character."))
    if kind == ListKind.IP:
        return _address(text)
    if kind == ListKind.CARD and _is_card_number(text):
        raise BadValue("card_number", _("This is a card number; lists hold the provider’s token of a card."))
    return text


def compared(kind: str, normalised: str) -> str | int:
    """Return what membership is decided by: the text itself, or the fingerprint orders carry."""
    return normalised if kind == ListKind.TEXT else fingerprint(kind, normalised)


def compare_text(text: str) -> str:
    """Return a text as list entries and the facts asked about compare.

    >>> compare_text(" Cafe\\u0301 ") == "Café"
    True
    """
    return unicodedata.normalize("NFC", text.strip())


def _address(text: str) -> str:
    """Return one network address as the API keeps it: IPv6 in its short form, IPv4 as written."""
    if "/" in text:
        raise BadValue("network", _("A list holds single addresses, not networks."))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadValue("not_an_address", _("This is not a network address.")) from None
    return str(address) if address.version == 4 else clean_ipv6_address(text)


def _is_card_number(text: str) -> bool:
    """Tell whether it looks like the number itself: 13 to 19 digits with a right check digit (Luhn)."""
    digits = [int(digit) for digit in text.replace(" ", "").replace("-", "") if digit.isdecimal()]
    if not 13 <= len(digits) <= 19 or len(digits) < len(text.replace(" ", "").replace("-", "")):
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
