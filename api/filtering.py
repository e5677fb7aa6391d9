"""`filter[…]` in list requests: declared per list, checked, turned into conditions."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework.request import Request

from core.errors import FieldError, NotFound, ValidationFailed
from core.ids import decode, first_id_at

M = TypeVar("M", bound=Model)
# The text of one filter → its condition; ValueError if it is none.
Filter = Callable[[str], Q]
_NAME = re.compile(r"filter\[(\w+)\](?:\[(\w+)\])?")


def one_of(column: str, allowed: Collection[str]) -> Filter:
    """A comma-separated choice of values."""

    def condition(text: str) -> Q:
        words = [word.strip() for word in text.split(",")]
        if unknown := [word for word in words if word not in allowed]:
            known = ", ".join(sorted(allowed))
            raise ValueError(
                _("“%(word)s” is not one of %(known)s.") % {"word": unknown[0][:40], "known": known}
            )
        return Q(**{f"{column}__in": words})

    return condition


def an_id(column: str, prefix: str) -> Filter:
    """One public id. Somebody else's matches nothing, because the list is narrowed before."""

    def condition(text: str) -> Q:
        try:
            return Q(**{column: decode(prefix, text)})
        except NotFound:
            raise ValueError(_("This is not an id of the form %(form)s.") % {"form": f"{prefix}_…"}) from None

    return condition


def created(lookup: str) -> Filter:
    """A bound on when the object was made; ids are time-ordered, so it needs no index of its own."""

    def condition(text: str) -> Q:
        return Q(**{f"id__{lookup}": first_id_at(_moment(text))})

    return condition


CREATED = {"created_at.gte": created("gte"), "created_at.lt": created("lt")}


def narrow(request: Request, rows: QuerySet[M], filters: Mapping[str, Filter]) -> QuerySet[M]:
    """Return the rows that match every filter of the request; ValidationFailed names the senseless ones.

    filters    by name; "created_at.gte" is written filter[created_at][gte]
    """
    errors = []
    for parameter in request.query_params:
        if not parameter.startswith("filter["):
            continue
        match = _NAME.fullmatch(parameter)
        known = filters.get(".".join(part for part in match.groups() if part)) if match else None
        if known is None:
            errors.append(FieldError(f"/{parameter}", "unknown_filter", _("This list has no such filter.")))
            continue
        try:
            rows = rows.filter(known(request.query_params[parameter]))
        except ValueError as error:
            errors.append(FieldError(f"/{parameter}", "invalid_filter", str(error)))
    if errors:
        raise ValidationFailed(errors)
    return rows


def _moment(text: str) -> datetime:
    # "+" in a query string arrives as a space.
    moment = parse_datetime(text.replace(" ", "+"))
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 2060:
        raise ValueError(_("Write a moment like 2026-03-02T12:00:00Z."))
    return moment
