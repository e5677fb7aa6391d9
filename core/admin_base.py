"""The one base of every admin class: read-only unless it says what may change, and every change audited.

class QueueAdmin(BackofficeAdmin):
    menu, icon = MenuGroup.REVIEW, "inbox"
    editable = ("name_en", "name_zh")     # nothing named here: the pages are read-only
    given_once = ("code",)                # set when added, fixed afterwards
    operations = (Operation(...),)        # what staff may do, each one service call
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.db.models import Field, Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from . import admin_details, audit, ids, journal
from .actors import Actor
from .admin_menu import MenuGroup
from .admin_shown import columns_shown, subject_of
from .errors import DomainError
from .models import AuditEntry, TransitionRecord
from .refs import Ref

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# Where counting stops: a list that says "10,000" needs a filter, not the exact number.
COUNTED_ROWS = 10_000
HISTORY_ROWS = 200


@dataclass(frozen=True)
class Operation:
    """Something staff may do to one row: a confirmation page, then one service call.

    run        called with the row, and `actor`, `at` and `comment` by keyword
    is_open    tells whether the row's state allows it
    """

    code: str
    label: str | Promise
    text: str | Promise
    run: Callable[..., object]
    is_open: Callable[[Any], bool] = lambda row: True
    needs_comment: bool = False
    is_danger: bool = False


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than COUNTED_ROWS, so that a page of a large table costs a page."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:COUNTED_ROWS].count())


class MadeFilter(admin.SimpleListFilter):
    """Rows by age. The ids carry the time, so this reads the primary key and needs no other index."""

    title = _("made")
    parameter_name = "made"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Last 24 hours")), ("7", _("Last 7 days")), ("30", _("Last 30 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value()
        if days not in {"1", "7", "30"}:
            return queryset
        return queryset.filter(pk__gte=ids.first_id_at(timezone.now() - timedelta(days=int(days))))


class BackofficeAdmin(ModelAdmin):  # type: ignore[misc]
    """Lists fifty rows without counting them all, finds by public id, changes only what is named."""

    menu: ClassVar[MenuGroup]
    menu_order = 50
    icon = "table_rows"
    title: "str | StrPromise" = ""  # in the navigation; the model's plural if empty
    prefix = ""  # of the public id, where the model has one
    kind = ""  # the noun that journals know it by; the model's name if empty
    editable: Sequence[str] = ()
    given_once: Sequence[str] = ()
    can_add = False
    can_remove = False
    operations: Sequence[Operation] = ()
    shown: Sequence[Any] = ()  # besides the columns: what `core.admin_shown` makes
    hidden: Sequence[str] = ()  # columns that no page shows

    actions = None  # nothing happens in bulk
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering: Sequence[str] = ("-pk",)
    list_filter_submit = True
    compressed_fields = True
    change_form_outer_before_template = "admin/operations.html"
    object_history_template = "admin/object_journal.html"

    # ── What staff may do ────────────────────────────────────────────────────────────────────────
    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.can_add and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.editable) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.can_remove and bool(super().has_delete_permission(request, obj))

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Operations need the right to change the model, whether or not its columns can be edited."""
        options = self.opts
        return bool(request.user.has_perm(f"{options.app_label}.change_{options.model_name}"))

    # ── What the pages show ──────────────────────────────────────────────────────────────────────
    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        return _columns_of(self.opts, super().get_list_display(request))

    def get_list_display_links(self, request: HttpRequest, list_display: Sequence[Any]) -> Sequence[Any]:
        return _columns_of(self.opts, self.list_display_links or self.list_display[:1])

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        if obj is None:
            return (*self.given_once, *self.editable)
        return (*self._forms(request, obj), *self.get_readonly_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        if obj is None:
            return ()
        taken = {*self._forms(request, obj), *self.hidden}
        for one in self.shown:
            taken.update(columns_shown(one))
        columns = (field for field in self.opts.concrete_fields if field.name not in taken)
        return (*self.shown, *(admin_details.detail_of(field) for field in columns if _is_readable(field)))

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return super().get_search_fields(request) or ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for a public id, of the row itself or of its subject, else in the class's search fields."""
        found = subject_of(search_term.strip())
        if found is not None:
            return queryset.filter(**self._rows_of(*found)), False
        if search_term and not self.search_fields:
            return queryset.none(), False
        rows, has_repeats = super().get_search_results(request, queryset, search_term)
        return rows, bool(has_repeats)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if object_id and not unquote(object_id).lstrip("-").isdigit():
            raise Http404
        context = {**(extra_context or {}), "operations": self._links(request, object_id)}
        return super().changeform_view(request, object_id, form_url, context)

    # ── Writes, each with its audit row ──────────────────────────────────────────────────────────
    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        with journal.unit():
            obj.save()
            verb = "changed" if change else "created"
            self._record(request, obj, verb, {"fields": form.changed_data})

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with journal.unit():
            self._record(request, obj, "removed", {"row": str(obj)})
            obj.delete()

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: the audit trail is the one journal, and it is sealed."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing, as above."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Write nothing, as above."""

    # ── Pages of our own ─────────────────────────────────────────────────────────────────────────
    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_operation"
        view = self.admin_site.admin_view(self.operation_view)
        own = path("<path:object_id>/operations/<slug:code>/", view, name=name)
        return [own, *super().get_urls()]

    def operation_view(self, request: HttpRequest, object_id: str, code: str) -> HttpResponse:
        """Ask before an operation (GET), run it (POST)."""
        row = self.get_object(request, unquote(object_id))
        operation = next((one for one in self.operations if one.code == code), None)
        if row is None or operation is None or not self.has_operate_permission(request):
            raise Http404
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        comment = request.POST.get("comment", "").strip()
        if request.method == "POST" and (comment or not operation.needs_comment):
            self._run(request, operation, row, comment)
            return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": operation.label,
            "operation": operation,
            "row": row,
            "back": back,
            "is_comment_missing": request.method == "POST",
        }
        return TemplateResponse(request, "admin/operation.html", context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what the journals say of the row, newest first."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        about = {"subject_kind": self._kind, "subject_id": row.pk}
        records = [
            *TransitionRecord.objects.filter(**about).order_by("-id")[:HISTORY_ROWS],
            *AuditEntry.objects.filter(**about).order_by("-id")[:HISTORY_ROWS],
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": row,
            "title": _("History"),
            "subtitle": str(row),
            "records": sorted(records, key=lambda record: record.pk, reverse=True)[:HISTORY_ROWS],
        }
        return TemplateResponse(request, self.object_history_template, context)

    # ── Inside ───────────────────────────────────────────────────────────────────────────────────
    @property
    def _kind(self) -> str:
        return self.kind or str(self.opts.model_name)

    def _forms(self, request: HttpRequest, obj: Model | None) -> Sequence[str]:
        return self.editable if self.has_change_permission(request, obj) else ()

    def _rows_of(self, kind: str, id: int) -> dict[str, Any]:
        names = {field.name for field in self.opts.concrete_fields}
        if kind == self._kind:
            return {"pk": id}
        if kind in names or f"{kind}_id" in names:
            return {f"{kind}_id": id}
        if {"subject_kind", "subject_id"} <= names:
            return {"subject_kind": kind, "subject_id": id}
        return {"pk__in": []}

    def _record(self, request: HttpRequest, row: Any, verb: str, detail: dict[str, Any]) -> None:
        audit.record(
            f"{self._kind}.{verb}", actor=actor_of(request), subject=Ref(self._kind, row.pk), detail=detail
        )

    def _links(self, request: HttpRequest, object_id: str | None) -> list[dict[str, Any]]:
        if not object_id or not self.operations or not self.has_operate_permission(request):
            return []
        row = self.get_object(request, unquote(object_id))
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_operation"
        return [
            {"operation": one, "href": reverse(name, args=[row.pk, one.code])}
            for one in self.operations
            if row is not None and one.is_open(row)
        ]

    def _run(self, request: HttpRequest, operation: Operation, row: Any, comment: str) -> None:
        try:
            result = operation.run(row, actor=actor_of(request), at=timezone.now(), comment=comment)
        except DomainError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, result if isinstance(result, str) else _("Done."))


class RelatedRows(TabularInline):  # type: ignore[misc]
    """Rows of another table on a row's page, for reading; each links to its own page."""

    extra = 0
    can_delete = False
    show_change_link = True
    columns: Sequence[Any] = ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        return _columns_of(self.opts, self.columns)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        return _columns_of(self.opts, self.columns)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in person as the actor of a write."""
    return Actor("user", str(request.user.pk))


def _columns_of(options: Any, names: Sequence[Any]) -> Sequence[Any]:
    """Replace the names of columns by what shows them under a readable head."""
    fields = {field.name: field for field in options.concrete_fields if _is_readable(field)}
    return tuple(
        admin_details.column_of(fields[name]) if isinstance(name, str) and name in fields else name
        for name in names
    )


def _is_readable(field: "Field[Any, Any]") -> bool:
    return field.get_internal_type() != "BinaryField" and not (field.primary_key and field.name == "id")
