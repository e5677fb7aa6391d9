"""Search: a page of its own, and the answers of the palette that opens over every page."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from console.access import staff_page, user_of
from console.finding import SHORTEST, find
from console.pages import show


@require_safe
@vary_on_headers("Accept")
@staff_page()
def search(request: HttpRequest) -> HttpResponse:
    """Show what a text may mean; the palette asks for JSON: [{"label", "href", "kind", "note"}]."""
    text = request.GET.get("q", "").strip()
    found = find(user_of(request), text)
    if "text/html" not in request.headers.get("Accept", ""):
        return JsonResponse([asdict(one) for one in found], safe=False)
    context = {"text": text, "found": found, "is_asked": len(text) >= SHORTEST}
    return show(request, "console/search.html", context)
