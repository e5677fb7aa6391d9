"""A first-party reference of the browser that applications come from; only its fingerprint is ever stored."""

import re
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

COOKIE = "device"
_YEAR = 365 * 24 * 3600
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{22}")


def read_device(request: HttpRequest) -> str | None:
    """Return the browser's reference, None if it has none or sends something else."""
    value = request.COOKIES.get(COOKIE, "")
    return value if _REFERENCE.fullmatch(value) else None


def keep_device(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give the browser a reference if it has none."""
    if read_device(request) is None:
        response.set_cookie(
            COOKIE,
            secrets.token_urlsafe(16),
            max_age=_YEAR,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def read_address(request: HttpRequest) -> str | None:
    """Return the address the request came from; behind a proxy that sets none, the proxy's."""
    address = request.META.get("REMOTE_ADDR")
    return address if isinstance(address, str) else None
