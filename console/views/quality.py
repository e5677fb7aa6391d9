"""Quality: agreement, overturned decisions, disagreements to adjudicate, and golden cases."""

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission, has_permission
from cases.quality import adjudicating, figures, golden, looks
from cases.quality.models import SecondLook
from console.access import staff_page, user_of
from console.estimates import Share
from console.pages import show
from console.paging import page_of
from console.quality import (
    PERIODS,
    TABLES,
    golden_answers,
    overturned_models,
    overturned_reviewers,
    overturned_rules,
    quality_tabs,
    read_period,
    write_table,
)
from console.quality_forms import AdjudicationForm, GoldenForm
from core.errors import Conflict, DomainError, InvalidTransition, NotFound, PermissionDenied, ValidationFailed
from core.ids import decode
from core.ui.toasts import add_toast

from .cases import case_of

# Of one's own results.
_SHOWN = 50


@require_safe
@staff_page(Permission.REVIEW_CASES)
def overview(request: HttpRequest) -> HttpResponse:
    """Show the figures to those who lead, and everybody else their own."""
    user = user_of(request)
    if not has_permission(user, Permission.REVIEW_SENIOR_CASES):
        return _show_own(request)
    period, since = read_period(request.GET.get("period", ""), at=timezone.now())
    counted = figures.looks_since(since)
    context = {
        "tabs": quality_tabs(user, "quality"),
        "period": period,
        "periods": PERIODS,
        "queues": figures.list_queue_agreement(counted),
        "reasons": figures.list_reason_agreement(counted),
        "rules": overturned_rules(counted),
        "models": overturned_models(counted),
        "reviewers": overturned_reviewers(counted),
        "golden": golden_answers(counted),
    }
    return show(request, "console/quality.html", context)


@require_safe
@staff_page(Permission.REVIEW_CASES)
def own(request: HttpRequest) -> HttpResponse:
    """Show a reviewer their own agreement, and what came of their answers."""
    return _show_own(request)


def _show_own(request: HttpRequest) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    period, since = read_period(request.GET.get("period", ""), at=now)
    counted = figures.looks_since(since)
    numbers = figures.get_own_figures(user, counted)
    is_lead = has_permission(user, Permission.REVIEW_SENIOR_CASES)
    feedback = looks.list_feedback(user, since=since).order_by("-pk")[:_SHOWN]
    context = {
        "tabs": quality_tabs(user, "quality-own") if is_lead else [],
        "period": period,
        "periods": PERIODS,
        "agreed": Share(*numbers.agreed),
        "answers": Share(*numbers.golden),
        "upheld": Share(*numbers.upheld),
        "feedback": [(row, row.second_reviewer_id == user.pk) for row in feedback],
        "now": now,
    }
    return show(request, "console/quality_own.html", context)


@require_safe
@staff_page(Permission.REVIEW_SENIOR_CASES)
def quality_file(request: HttpRequest, table: str) -> HttpResponseBase:
    """Stream one table of the figures as CSV."""
    if table not in TABLES:
        raise NotFound("No such file.")
    period, since = read_period(request.GET.get("period", ""), at=timezone.now())
    lines = write_table(figures.looks_since(since), table)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="quality-{table}-{period}.csv"'
    return answer


@require_safe
@staff_page(Permission.REVIEW_SENIOR_CASES)
def disagreements(request: HttpRequest) -> HttpResponse:
    """List what two reviewers, or a reviewer and the system, see differently."""
    user = user_of(request)
    context = {
        "tabs": quality_tabs(user, "disagreements"),
        "page": page_of(request, looks.list_disputed(user), keys=("id",)),
        "now": timezone.now(),
    }
    return show(request, "console/disagreement_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.REVIEW_SENIOR_CASES)
def look(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show two verdicts side by side; a third person decides between them."""
    user = user_of(request)
    found = looks.get_look(decode("lok", public_id), user)
    form = _adjudication_form(request, found)
    if request.method == "POST" and form is None:
        raise Conflict(_("There is nothing to decide here any more."), code="not_disputed")
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            adjudicating.adjudicate(found, by=user, at=timezone.now(), **form.cleaned_data)
        except (ValidationFailed, Conflict, InvalidTransition) as refusal:
            _add_errors(form, refusal)
        else:
            title = {"title": found.case.title}
            add_toast(request, _("%(title)s: decided between the two") % title)
            return redirect("console:disagreements")
    context = {
        "look": found,
        "original": found.original or found.case,
        "form": form,
        "why_not": _why_not(request, found),
        "public_id": public_id,
        "now": timezone.now(),
    }
    return show(request, "console/look.html", context, status=422 if form and form.errors else 200)


@require_safe
@staff_page(Permission.REVIEW_SENIOR_CASES)
def golden_list(request: HttpRequest) -> HttpResponse:
    """List golden cases and how they were answered; `?tab=retired` asks for those served no longer."""
    is_over = request.GET.get("tab") == "retired"
    rows = looks.list_golden(user_of(request)).filter(retired_at__isnull=not is_over)
    page = page_of(request, rows, keys=("-id",))
    answered = looks.count_golden_answers([row.pk for row in page.rows])
    context = {
        "tabs": quality_tabs(user_of(request), "golden-cases"),
        "page": page,
        "rows": [(row, Share(*answered.get(row.pk, (0, 0)))) for row in page.rows],
        "is_over": is_over,
        "now": timezone.now(),
    }
    return show(request, "console/golden_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.REVIEW_SENIOR_CASES)
def golden_new(request: HttpRequest, public_id: str) -> HttpResponse:
    """Keep a resolved case as one whose right answer is known."""
    found = case_of(request, public_id)
    form = GoldenForm(request.POST if request.method == "POST" else None, case=found)
    if request.method == "POST" and form.is_valid():
        try:
            golden.mark_golden(found, by=user_of(request), at=timezone.now(), **form.cleaned_data)
        except (ValidationFailed, Conflict, PermissionDenied) as refusal:
            _add_errors(form, refusal)
        else:
            add_toast(request, _("%(title)s is a golden case") % {"title": found.title})
            return redirect("console:golden-cases")
    context = {"case": found, "form": form, "public_id": public_id}
    return show(request, "console/golden_new.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page(Permission.REVIEW_SENIOR_CASES)
def retire(request: HttpRequest, public_id: str) -> HttpResponse:
    """Serve a golden case no longer."""
    found = looks.get_golden(decode("gld", public_id), user_of(request))
    golden.retire_golden(found, by=user_of(request), at=timezone.now())
    add_toast(request, _("%(title)s is served no longer") % {"title": found.case.title}, kind="info")
    return redirect("console:golden-cases")


def _adjudication_form(request: HttpRequest, found: SecondLook) -> AdjudicationForm | None:
    """Return the form, None where there is nothing to decide, or not by this person."""
    if not adjudicating.is_disputed(found) or _why_not(request, found):
        return None
    return AdjudicationForm(
        request.POST if request.method == "POST" else None,
        case=found.original or found.case,
        can_be_undone=adjudicating.can_be_undone(found),
    )


def _why_not(request: HttpRequest, found: SecondLook) -> str:
    try:
        adjudicating.require_may_adjudicate(user_of(request), found)
    except PermissionDenied as refusal:
        return refusal.message
    return ""


def _add_errors(form: Form, refusal: DomainError) -> None:
    if not isinstance(refusal, ValidationFailed):
        form.add_error(None, refusal.message)
        return
    for error in refusal.errors:
        name = error.pointer.split("/")[1]
        form.add_error(name if name in form.fields else None, error.detail)
