"""The short way of a call: what pages need (sessions, forms, messages, sign-in) is not run for programs."""

from collections.abc import Callable
from functools import lru_cache

from django.http import HttpRequest, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, resolve
from django.utils import translation
from django.utils.cache import patch_vary_headers

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# Everything below answers JSON. The pages of this door, /api/docs and /api/errors, are pages.
PREFIX = "/api/v1/"
# Nothing in an answer may ever run or be framed, should a browser be made to show it.
_HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class ApiMiddleware:
    """Answers calls of the API itself; everything else goes on to the middleware of pages.

    Stands behind what holds for both: request ids and Django's security
    middleware. It keeps the check of the host, the choice of language by
    Accept-Language, and the length of the answer. A failure of a view is the
    view's own to answer (`api.problems`).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        request.get_host()  # raises for a name that is not ours, which becomes a 400
        language = translation.get_language_from_request(request)
        translation.activate(language)
        match = _resolve(request.path_info)
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        if isinstance(response, SimpleTemplateResponse):  # rendered late, as DRF's answers are
            response = response.render()
        return _finish(response, language)


@lru_cache(maxsize=512)
def _resolve(path: str) -> ResolverMatch:
    """Return the view of a path. The few that are called all the time are looked for once."""
    return resolve(path)


def _finish(response: HttpResponseBase, language: str) -> HttpResponseBase:
    response.headers.setdefault("Content-Language", language)
    patch_vary_headers(response, ("Accept-Language",))
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if not response.streaming and not response.has_header("Content-Length"):
        response.headers["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
    return response
