"""Two versions beside each other, and the approval by a second person."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.backtest_report import read_report
from console.comparison import compare
from console.lifecycle import read_lifecycle
from console.pages import show
from console.refusals import sentence_of
from console.rule_forms import ScheduleForm
from console.versions import ruleset_of, version_tabs
from core.errors import Conflict, PermissionDenied, ValidationFailed
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk import services
from risk.models import RuleSet, RuleSetStatus

_REFUSALS = (Conflict, PermissionDenied, ValidationFailed)


@require_safe
@staff_page(Permission.VIEW_RULES)
def compare_versions(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show what differs from another version of the subject: from the live one unless `?with=` names it."""
    found = ruleset_of(public_id)
    versions = list(risk.list_rulesets(found.subject).exclude(pk=found.pk))
    asked = request.GET.get("with", "")
    other = ruleset_of(asked) if asked else _natural_other(found, versions)
    if other is not None and other.subject != found.subject:
        other = _natural_other(found, versions)
    context = {
        "ruleset": found,
        "public_id": public_id,
        "last_hand": found.last_editor or found.author,
        "versions": versions,
        "comparison": compare(other, found),
        "tabs": version_tabs(found, "compare"),
    }
    return show(request, "console/ruleset_compare.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.EDIT_RULES)
def approve(request: HttpRequest, public_id: str) -> HttpResponse:
    """Read what would change and what the backtest found, then approve: at once or for a moment."""
    found, user, now = ruleset_of(public_id), user_of(request), timezone.now()
    form = ScheduleForm(request.POST if request.method == "POST" else None)
    refusal = ""
    if request.method == "POST" and form.is_valid():
        try:
            text = _approve(request, found, starts_at=form.cleaned_data["starts_at"], now=now)
        except _REFUSALS as error:
            refusal = sentence_of(error)
        else:
            add_toast(request, text)
            return redirect("console:ruleset", public_id)
    live = risk.find_live(found.subject)
    way = read_lifecycle(found, user, at=now)
    context = {
        "ruleset": found,
        "public_id": public_id,
        "form": form,
        "refusal": refusal,
        "way": way,
        "is_return": found.status == RuleSetStatus.RETIRED,
        "may_approve": way.next == "approve",
        "live": live,
        "comparison": compare(live, found),
        "summary": read_report(way.backtest) if way.backtest else None,
        "now": now,
    }
    return show(
        request, "console/ruleset_approve.html", context, status=422 if refusal or form.errors else 200
    )


@require_POST
@staff_page(Permission.EDIT_RULES)
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take an approval back before its hour."""
    found = ruleset_of(public_id)
    try:
        services.unschedule(found, editor=user_of(request), at=timezone.now())
    except _REFUSALS as error:
        add_toast(request, sentence_of(error), kind="error")
    else:
        add_toast(request, _("The approval was taken back"))
    return redirect("console:ruleset", public_id)


def _approve(request: HttpRequest, found: RuleSet, *, starts_at: datetime | None, now: datetime) -> str:
    user, backtest = user_of(request), read_lifecycle(found, user_of(request), at=now).backtest
    if found.status == RuleSetStatus.DRAFT and backtest is not None:
        services.approve_ruleset(found, backtest=backtest, approver=user, at=now, starts_at=starts_at)
    else:
        services.activate_ruleset(found, approver=user, at=now)
    if found.status == RuleSetStatus.SCHEDULED:
        return _("Version %(number)s is approved and goes live at its hour") % {"number": found.number}
    return _("Version %(number)s is live") % {"number": found.number}


def _natural_other(found: RuleSet, versions: list[RuleSet]) -> RuleSet | None:
    live = next((one for one in versions if one.status == RuleSetStatus.LIVE), None)
    return live or next((one for one in versions if one.number < found.number), None)
