"""Lists that rules ask: the index, one list with its versions, entries added, removed and imported."""

import csv
from io import StringIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import Permission
from console.access import staff_page, user_of
from console.list_forms import EntryForm, ImportForm, ListForm
from console.list_pages import find_entries, list_rows, plain_value, show_entries, shown_value
from console.pages import show
from console.paging import page_of
from console.refusals import sentence_of
from core.errors import Conflict, NotFound, ValidationFailed
from core.ui.toasts import add_toast
from risk import services
from risk.list_files import NewEntry, read_entries
from risk.models import EntityList
from risk.rulesets import list_users_of

_SAMPLE = 8
_PROBLEMS = 50
_VERSIONS = 30


@require_safe
@staff_page(Permission.VIEW_RULES)
def list_index(request: HttpRequest) -> HttpResponse:
    return show(request, "console/list_index.html", {"rows": list_rows(), "now": timezone.now()})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.EDIT_RULES)
def list_new(request: HttpRequest) -> HttpResponse:
    form = ListForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.create_list(**form.cleaned_data, author=user_of(request))
        except ValidationFailed as refusal:
            for error in refusal.errors:
                form.add_error(error.pointer.strip("/"), error.detail)
        else:
            add_toast(request, _("List %(code)s created") % {"code": created.code})
            return redirect("console:list", created.code)
    return show(request, "console/list_new.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@staff_page(Permission.VIEW_RULES)
def entity_list(request: HttpRequest, code: str) -> HttpResponse:
    return _show_list(request, _list_of(code))


@require_POST
@staff_page(Permission.EDIT_RULES)
def add_entry(request: HttpRequest, code: str) -> HttpResponse:
    found, before = _list_of(code), _list_of(code).version
    form = EntryForm(request.POST)
    if form.is_valid():
        chosen = form.cleaned_data
        entry = NewEntry(chosen["value"], chosen["note"], chosen["expires_at"])
        try:
            services.add_entries(found, [entry], author=user_of(request))
        except ValidationFailed as refusal:
            for error in refusal.errors:
                form.add_error("value", error.detail)
        except Conflict as refusal:
            form.add_error("value", refusal.message)
        else:
            add_toast(request, _("Added to %(list)s") % {"list": found.name}, undo_url=_undo(found, before))
            return redirect("console:list", code)
    return _show_list(request, found, form=form, status=422)


@require_POST
@staff_page(Permission.EDIT_RULES)
def remove_entry(request: HttpRequest, code: str, entry_id: int) -> HttpResponse:
    found = _list_of(code)
    before = found.version
    entry = found.entries.select_related("list").filter(pk=entry_id, removed_in=None).first()
    if entry is None:
        raise NotFound("No such entry.")
    services.remove_entries(found, [plain_value(entry)], author=user_of(request))
    add_toast(
        request,
        _("%(value)s removed from %(list)s") % {"value": shown_value(entry), "list": found.name},
        undo_url=_undo(found, before),
    )
    return redirect("console:list", code)


@require_POST
@staff_page(Permission.EDIT_RULES)
def restore(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """Make the list what it was in an earlier version."""
    found = _list_of(code)
    before = found.version
    comment = _("As version %(number)s") % {"number": number}
    try:
        services.restore_version(found, number, author=user_of(request), comment=comment)
    except Conflict as refusal:
        add_toast(request, refusal.message, kind="info")
    else:
        add_toast(
            request,
            _("The list is as in version %(number)s again") % {"number": number},
            undo_url=_undo(found, before),
        )
    return redirect("console:list", code)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(Permission.EDIT_RULES)
def import_file(request: HttpRequest, code: str) -> HttpResponse:
    """Apply the good rows of a file as one version."""
    found = _list_of(code)
    before = found.version
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            done = services.import_entries(
                found, form.content(), author=user_of(request), mode=chosen["mode"], comment=chosen["comment"]
            )
        except ValidationFailed as refusal:
            form.add_error("file", sentence_of(refusal))
        else:
            text = _("%(added)s added, %(removed)s removed, %(same)s as they were") % {
                "added": done.added,
                "removed": done.removed,
                "same": done.unchanged,
            }
            if done.problem_count:
                left = ngettext("%(n)s row left out", "%(n)s rows left out", done.problem_count)
                text = f"{text}. {left % {'n': done.problem_count}}."
            add_toast(request, text, undo_url=_undo(found, before) if done.version else None)
            return redirect("console:list", code)
    context = {"list": found, "form": form}
    return show(request, "console/list_import.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page(Permission.EDIT_RULES)
def preview_file(request: HttpRequest, code: str) -> HttpResponse:
    """Say what a file would do, before anything is changed."""
    found, form = _list_of(code), ImportForm(request.POST, request.FILES)
    context: dict[str, object] = {"list": found}
    if "file" in request.FILES and (form.is_valid() or "file" not in form.errors):
        try:
            read = read_entries(form.content(), kind=found.kind)
        except ValidationFailed as refusal:
            context["refusal"] = sentence_of(refusal)
        else:
            context |= {
                "read": read,
                "sample": read.entries[:_SAMPLE],
                "problems": read.problems[:_PROBLEMS],
            }
    return render(request, "console/lists/_preview.html", context)


@require_POST
@staff_page(Permission.EDIT_RULES)
def error_file(request: HttpRequest, code: str) -> HttpResponse:
    """Send the rows of a file that would be left out, each with its reason."""
    found, form = _list_of(code), ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return show(request, "console/list_import.html", {"list": found, "form": form}, status=422)
    try:
        read = read_entries(form.content(), kind=found.kind)
    except ValidationFailed as refusal:
        form.add_error("file", sentence_of(refusal))
        return show(request, "console/list_import.html", {"list": found, "form": form}, status=422)
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(["row", "column", "code", "detail"])
    writer.writerows([one.row, one.column, one.code, one.detail] for one in read.problems)
    return _csv(out.getvalue().encode("utf-8-sig"), f"{code}-errors.csv")


@require_POST
@staff_page(Permission.EDIT_RULES)
def export(request: HttpRequest, code: str) -> HttpResponse:
    """Send the entries in clear; the audit log keeps who asked."""
    found = _list_of(code)
    return _csv(services.export_list(found, author=user_of(request)), f"{code}-v{found.version}.csv")


@require_POST
@staff_page(Permission.EDIT_RULES)
def archive(request: HttpRequest, code: str) -> HttpResponse:
    found = _list_of(code)
    try:
        services.archive_list(found, author=user_of(request), at=timezone.now())
    except Conflict as refusal:
        add_toast(request, refusal.message, kind="error")
        return redirect("console:list", code)
    add_toast(request, _("%(list)s is put away") % {"list": found.name})
    return redirect("console:lists")


def _show_list(
    request: HttpRequest, found: EntityList, *, form: EntryForm | None = None, status: int = 200
) -> HttpResponse:
    text, now = request.GET.get("q", "").strip()[:200], timezone.now()
    page = page_of(request, find_entries(found, text), keys=("-id",))
    context = {
        "list": found,
        "form": form or EntryForm(),
        "q": text,
        "page": page,
        "rows": show_entries(page.rows, at=now),
        "versions": found.versions.select_related("author").order_by("-number")[:_VERSIONS],
        "users": list_users_of(found.code),
        "now": now,
    }
    return show(request, "console/list.html", context, status=status)


def _list_of(code: str) -> EntityList:
    found = EntityList.objects.filter(code=code, archived_at=None).first()
    if found is None:
        raise NotFound("No such list.")
    return found


def _undo(found: EntityList, number: int) -> str:
    return reverse("console:list-restore", args=[found.code, number])


def _csv(content: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
