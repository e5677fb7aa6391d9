"""Lists by keyset: an opaque signed cursor over the id, no totals, no pages that shift."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import FieldError, ValidationFailed

M = TypeVar("M", bound=Model)
DEFAULT_LIMIT, MAX_LIMIT = 50, 200


@dataclass(frozen=True)
class Window:
    """Which part of a list is asked for: up to `limit` rows with smaller ids than `before`."""

    limit: int
    before: int | None


def read_limit(request: Request, *, default: int = DEFAULT_LIMIT, most: int = MAX_LIMIT) -> int:
    """Return the `limit` of a request; ValidationFailed outside of 1 to `most`."""
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= most):
        detail = _("A limit is a number from 1 to %(most)s.") % {"most": most}
        raise ValidationFailed([FieldError("/limit", "invalid_limit", detail)])
    return int(text)


def read_window(request: Request) -> Window:
    """Read `limit` and `cursor`; ValidationFailed for a cursor that this list did not hand out."""
    limit = read_limit(request)
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return Window(limit, None)
    try:
        return Window(limit, int(signing.loads(cursor, salt=_salt(request))))
    except (signing.BadSignature, ValueError) as error:
        detail = _("This cursor is not valid for this list.")
        raise ValidationFailed([FieldError("/cursor", "invalid_cursor", detail)]) from error


def page(request: Request, rows: QuerySet[M], render: Callable[[M], dict[str, Any]]) -> Response:
    """Answer one window of rows that are ordered by descending id; one query and its prefetches."""
    window = read_window(request)
    if window.before is not None:
        rows = rows.filter(pk__lt=window.before)
    found = list(rows[: window.limit + 1])
    shown, has_more = found[: window.limit], len(found) > window.limit
    cursor = signing.dumps(shown[-1].pk, salt=_salt(request)) if has_more else None
    response = Response({"data": [render(row) for row in shown], "next_cursor": cursor, "has_more": has_more})
    if cursor is not None:
        response["Link"] = f'<{_next_url(request, cursor)}>; rel="next"'
    return response


def _salt(request: Request) -> str:
    # A cursor belongs to its list: one of another list, or made by another signer, is refused.
    return f"api.cursor:{request.path}"


def _next_url(request: Request, cursor: str) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
