"""Clean and judge contact details: e-mail addresses and telephone numbers. Pure."""

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

# The throw-away providers seen most in public block lists; a short list that is right beats a long stale one.
DISPOSABLE_DOMAINS = frozenset({
    "10minutemail.com", "20minutemail.com", "dispostable.com", "dropmail.me", "emailondeck.com",
    "fakeinbox.com", "getnada.com", "grr.la", "guerrillamail.com", "guerrillamail.net", "inboxkitten.com",
    "mail.tm", "mailcatch.com", "maildrop.cc", "mailinator.com", "mailnesia.com", "mailsac.com",
    "mintemail.com", "moakt.com", "mohmal.com", "mytemp.email", "sharklasers.com", "spamgourmet.com",
    "temp-mail.org", "tempail.com", "tempmail.dev", "tempmailo.com", "tempr.email", "throwawaymail.com",
    "trashmail.com", "yopmail.com", "yopmail.fr",
})  # fmt: skip


def clean_email(text: str) -> str | None:
    """Return the address in lower case, None if it is not one."""
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        return None
    return address


def clean_phone(text: str, country: str) -> str | None:
    """Return the number in E.164, read as dialled in `country` unless it starts with +; None for no number.

    >>> clean_phone("030 23125000", "DE"), clean_phone("12", "DE")
    ('+493023125000', None)
    """
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_disposable(email: str) -> bool:
    """Tell whether the address belongs to a throw-away provider, subdomains included.

    >>> is_disposable("a@mailinator.com"), is_disposable("a@x.mailinator.com"), is_disposable("a@example.com")
    (True, True, False)
    """
    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[start:]) in DISPOSABLE_DOMAINS for start in range(len(labels) - 1))
