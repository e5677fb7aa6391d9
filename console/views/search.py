"""What the palette finds beyond the page: cases, decisions and queues."""

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, has_permission
from cases import selectors as cases
from console.access import staff_page, user_of
from core.errors import NotFound
from core.ids import decode, encode
from core.ui.statuses import find_status

_RESULTS = 8


@require_safe
@staff_page()
def search(request: HttpRequest) -> JsonResponse:
    """Answer [{"label", "href", "note"}] for an id or part of a title."""
    text = request.GET.get("q", "").strip()[:80]
    results: list[dict[str, str]] = []
    user = user_of(request)
    if len(text) >= 2 and has_permission(user, Permission.REVIEW_CASES):
        results += [
            {
                "label": case.title,
                "href": reverse("console:case", args=[encode("cas", case.pk)]),
                "note": f"{case.queue} · {find_status('case', case.status).label}",
            }
            for case in cases.list_cases(user, q=text).order_by("-id")[:_RESULTS]
        ]
    if _is_decision(text):
        results.append(
            {"label": text, "href": reverse("console:decision", args=[text]), "note": _("Decision")}
        )
    return JsonResponse(results, safe=False)


def _is_decision(text: str) -> bool:
    try:
        decode("dec", text)
    except NotFound:
        return False
    return True
