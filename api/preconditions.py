"""ETags: read again only what changed, change only what was read."""

from hashlib import blake2b
from typing import Any

import orjson
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import DomainError


class PreconditionRequired(DomainError):
    """A change came without saying which version it changes."""

    http_status = 428
    default_code = "precondition_required"


class PreconditionFailed(DomainError):
    """The object is no longer the version that the caller read."""

    http_status = 412
    default_code = "stale_version"


def etag_of(body: dict[str, Any]) -> str:
    """Return the entity tag of a rendered object: equal content, equal tag."""
    digest = blake2b(orjson.dumps(body, default=str, option=orjson.OPT_SORT_KEYS), digest_size=12)
    return f'"{digest.hexdigest()}"'


def tagged(request: Request, body: dict[str, Any], status: int = 200) -> Response:
    """Answer an object with its ETag, or 304 if the caller has this version."""
    tag = etag_of(body)
    if request.method in {"GET", "HEAD"} and tag in _tags(request, "If-None-Match"):
        response = Response(status=304)
    else:
        response = Response(body, status=status)
    response["ETag"] = tag
    return response


def require_match(request: Request, body: dict[str, Any]) -> None:
    """Refuse a change of another version than the current one; `body` is the object as it is now."""
    wanted = _tags(request, "If-Match")
    if not wanted:
        raise PreconditionRequired(_("Send If-Match with the ETag of what you read."))
    if "*" not in wanted and etag_of(body) not in wanted:
        raise PreconditionFailed(_("The object has changed since you read it. Read it again."))


def _tags(request: Request, header: str) -> set[str]:
    # A proxy that compresses marks our tags as weak; If-None-Match compares weakly (RFC 9110, 13.1.2).
    return {
        tag.strip().removeprefix("W/") for tag in request.headers.get(header, "").split(",") if tag.strip()
    }
