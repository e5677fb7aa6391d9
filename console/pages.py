"""What every page of the console shares: the frame's counters and the way ids are read from paths."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import User
from accounts.permissions import Permission, has_permission
from cases import selectors as cases
from cases.breaks import find_reviewer
from delivery.inbox import COUNTED, count_unread
from risk import selectors as risk

from .access import user_of
from .waiting import count_approvable, count_brakes


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a full page inside the console's frame."""
    return render(request, template, {**context, **_frame(request)}, status=status)


def _frame(request: HttpRequest) -> dict[str, Any]:
    user, off_since = user_of(request), None
    counts: dict[str, int] = {"alerts": risk.list_open_alerts().count()}
    if has_permission(user, Permission.REVIEW_CASES):
        counts["queues"] = cases.count_waiting_for(user)
        counts["signatures"] = cases.list_to_sign(user).count()
        off_since = find_reviewer(user).off_since
        counts["cases"] = cases.list_claimed_by(user, at=timezone.now()).count()
    if has_permission(user, Permission.VIEW_RULES):
        counts["monitoring"] = count_brakes()
    if has_permission(user, Permission.EDIT_RULES):
        counts["rules"] = count_approvable(user, at=timezone.now())
    unread = count_unread(user)
    return {
        "nav_counts": counts,
        "off_since": off_since,
        "unread": unread,
        "unread_text": f"{unread - 1}+" if unread == COUNTED else str(unread),
        "may": _rights(user),
        "base_currency": settings.BASE_CURRENCY,
    }


def _rights(user: User) -> dict[str, bool]:
    return {permission.value: has_permission(user, permission) for permission in Permission}
