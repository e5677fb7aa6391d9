"""Bulk verdicts: choose cases of a queue, see which can be decided, decide, watch, undo."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from cases import bulk, bulk_selectors
from cases.bulk_models import BulkVerdict, Selection
from cases.choices import reasons_for
from cases.eligibility import REASONS, Candidate, list_candidates
from cases.models import VerdictKind
from cases.statements import write_statement
from console.access import staff_page, user_of
from console.bulk_forms import BulkForm
from console.pages import show
from console.paging import page_of
from console.refusals import sentence_of
from core.errors import Conflict, DomainError, NotFound, ValidationFailed
from core.ids import decode, encode
from core.reasons import find_reason
from core.ui.toasts import add_toast
from risk import runs

from .queues import queue_of
from .verdicts import LANGUAGES, undo_time


@require_POST
@staff_page(Permission.REVIEW_CASES)
def select(request: HttpRequest, code: str) -> HttpResponse:
    """Freeze what was ticked, or all that match, and open the page that decides it."""
    found = queue_of(request, code)
    ids = None if "all" in request.POST else _ids_in(request.POST.getlist("cases"))
    search = request.POST.get("q", "")[:80]
    try:
        made = bulk.select_cases(found, user_of(request), case_ids=ids, search=search, at=timezone.now())
    except ValidationFailed as refusal:
        add_toast(request, sentence_of(refusal), kind="info")
        return redirect("console:queue", code)
    return redirect("console:bulk", encode("sel", made.pk))


@require_safe
@staff_page(Permission.REVIEW_CASES)
def bulk_list(request: HttpRequest) -> HttpResponse:
    page = page_of(request, bulk_selectors.list_bulk_verdicts(user_of(request)), keys=("-id",))
    counts = bulk_selectors.count_results(*(row.selection for row in page.rows))
    rows = [(row, _summary(counts[row.selection_id])) for row in page.rows]
    return show(request, "console/bulk_list.html", {"page": page, "rows": rows})


@require_safe
@staff_page(Permission.REVIEW_CASES)
def bulk_verdict(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show a selection: what can be decided, or what became of its verdict."""
    selection = _selection_of(request, public_id)
    if hasattr(selection, "bulk_verdict"):
        return _show_verdict(request, selection, selection.bulk_verdict)
    return _show_form(request, selection)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def preview(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show which cases the chosen verdict can be given on, and what their merchants would read."""
    selection = _selection_of(request, public_id)
    kind, is_final = request.POST.get("kind", ""), "is_final" in request.POST
    return render(request, "console/bulk/_preview.html", _preview(request, selection, kind, is_final))


@require_POST
@staff_page(Permission.REVIEW_CASES)
def decide(request: HttpRequest, public_id: str) -> HttpResponse:
    selection, user, now = _selection_of(request, public_id), user_of(request), timezone.now()
    form = _form_of(selection, request.POST)
    if not form.is_valid():
        return _show_form(request, selection, form, status=422)
    try:
        bulk.decide_selection(
            selection, form.new_verdict(at=now), reviewer=user, at=now, undo_for=undo_time()
        )
    except ValidationFailed as refusal:
        for error in refusal.errors:
            name = error.pointer.split("/")[1]
            form.add_error(name if name in form.fields else None, error.detail)
        return _show_form(request, selection, form, status=refusal.http_status)
    except Conflict as refusal:
        add_toast(request, refusal.message, kind="error")
    return redirect("console:bulk", public_id)


@require_safe
@staff_page(Permission.REVIEW_CASES)
def progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """Answer the progress line, which asks again while a worker is at it; the end reloads the page."""
    selection = _selection_of(request, public_id)
    if not hasattr(selection, "bulk_verdict"):
        return redirect("console:bulk", public_id)
    context = _progress(selection, selection.bulk_verdict)
    answer = render(request, "console/bulk/_progress.html", {**context, "public_id": public_id})
    if not context["is_open"]:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@staff_page(Permission.REVIEW_CASES)
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    return _change(request, public_id, bulk.cancel_bulk)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def undo(request: HttpRequest, public_id: str) -> HttpResponse:
    return _change(request, public_id, bulk.undo_bulk)


def _change(request: HttpRequest, public_id: str, change: Any) -> HttpResponse:
    selection = _selection_of(request, public_id)
    if hasattr(selection, "bulk_verdict"):
        try:
            change(selection.bulk_verdict, by=user_of(request), at=timezone.now())
        except DomainError as refusal:
            add_toast(request, refusal.message, kind="error")
    return redirect("console:bulk", public_id)


def _show_form(
    request: HttpRequest, selection: Selection, form: BulkForm | None = None, *, status: int = 200
) -> HttpResponse:
    kind = form["kind"].value() or "" if form else ""
    context = {
        "selection": selection,
        "public_id": encode("sel", selection.pk),
        "form": form or _form_of(selection),
        "reasons": reasons_for(_example_of(selection)),
        "most": bulk.MOST_CASES,
        "is_theirs": selection.reviewer_id == user_of(request).pk,
        **_preview(request, selection, kind, is_final=False),
    }
    return show(request, "console/bulk_new.html", context, status=status)


def _show_verdict(request: HttpRequest, selection: Selection, row: BulkVerdict) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    members = list(bulk_selectors.list_members(selection, user))
    is_theirs = selection.reviewer_id == user.pk
    can_undo = row.undo_until is not None and row.undo_until > now and row.undo_requested_at is None
    context = {
        "selection": selection,
        "bulk": row,
        "public_id": encode("sel", selection.pk),
        "reasons": [find_reason(code).staff for code in row.reason_codes],
        "members": [(member, str(REASONS.get(member.code, member.code))) for member in members],
        "can_undo": can_undo and is_theirs and row.status not in runs.OPEN,
        "is_theirs": is_theirs,
        "now": now,
        **_progress(selection, row),
    }
    return show(request, "console/bulk.html", context)


def _progress(selection: Selection, row: BulkVerdict) -> dict[str, Any]:
    counts = bulk_selectors.count_results(selection)[selection.pk]
    summary = _summary(counts)
    is_undo = row.undo_requested_at is not None
    total = sum(counts.values())
    if is_undo:
        total = summary["recorded"] + summary["undone"]
        done = summary["undone"] + sum(
            n for (result, code), n in counts.items() if result == "recorded" and code
        )
    else:
        done = total - summary["left"]
    return {
        "bulk": row,
        "summary": summary,
        "done": done,
        "total": total,
        "is_undo": is_undo,
        "is_open": row.status in runs.OPEN,
    }


def _summary(counts: Any) -> dict[str, int]:
    names = {"": "left", "recorded": "recorded", "refused": "refused", "undone": "undone"}
    summary = dict.fromkeys(names.values(), 0)
    for (result, _code), n in counts.items():
        summary[names[result]] += n
    return summary


def _preview(request: HttpRequest, selection: Selection, kind: str, is_final: bool) -> dict[str, Any]:
    kind = kind if kind in VerdictKind.values else ""
    candidates = list_candidates(selection, kind=kind, is_final=is_final, at=timezone.now())
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        groups[one.code].append(one)
    eligible = [one for one in candidates if one.can_be_decided]
    statements = [
        write_statement(
            eligible[0].case,
            kind,
            reason_codes=request.POST.getlist("reason_codes"),
            message=request.POST.get("message", ""),
            language=language,
        )
        for language in (LANGUAGES if eligible and kind else ())
    ]
    words = {"ready": _("Can be decided"), "second": _("Decided, then wait for a second signature")}
    order = sorted(groups, key=lambda code: (code not in words, code))
    return {
        "groups": [(code in words, words.get(code) or REASONS[code], groups[code]) for code in order],
        "eligible": len(eligible),
        "chosen": len(candidates),
        "statements": statements,
        "kind": kind,
    }


def _form_of(selection: Selection, data: Any = None) -> BulkForm:
    return BulkForm(data, queue=selection.queue, example=_example_of(selection))


def _example_of(selection: Selection) -> Any:
    return selection.members.select_related("case").order_by("position")[0].case


def _selection_of(request: HttpRequest, public_id: str) -> Selection:
    return bulk_selectors.get_selection(decode("sel", public_id), user_of(request))


def _ids_in(texts: Sequence[str]) -> list[int]:
    """Return the ids that can be read; nobody is told which cannot."""
    found = []
    for text in texts[: bulk.MOST_CASES]:
        try:
            found.append(decode("cas", text))
        except NotFound:
            continue
    return found
