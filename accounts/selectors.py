"""Reads on users and API keys."""

import hmac
import ipaddress
from datetime import datetime, timedelta

from .models import APIKey
from .tokens import hash_token

# Writing last_used_at on every call would make each read a write; a minute is close enough for people.
_LAST_USED_RESOLUTION = timedelta(minutes=1)


def find_api_key(token: str, *, address: str, at: datetime) -> APIKey | None:
    """Return the valid key of a token presented from an address, None for anything else."""
    parts = token.split("_", 3)
    if len(parts) != 4 or parts[0] != "mk" or not parts[2].isalnum():
        return None
    key = APIKey.objects.filter(prefix=parts[2]).first()
    if key is None or not hmac.compare_digest(key.secret_hash, hash_token(token)):
        return None
    return key if is_usable(key, address=address, at=at) else None


def is_usable(key: APIKey, *, address: str, at: datetime) -> bool:
    """Tell whether a key opens at that moment to a caller from that address; no query."""
    is_valid = key.revoked_at is None and (key.expires_at is None or key.expires_at > at)
    return is_valid and _is_allowed_from(key, address)


def note_use(key: APIKey, *, at: datetime) -> None:
    """Remember when the key was last used, to the minute."""
    if key.last_used_at is None or at - key.last_used_at > _LAST_USED_RESOLUTION:
        APIKey.objects.filter(pk=key.pk).update(last_used_at=at)
        key.last_used_at = at


def _is_allowed_from(key: APIKey, address: str) -> bool:
    if not key.allowed_networks:
        return True
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A server that listens on both families tells an IPv4 caller as ::ffff:192.0.2.7.
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(network) for network in key.allowed_networks)
