"""The id of the request (or task) being served, carried into logs, audit rows and error pages."""

import logging
import re
import secrets
from contextvars import ContextVar

_SAFE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def begin(offered: str | None) -> str:
    """Adopt the caller's id if it is safe to log, else make one; return it."""
    request_id = offered if offered and _SAFE.fullmatch(offered) else secrets.token_hex(8)
    _current.set(request_id)
    return request_id


def current_id() -> str:
    """Return the id of the work under way, "" outside of any."""
    return _current.get()


class RequestIdFilter(logging.Filter):
    """Adds `request_id` to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _current.get() or "-"
        return True
