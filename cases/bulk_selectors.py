"""Reads on selections and bulk verdicts."""

from collections.abc import Mapping

from django.db.models import Count, QuerySet

from accounts.models import User
from accounts.permissions import Permission, has_permission
from core.errors import NotFound
from merchants.models import Membership

from .bulk_models import BulkVerdict, SelectedCase, Selection


def get_selection(selection_id: int, user: User) -> Selection:
    """Return a selection of this reviewer, or anybody's for a senior; NotFound for everybody else."""
    found = (
        Selection.objects.select_related("queue", "reviewer", "bulk_verdict").filter(pk=selection_id).first()
    )
    if found is None or not (
        found.reviewer_id == user.pk or has_permission(user, Permission.REVIEW_SENIOR_CASES)
    ):
        raise NotFound("No such selection.")
    return found


def list_bulk_verdicts(user: User) -> QuerySet[BulkVerdict]:
    """List bulk verdicts, newest first: the reviewer's own, or everybody's for a senior."""
    rows = BulkVerdict.objects.select_related("selection__queue", "selection__reviewer")
    if not has_permission(user, Permission.REVIEW_SENIOR_CASES):
        rows = rows.filter(selection__reviewer=user)
    return rows.order_by("-pk")


def list_members(selection: Selection, user: User) -> QuerySet[SelectedCase]:
    """List the cases of a selection in order of work, without those of the reader's own merchants."""
    own = Membership.objects.filter(user=user).values("merchant_id")
    rows = SelectedCase.objects.filter(selection=selection).exclude(case__merchant_id__in=own)
    return rows.select_related("case", "verdict__second").order_by("position")


def count_results(*selections: Selection) -> Mapping[int, Mapping[tuple[str, str], int]]:
    """Return, per selection id, how many members have each result and code; one query."""
    rows = (
        SelectedCase.objects.filter(selection__in=selections)
        .order_by()
        .values_list("selection_id", "result", "code")
        .annotate(n=Count("pk"))
    )
    counts: dict[int, dict[tuple[str, str], int]] = {one.pk: {} for one in selections}
    for selection_id, result, code, n in rows:
        counts[selection_id][result, code] = n
    return counts


def count_waiting(selection: Selection) -> Mapping[str, int]:
    """Return how many verdicts of a selection have each status; one query."""
    rows = selection.members.filter(verdict__isnull=False).order_by().values_list("verdict__status")
    return dict(rows.annotate(n=Count("pk")))
