"""What wraps every request: an id for it, and pages for domain errors."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from . import requests
from .errors import DomainError, NotFound, PermissionDenied

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Echoes X-Request-Id, so that a person can quote it and a log can be searched for it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.request_id = requests.begin(request.headers.get("X-Request-Id"))  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = requests.current_id()
        return response


class DomainErrorMiddleware:
    """Turns a domain error that a page did not catch into that page's error page.

    The API has its own mapping (problem+json) and never lets one through.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, NotFound):
            return render(request, "404.html", status=404)
        if isinstance(error, PermissionDenied):
            return render(request, "403.html", {"message": error.message}, status=403)
        if isinstance(error, DomainError):
            return render(request, "409.html", {"error": error}, status=error.http_status)
        return None
