"""Keyset paging: a page starts after a row, not after a count of rows, so deep pages cost the same."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
PAGE_ROWS = 50
# Epoch seconds with a fraction, or an id of at most 63 bits.
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,20})?|[0-9]{19}")


@dataclass(frozen=True)
class KeysetPage(Generic[M]):
    """Some rows, and the addresses of the pages around them ("" where there is none)."""

    rows: Sequence[M]
    previous_href: str
    next_href: str


def page_of(
    request: HttpRequest, rows: QuerySet[M], *, keys: Sequence[str], limit: int = PAGE_ROWS
) -> KeysetPage[M]:
    """Return the page that `?after=` or `?before=` asks for; a cursor that cannot be read is ignored.

    keys    numeric columns that order the rows, "-" in front for descending; the last one is unique
    """
    before = _read(request.GET.get("before", ""), keys)
    after = None if before else _read(request.GET.get("after", ""), keys)
    order = _reversed(keys) if before else list(keys)
    cursor = before or after
    if cursor is not None:
        rows = rows.filter(_beyond(order, cursor))
    found = list(rows.order_by(*order)[: limit + 1])
    has_more, found = len(found) > limit, found[:limit]
    if before:
        found.reverse()
    has_previous = has_more if before else after is not None
    has_next = True if before else has_more
    return KeysetPage(
        rows=found,
        previous_href=_href(request, "before", found[0], keys) if has_previous and found else "",
        next_href=_href(request, "after", found[-1], keys) if has_next and found else "",
    )


def _beyond(order: Sequence[str], cursor: Sequence[float]) -> Q:
    """Return what comes after the cursor: (a, b) > (x, y) is a > x, or a = x and b > y."""
    beyond, equal = Q(), Q()
    for key, value in zip(order, cursor, strict=True):
        name, operator = key.lstrip("-"), "lt" if key.startswith("-") else "gt"
        beyond |= equal & Q(**{f"{name}__{operator}": value})
        equal &= Q(**{name: value})
    return beyond


def _reversed(keys: Sequence[str]) -> list[str]:
    return [key[1:] if key.startswith("-") else f"-{key}" for key in keys]


def _href(request: HttpRequest, direction: str, row: Model, keys: Sequence[str]) -> str:
    query = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    query[direction] = "_".join(repr(getattr(row, key.lstrip("-"))) for key in keys)
    return f"?{query.urlencode()}"


def _read(text: str, keys: Sequence[str]) -> list[float] | None:
    """Return the numbers of a cursor; None for whatever this module did not write."""
    parts = text.split("_")
    if len(parts) != len(keys) or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    return [float(part) if "." in part else int(part) for part in parts]
