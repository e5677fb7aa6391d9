"""Every error of the API as application/problem+json (RFC 9457), from one mapping."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from core import requests
from core.errors import DomainError, ValidationFailed
from core.ids import encode

from .authentication import CHALLENGE
from .codes import title_of

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# What an error may say beside its sentence. Everything else in `extra` stays inside.
_PUBLIC_EXTRA = ("allowed", "state", "scope")
_PUBLIC_IDS = {"order_id": ("order", "ord")}
_BUSY_RETRY_SECONDS = 2


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the problem for an exception of a view."""
    request: Request | None = context.get("request")
    if isinstance(error, DomainError):
        return _from_domain(request, error)
    if isinstance(error, exceptions.ValidationError):
        fields = list(_field_errors(error.detail))
        return _problem(request, 422, "validation_failed", _("Some fields need attention."), errors=fields)
    if isinstance(error, exceptions.APIException):
        return _from_framework(request, error)
    if isinstance(error, Http404):
        return _problem(request, 404, "not_found", _("No such object."))
    if isinstance(error, DjangoPermissionDenied):
        return _problem(request, 403, "forbidden", _("This is not allowed."))
    return _from_failure(request, error)


def _from_domain(request: Request | None, error: DomainError) -> Response:
    extra = {name: error.extra[name] for name in _PUBLIC_EXTRA if name in error.extra}
    extra |= {
        name: encode(prefix, error.extra[key])
        for key, (name, prefix) in _PUBLIC_IDS.items()
        if key in error.extra
    }
    if isinstance(error, ValidationFailed):
        extra["errors"] = [
            {"pointer": e.pointer, "code": e.code, "detail": str(e.detail), "params": dict(e.params)}
            for e in error.errors
        ]
    response = _problem(request, error.http_status, error.code, str(error.message), **extra)
    if "retry_after" in error.extra:
        response["Retry-After"] = str(error.extra["retry_after"])
    return response


def _from_framework(request: Request | None, error: exceptions.APIException) -> Response:
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else str(error.default_code)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response = _problem(request, 401, code, str(error.detail))
        response["WWW-Authenticate"] = CHALLENGE
        return response
    return _problem(request, error.status_code, code, str(error.detail))


def _from_failure(request: Request | None, error: Exception) -> Response:
    """The boundary: whatever went wrong inside, the caller gets a problem and the log the reason."""
    logger.error("api_failed", exc_info=error)
    if isinstance(error, OperationalError):
        detail = _("The service is busy. Please repeat the request, with the same Idempotency-Key.")
        response = _problem(request, 503, "unavailable", detail)
        response["Retry-After"] = str(_BUSY_RETRY_SECONDS)
        return response
    return _problem(request, 500, "internal_error", _("Something failed on our side. We have been told."))


def _problem(request: Request | None, status: int, code: str, detail: str, **extra: Any) -> Response:
    page = reverse("api:errors")
    body = {
        "type": f"{request.build_absolute_uri(page) if request else page}#{code}",
        "title": str(title_of(code, status)),
        "status": status,
        "detail": detail,
        "instance": request.path if request else None,
        "code": code,
        "request_id": requests.current_id(),
        **extra,
    }
    return Response(body, status=status, content_type=CONTENT_TYPE)


def _field_errors(detail: Any, pointer: str = "") -> Iterator[dict[str, Any]]:
    """Walk a serializer's nested errors into JSON pointers (RFC 6901)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else f"/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from _field_errors(inner, pointer + step)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            is_nested = isinstance(inner, dict | list)
            yield from _field_errors(inner, f"{pointer}/{index}" if is_nested else pointer)
    else:
        yield {
            "pointer": pointer,
            "code": getattr(detail, "code", "invalid"),
            "detail": str(detail),
            "params": {},
        }
