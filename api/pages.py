"""The pages about the API: its document to read and to try, and its errors in words."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .codes import FIELD_CODES, PROBLEM_CODES


# Swagger UI writes style attributes; its scripts need nothing that we do not allow everywhere.
@csp_update({"style-src": [UNSAFE_INLINE]})
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document, with a form to try each call."""
    return render(request, "api/docs.html")


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """List every code; a problem's `type` links to its line."""
    context = {
        "problem_codes": PROBLEM_CODES,
        "field_codes": FIELD_CODES,
        "quota": settings.API_QUOTA,
        "quota_seconds": settings.API_QUOTA_SECONDS,
    }
    return render(request, "api/errors.html", context)
