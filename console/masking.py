"""Personal data as reviewers see it: enough to compare, not enough to use."""

import json

from core.encryption import decrypt, mask
from orders.models import OrderContact


def masked_contact(contact: OrderContact | None) -> dict[str, str]:
    """Return the buyer's contact with most of it hidden; empty if none was supplied."""
    if contact is None:
        return {}
    plain = json.loads(decrypt(contact.sealed))
    shown = {
        "name": _initials(plain.get("name", "")),
        "email": masked_email(plain.get("email", "")),
        "phone": mask(plain["phone"]) if plain.get("phone") else "",
        "address": _last_part(plain.get("address", "")),
    }
    return {name: text for name, text in shown.items() if text}


def _initials(name: str) -> str:
    """Keep the first letter of each part of a name.

    >>> _initials("Chen Yu"), _initials("陈宇")
    ('C••• Y•••', '陈•••')
    """
    return " ".join(f"{part[0]}•••" for part in name.split())


def masked_email(email: str) -> str:
    """Keep the first letter and the domain.

    >>> masked_email("chen.yu@example.com")
    'c•••@example.com'
    """
    local, _, domain = email.partition("@")
    return f"{local[:1]}•••@{domain}" if domain else ""


def _last_part(address: str) -> str:
    """Keep the last part of an address: the town or country.

    >>> _last_part("12 Long Street, Leipzig, DE")
    '•••, DE'
    """
    return f"•••, {address.rsplit(',', 1)[-1].strip()}" if "," in address else "•••" if address else ""
