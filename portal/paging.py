"""Keyset paging by id: a page starts after a row, so that deep pages cost the same as the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core.errors import NotFound
from core.ids import decode, encode

M = TypeVar("M", bound=Model)
PAGE_ROWS = 50


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, newest first, and the addresses of the pages around them ("" where there is none)."""

    rows: Sequence[M]
    previous_href: str
    next_href: str


def page_of(request: HttpRequest, rows: QuerySet[M], *, prefix: str, limit: int = PAGE_ROWS) -> Page[M]:
    """Return the page that `?after=` or `?before=`, public ids, ask for; an unreadable one is ignored."""
    before, after = (_read(request, name, prefix) for name in ("before", "after"))
    if before is not None:
        found = list(rows.filter(pk__gt=before).order_by("pk")[: limit + 1])
        has_previous, has_next = len(found) > limit, True
        found = found[:limit][::-1]
    else:
        older = rows if after is None else rows.filter(pk__lt=after)
        found = list(older.order_by("-pk")[: limit + 1])
        has_previous, has_next = after is not None, len(found) > limit
        found = found[:limit]
    return Page(
        rows=found,
        previous_href=_href(request, "before", prefix, found[0]) if has_previous and found else "",
        next_href=_href(request, "after", prefix, found[-1]) if has_next and found else "",
    )


def _read(request: HttpRequest, name: str, prefix: str) -> int | None:
    try:
        return decode(prefix, request.GET.get(name, ""))
    except NotFound:
        return None


def _href(request: HttpRequest, name: str, prefix: str, row: Model) -> str:
    query = request.GET.copy()
    for known in ("before", "after"):
        query.pop(known, None)
    query[name] = encode(prefix, row.pk)
    return f"?{query.urlencode()}"
