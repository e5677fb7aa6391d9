"""Backtests: the list, a new one, its progress, its result and the files of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.backtest_files import FILES, write_lines
from console.backtest_forms import BacktestForm, cost_rows
from console.backtest_report import OUTCOMES, read_report
from console.lifecycle import read_lifecycle
from console.pages import show
from console.paging import page_of
from console.refusals import sentence_of
from console.versions import SUBJECTS, ruleset_of
from core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from core.ids import decode, encode
from core.ui.toasts import add_toast
from risk import selectors as risk
from risk.backtest import selectors, services
from risk.models import Backtest, RuleSet

_OPEN = {Backtest.Status.QUEUED, Backtest.Status.RUNNING}
_STEPS: Mapping[str, Promise] = {
    "reading": gettext_lazy("Reading history"),
    "judging": gettext_lazy("Judging"),
    "summing": gettext_lazy("Summing up"),
}
_REFUSALS = (Conflict, PermissionDenied, ValidationFailed)


@require_safe
@staff_page(Permission.VIEW_RULES)
def backtest_list(request: HttpRequest) -> HttpResponse:
    page = page_of(request, selectors.list_backtests(), keys=("-id",))
    return show(request, "console/backtest_list.html", {"page": page, "now": timezone.now()})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.EDIT_RULES)
def backtest_new(request: HttpRequest) -> HttpResponse:
    """Ask for a backtest; a worker runs it."""
    versions = _testable()
    form = BacktestForm(request.POST or None, versions=versions, ruleset=request.GET.get("ruleset", ""))
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        since, until = form.period_at(now)
        try:
            row = services.request_backtest(
                ruleset_of(form.cleaned_data["ruleset"]),
                since=since,
                until=until,
                requested_by=user_of(request),
                at=now,
                kind=form.cleaned_data["kind"],
                rule_code=form.cleaned_data["rule_code"],
                thresholds=form.thresholds(),
                costs=form.costs(),
            )
        except ValidationFailed as refusal:
            for error in refusal.errors:
                name = error.pointer.strip("/")
                form.add_error(name if name in form.fields else None, error.detail)
        else:
            return redirect("console:backtest", encode("bkt", row.pk))
    return show(request, "console/backtest_new.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@staff_page(Permission.VIEW_RULES)
def backtest(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show a backtest: its progress while it runs, then its result."""
    found, now = _backtest_of(public_id), timezone.now()
    report = read_report(found)
    before, after = (_outcome_in(request, name) for name in ("from", "to"))
    context: dict[str, Any] = {
        "backtest": found,
        "public_id": public_id,
        "report": report,
        "outcomes": OUTCOMES,
        "now": now,
        **_progress(found, now),
    }
    if report is not None:
        way = read_lifecycle(found.ruleset, user_of(request), at=now)
        is_whole = found.kind == Backtest.Kind.RULESET
        context |= {
            "flips": report.flips(before, after),
            "flip_from": before,
            "flip_to": after,
            "is_outdated": is_whole and way.content_hash != found.content_hash,
            "can_approve": is_whole
            and way.next == "approve"
            and way.backtest is not None
            and way.backtest.pk == found.pk,
            "assumptions": cost_rows(report.money["assumptions"]) if report.money else [],
        }
    return show(request, "console/backtest.html", context)


@require_safe
@staff_page(Permission.VIEW_RULES)
def progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """Answer the progress line, which asks again while the backtest runs; the end reloads the page."""
    found, now = _backtest_of(public_id), timezone.now()
    context = {"backtest": found, "public_id": public_id, **_progress(found, now)}
    answer = render(request, "console/backtests/_progress.html", context)
    if not context["is_open"]:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@staff_page(Permission.EDIT_RULES)
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    try:
        services.cancel_backtest(_backtest_of(public_id), canceller=user_of(request), at=timezone.now())
    except _REFUSALS as refusal:
        add_toast(request, sentence_of(refusal), kind="error")
    return redirect("console:backtest", public_id)


@require_safe
@staff_page(Permission.VIEW_RULES)
def backtest_file(request: HttpRequest, public_id: str, what: str) -> HttpResponseBase:
    """Send the moves or the rules of a finished backtest as CSV; amounts are in minor units."""
    report = read_report(_backtest_of(public_id))
    if report is None or what not in FILES:
        raise NotFound("No such file.")
    answer = StreamingHttpResponse(write_lines(report, what), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{public_id}-{what}.csv"'
    return answer


def _backtest_of(public_id: str) -> Backtest:
    return selectors.get_backtest(decode("bkt", public_id))


def _testable() -> list[RuleSet]:
    """Return the versions that can be tested, drafts first, newest first."""
    versions = [one for one in risk.list_rulesets() if one.subject in SUBJECTS]
    return sorted(versions, key=lambda one: (one.status != "draft", -one.pk))


def _progress(found: Backtest, now: datetime) -> dict[str, Any]:
    return {
        "is_open": found.status in _OPEN,
        "step": _STEPS.get(found.step, found.step or _("Starting")),
        "eta": _eta(found, now),
    }


def _eta(found: Backtest, now: datetime) -> str:
    """Return how long it will still take at the present pace; "" where that is a guess."""
    if not (found.started_at and found.total_rows and found.done_rows):
        return ""
    left = (now - found.started_at) / found.done_rows * (found.total_rows - found.done_rows)
    minutes = max(1, round(left / timedelta(minutes=1)))
    return _("about %(n)s min left") % {"n": minutes}


def _outcome_in(request: HttpRequest, name: str) -> str:
    value = request.GET.get(name, "")
    return value if value in OUTCOMES else ""
