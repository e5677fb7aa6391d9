"""Cases: the list, the page on which a person decides, and the claim on it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from cases import claims, selectors, services
from cases.breaks import minutes_to_break
from cases.choices import reasons_for
from cases.macros import list_offered
from cases.models import CaseStatus, ReviewCase
from cases.similar import COMPARED, list_similar
from console.access import staff_page, user_of
from console.appeals import appeal_of, judged_by
from console.bands import live_bands
from console.changes import changes_since
from console.evidence import evidence_of
from console.forms import CaseFilter, VerdictForm
from console.hindsight import as_judged, before_of
from console.history import list_events
from console.linked import links_of
from console.note_forms import NoteForm
from console.noted import read_notes, removable_minutes
from console.pages import show
from console.paging import page_of
from console.signals import read_signals
from console.subject_pages import pages_of
from console.waiting_verdicts import read_waiting
from core.errors import Conflict, DomainError, NotFound, PermissionDenied
from core.ids import decode, encode
from core.ui.toasts import add_toast

_STOP_POLLING = 286  # htmx: swap this answer and ask no more


@require_safe
@staff_page(Permission.REVIEW_CASES)
def case_list(request: HttpRequest) -> HttpResponse:
    user, filters = user_of(request), CaseFilter(request.GET)
    chosen = filters.cleaned_data if filters.is_valid() else {}
    rows = selectors.list_cases(user, **{name: value for name, value in chosen.items() if value})
    context = {
        "filters": filters,
        "page": page_of(request, rows, keys=("-id",)),
        "bands": live_bands(),
        "is_filtered": any(chosen.values()),
        "now": timezone.now(),
    }
    return show(request, "console/case_list.html", context)


@require_safe
@staff_page(Permission.REVIEW_CASES)
def case(request: HttpRequest, public_id: str) -> HttpResponse:
    return show_case(request, case_of(request, public_id))


@require_POST
@staff_page(Permission.REVIEW_CASES)
def claim(request: HttpRequest, public_id: str) -> HttpResponse:
    found = case_of(request, public_id)
    try:
        services.claim_case(found, user_of(request), at=timezone.now())
    except (Conflict, PermissionDenied) as refusal:
        add_toast(request, refusal.message, kind="error")
    return redirect("console:case", public_id)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def release(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put the case back and leave."""
    found = case_of(request, public_id)
    _put_back(request, found)
    return redirect("console:queue", found.queue.code)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def skip(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put the case back and open the one after it."""
    found = case_of(request, public_id)
    _put_back(request, found)
    return open_next(request, found)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def heartbeat(request: HttpRequest, public_id: str) -> HttpResponse:
    """Prolong the claim while its page is open; the answer replaces the page's claim line."""
    found = case_of(request, public_id)
    context: dict[str, Any] = {"case": found, "public_id": public_id}
    try:
        context["ends_at"] = services.extend_claim(
            found, user_of(request), token=_token(request), at=timezone.now()
        )
    except Conflict as refusal:
        status = _STOP_POLLING if request.headers.get("HX-Request") else refusal.http_status
        return render(request, "console/case/_lost.html", {**context, "refusal": refusal}, status=status)
    return render(request, "console/case/_claim.html", context)


def case_of(request: HttpRequest, public_id: str) -> ReviewCase:
    """Return a case this reviewer may see; another one does not exist for them."""
    found = selectors.get_case(decode("cas", public_id))
    if not selectors.may_see(user_of(request), found):
        raise NotFound("No such case.")
    return found


def show_case(
    request: HttpRequest,
    found: ReviewCase,
    *,
    form: VerdictForm | None = None,
    refusal: DomainError | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the case page; `form` and `refusal` come back from a verdict that was not accepted."""
    user, now = user_of(request), timezone.now()
    is_mine = found.claimed_by_id == user.pk and found.status == CaseStatus.CLAIMED
    has_claim = is_mine and not claims.has_expired(found, now)
    appeal = appeal_of(found)
    decision = judged_by(found, appeal)
    # A blind case is judged on the evidence alone.
    signals = None if found.is_blind or decision is None else read_signals(decision)
    before = before_of(found)
    evidence, links = as_judged(evidence_of(found), before), links_of(found)
    noted = read_notes(found, user, at=now)
    events = list_events(
        found, evidence.facts, [shown.note for shown in noted], before_id=before.id if before else None
    )
    changes = None
    if refusal is not None and refusal.code == "evidence_changed":
        changes = changes_since(found, request, events)
        form = _renewed(request, found) if form and has_claim else form
    previous = selectors.find_previous(found)
    context = {
        "case": found,
        "public_id": encode("cas", found.pk),
        "waiting": read_waiting(found, user),
        "evidence": evidence,
        "signals": signals,
        "similar": list_similar(found, user) if signals else [],
        "compared": COMPARED,
        "links": links,
        "link_pages": pages_of(user, links.kind, [row.other.id for row in links.rows]) if links else {},
        "events": events,
        "changes": changes,
        "break_minutes": minutes_to_break(user, at=now) if has_claim else None,
        "notes": noted,
        "note_form": NoteForm(),
        "removable_minutes": removable_minutes(),
        "appeal": appeal,
        "has_claim": has_claim,
        "is_taken": found.status == CaseStatus.CLAIMED and not is_mine and not claims.has_expired(found, now),
        "is_open": found.status in {CaseStatus.QUEUED, CaseStatus.CLAIMED},
        "form": form or _new_form(found) if has_claim or form else None,
        "reasons": reasons_for(found),
        "macros": list_offered(found, user) if has_claim else [],
        "refusal": refusal,
        "previous_id": encode("cas", previous.pk) if previous else "",
        "now": now,
    }
    return show(request, "console/case.html", context, status=status)


def open_next(request: HttpRequest, found: ReviewCase) -> HttpResponse:
    """Claim the case after this one in its queue and open it; the queue's page if there is none."""
    try:
        following = services.claim_next(user_of(request), at=timezone.now(), queue=found.queue, after=found)
    except Conflict:
        following = None  # gone off meanwhile: the queue's page says so
    if following is None:
        return redirect("console:queue", found.queue.code)
    return redirect("console:case", encode("cas", following.pk))


def _new_form(found: ReviewCase) -> VerdictForm:
    initial = {"claim_token": found.claim_token, "evidence_version": found.evidence_version}
    return VerdictForm(case=found, initial=initial)


def _renewed(request: HttpRequest, found: ReviewCase) -> VerdictForm:
    """Return what was typed, now under the evidence that this answer shows: sent again, it is accepted."""
    typed = request.POST.copy()
    typed["evidence_version"] = str(found.evidence_version)
    return VerdictForm(typed, case=found)


def _put_back(request: HttpRequest, found: ReviewCase) -> None:
    try:
        services.release_claim(found, user_of(request), token=_token(request), at=timezone.now())
    except Conflict as refusal:
        # It has left this reviewer's hands already, which is what they wanted.
        add_toast(request, refusal.message, kind="info")


def _token(request: HttpRequest) -> int:
    text = request.POST.get("claim_token", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
