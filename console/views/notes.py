"""Notes on a case: write one, take it back, find whom it can call, open its files."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import Permission
from cases import notes
from cases.models import ReviewCase
from console.access import staff_page, user_of
from console.note_forms import NoteForm
from console.noted import read_notes, removable_minutes
from console.pages import show
from core.downloads import private_file
from core.errors import Conflict, ValidationFailed
from core.ids import decode, encode
from core.ui.toasts import add_toast

from .cases import case_of


@require_POST
@staff_page(Permission.REVIEW_CASES)
def add(request: HttpRequest, public_id: str) -> HttpResponse:
    """Write a note; the answer to htmx replaces the notes alone, so that a verdict being typed stays."""
    found, form = case_of(request, public_id), NoteForm(request.POST, request.FILES)
    try:
        notes.add_note(
            found,
            text=request.POST.get("text", ""),
            author=user_of(request),
            at=timezone.now(),
            files=form.uploads(),
        )
    except ValidationFailed as refusal:
        form.is_valid()
        form.errors.clear()
        for error in refusal.errors:
            form.add_error("files" if error.pointer.startswith("/files") else "text", error.detail)
        return _notes(request, found, form=form, status=refusal.http_status)
    if request.headers.get("HX-Request"):
        return _notes(request, found, was_written=True)
    return _back(found)


@require_POST
@staff_page(Permission.REVIEW_CASES)
def remove(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take one's own note back."""
    note = notes.get_note(decode("not", public_id), user_of(request))
    try:
        notes.remove_note(note, user=user_of(request), at=timezone.now())
    except Conflict as refusal:
        add_toast(request, refusal.message, kind="error")
    if request.headers.get("HX-Request"):
        return _notes(request, note.case, was_written=True)
    return _back(note.case)


@require_safe
@staff_page(Permission.REVIEW_CASES)
def colleagues(request: HttpRequest, public_id: str) -> JsonResponse:
    """Answer whom a note on this case can call, for what is typed after an @."""
    found = case_of(request, public_id)
    people = notes.list_colleagues(found, author=user_of(request), q=request.GET.get("q", "")[:80])
    return JsonResponse({"people": [{"name": str(user), "handle": handle} for user, handle in people]})


@require_safe
@staff_page(Permission.REVIEW_CASES)
def note_file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Stream a note's file and note who saw it."""
    found = notes.get_note_file(decode("nfl", public_id), user_of(request))
    notes.open_note_file(found, user=user_of(request))
    is_image = found.content_type.startswith("image/")
    return private_file(
        found.file, content_type=found.content_type, name=public_id, as_attachment=not is_image
    )


def _notes(
    request: HttpRequest,
    found: ReviewCase,
    *,
    form: NoteForm | None = None,
    was_written: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "case": found,
        "public_id": encode("cas", found.pk),
        "notes": read_notes(found, user_of(request), at=timezone.now()),
        "note_form": form or NoteForm(),
        "removable_minutes": removable_minutes(),
        "was_written": was_written,
    }
    if request.headers.get("HX-Request"):
        return render(request, "console/case/_notes.html", context, status=status)
    return show(request, "console/case_notes.html", context, status=status)


def _back(found: ReviewCase) -> HttpResponse:
    return redirect(reverse("console:case", args=[encode("cas", found.pk)]) + "#notes")
