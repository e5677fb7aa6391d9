"""Read the process environment once, typed, failing loudly with the variable's name."""

import base64
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str) -> str:
    return os.environ.get(name, default)


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not “{value}”.")


def number(name: str, default: int) -> int:
    """Return a whole number; an empty variable is none, as compose passes what is not given."""
    value = os.environ.get(name) or str(default)
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not “{value}”.") from None


def words(name: str, default: str = "") -> list[str]:
    """Return the comma-separated words of a variable."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def key_bytes(name: str, default: bytes, *, length: int = 32) -> bytes:
    """Return a base64 key of exactly `length` bytes."""
    value = os.environ.get(name)
    if value is None:
        return default
    try:
        key = base64.urlsafe_b64decode(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be URL-safe base64.") from None
    if len(key) != length:
        raise ImproperlyConfigured(f"{name} must decode to {length} bytes, not {len(key)}.")
    return key


def folder(name: str, default: Path) -> Path:
    return Path(os.environ.get(name, str(default))).resolve()
