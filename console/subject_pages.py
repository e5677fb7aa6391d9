"""Where a subject can be looked at in the console: its case, or else the newest decision on it."""

from collections.abc import Collection

from django.urls import reverse

from accounts.models import User
from accounts.permissions import Permission, has_permission
from cases.selectors import list_cases
from core.ids import encode
from merchants.models import Membership
from risk.models import Decision


def pages_of(user: User, kind: str, subject_ids: Collection[int]) -> dict[int, str]:
    """Return the address of each subject's page, by subject id; three queries at most.

    Subjects that this person may not look at, or that nothing was decided about, are left out.
    """
    if not subject_ids:
        return {}
    pages: dict[int, str] = {}
    if has_permission(user, Permission.VIEW_ALL_MERCHANTS):
        own = Membership.objects.filter(user=user).values("merchant_id")
        decisions = Decision.objects.filter(subject_kind=kind, subject_id__in=subject_ids)
        decided = decisions.exclude(merchant_id__in=own).order_by("pk")
        for subject_id, pk in decided.values_list("subject_id", "pk"):
            pages[subject_id] = reverse("console:decision", args=[encode("dec", pk)])
    if has_permission(user, Permission.REVIEW_CASES):
        reviewed = list_cases(user).filter(subject_kind=kind, subject_id__in=subject_ids).order_by("pk")
        for subject_id, pk in reviewed.values_list("subject_id", "pk"):
            pages[subject_id] = reverse("console:case", args=[encode("cas", pk)])
    return pages
