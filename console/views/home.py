"""The overview: what waits, how old it is, and one's own day."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, has_permission
from cases import selectors as cases
from console.access import staff_page, user_of
from console.pages import show
from risk import selectors as risk


@require_safe
@staff_page()
def home(request: HttpRequest) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    queues = cases.list_queue_numbers(user, at=now)
    context = {
        "queues": queues,
        "waiting": sum(numbers.waiting for numbers in queues),
        "overdue": sum(numbers.overdue for numbers in queues),
        "mine": cases.list_claimed_by(user, at=now),
        "alerts": risk.list_open_alerts()[:5],
        "ages": _ages_chart(queues, cases.count_ages(at=now)),
    }
    if has_permission(user, Permission.REVIEW_CASES):
        context["numbers"] = cases.get_reviewer_numbers(user, at=now)
    return show(request, "console/home.html", context)


def _ages_chart(
    queues: list[cases.QueueNumbers], ages: dict[int, tuple[int, ...]]
) -> dict[str, object] | None:
    """Return the undecided cases per age class and queue; None when there are none."""
    if not ages:
        return None
    hours = cases.AGE_CLASSES_HOURS
    classes = [
        ngettext("under %(hours)s h", "under %(hours)s h", upper) % {"hours": upper} for upper in hours
    ] + [_("older")]
    totals = [sum(counts) for counts in zip(*ages.values(), strict=True)]
    return {"kind": "bar", "x": classes, "series": [{"name": _("Cases"), "values": totals}]}
