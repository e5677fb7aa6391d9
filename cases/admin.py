"""Queues for staff to keep; cases and verdicts to look up, because they are worked on in the console."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin, MadeFilter, RelatedRows
from core.admin_menu import MenuGroup

from .admin_forms import CalendarForm, QueueForm
from .bulk_models import BulkVerdict, SelectedCase, Selection
from .colleagues import CaseNote, NoteFile, NoteMention, Reviewer
from .macros_models import Macro
from .measurement import DeskMeasurement
from .models import Appeal, AppealFile, Calendar, CaseExclusion, Queue, ReviewCase, Verdict
from .quality.models import GoldenCase, LookReason, LookRule, SecondLook


class VerdictsOfCase(RelatedRows):
    model = Verdict
    columns = (
        show.status("verdict", "kind", _("verdict")),
        "reason_codes",
        show.linked("reviewer", _("reviewer")),
        "created_at",
    )


@admin.register(Queue)
class QueueAdmin(BackofficeAdmin):
    form = QueueForm
    menu, menu_order, icon = MenuGroup.REVIEW, 10, "inbox"
    list_display = (
        "code",
        "name_en",
        "name_zh",
        "subject",
        "position",
        "is_default",
        "capacity",
        "resolve_hours",
        "needs_senior",
    )
    list_filter = ("subject",)
    search_fields = ("code__icontains", "name_en__icontains", "name_zh__icontains")
    ordering = ("position", "code")
    autocomplete_fields = ("lead",)
    can_add = True
    given_once = ("code", "subject")  # rules route by the code
    editable = (
        "name_en",
        "name_zh",
        "position",
        "condition",
        "capacity",
        "is_default",
        "calendar",
        "first_touch_hours",
        "resolve_hours",
        "head_start_hours",
        "needs_senior",
        "roles",
        "languages",
        "lead",
        "second_sign_from_minor",
        "hidden_verdicts",
        "blind_share",
        "golden_share",
    )


@admin.register(Calendar)
class CalendarAdmin(BackofficeAdmin):
    form = CalendarForm
    menu, menu_order, icon = MenuGroup.REVIEW, 15, "calendar_month"
    list_display = ("code", "time_zone")
    search_fields = ("code__icontains",)
    can_add = True
    given_once = ("code",)
    editable = ("time_zone", "hours", "holidays")


@admin.register(ReviewCase)
class ReviewCaseAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.REVIEW, 20, "cases", "cas"
    kind = "case"
    list_display = (
        "title",
        show.public_id("cas"),
        show.status("case"),
        show.linked("queue", _("queue")),
        show.subject(),
        show.linked("claimed_by", _("claimed by")),
        show.moment("due_at", _("due")),
    )
    list_select_related = ("queue", "claimed_by")
    list_filter = ("status", "subject_kind", MadeFilter)
    shown = (
        show.public_id("cas"),
        show.status("case"),
        show.subject(),
        show.reference("merchant", "merchant_id", _("merchant")),
        show.reference("decision", "decision_id", _("decision")),
    )
    hidden = ("decision",)
    inlines = (VerdictsOfCase,)


@admin.register(Verdict)
class VerdictAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.REVIEW, 30, "fact_check"
    list_display = (
        show.moment("created_at", _("when")),
        show.status("verdict", "kind", _("verdict")),
        show.linked("case", _("case")),
        show.linked("reviewer", _("reviewer")),
    )
    list_select_related = ("case", "reviewer")
    list_filter = ("kind", MadeFilter)


class EvidenceOfAppeal(RelatedRows):
    model = AppealFile
    columns = (show.public_id("apf"), "content_type", "size_bytes", "created_at")


@admin.register(Appeal)
class AppealAdmin(BackofficeAdmin):
    """Decided in the console, by somebody who had nothing to do with what is appealed."""

    menu, menu_order, icon, prefix = MenuGroup.REVIEW, 40, "balance", "apl"
    kind = "appeal"
    list_display = (
        show.public_id("apl"),
        show.status("appeal"),
        show.linked("statement", _("statement of reasons")),
        show.linked("case", _("case")),
        show.moment("created_at", _("when")),
        show.moment("decided_at", _("decided")),
    )
    list_select_related = ("statement", "case")
    list_filter = ("status", MadeFilter)
    shown = (show.public_id("apl"), show.status("appeal"), show.actor())
    inlines = (EvidenceOfAppeal,)


@admin.register(AppealFile)
class AppealFileAdmin(BackofficeAdmin):
    """The file itself is opened in the console, where each look is recorded."""

    menu, menu_order, icon, prefix = MenuGroup.REVIEW, 50, "attach_file", "apf"
    list_display = (
        show.public_id("apf"),
        show.linked("appeal", _("appeal")),
        "content_type",
        "size_bytes",
        show.moment("created_at", _("uploaded")),
    )
    list_select_related = ("appeal",)
    list_filter = (MadeFilter,)
    shown = (show.public_id("apf"),)


@admin.register(CaseExclusion)
class CaseExclusionAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.REVIEW, 60, "person_off"
    list_display = ("__str__", show.linked("case", _("case")), show.linked("user", _("person")))
    list_select_related = ("case", "user")


@admin.register(GoldenCase)
class GoldenCaseAdmin(BackofficeAdmin):
    """Marked and retired in the console."""

    menu, menu_order, icon = MenuGroup.REVIEW, 70, "star"
    list_display = (
        show.linked("case", _("case")),
        show.status("verdict", "kind", _("right verdict")),
        show.linked("queue", _("queue")),
        show.linked("marked_by", _("marked by")),
        show.moment("created_at", _("when")),
    )
    list_select_related = ("case", "queue", "marked_by")
    list_filter = (MadeFilter,)


class ReasonsOfLook(RelatedRows):
    model = LookReason
    columns = ("code", "by_first", "by_second")


class RulesOfLook(RelatedRows):
    model = LookRule
    columns = ("code",)


@admin.register(SecondLook)
class SecondLookAdmin(BackofficeAdmin):
    """Answered and adjudicated in the console."""

    menu, menu_order, icon = MenuGroup.REVIEW, 80, "compare"
    list_display = (
        show.moment("created_at", _("when")),
        "kind",
        show.linked("case", _("case")),
        "is_agreed",
        "is_first_right",
    )
    list_select_related = ("case",)
    list_filter = ("kind", MadeFilter)
    shown = (show.reference("model", "model_id", _("model version")),)
    inlines = (ReasonsOfLook, RulesOfLook)


@admin.register(LookReason)
class LookReasonAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.REVIEW, 81, "rule"
    list_display = ("code", show.linked("look", _("second look")), "by_first", "by_second")
    list_select_related = ("look",)


@admin.register(LookRule)
class LookRuleAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.REVIEW, 82, "rule"
    list_display = ("code", show.linked("look", _("second look")))
    list_select_related = ("look",)


class FilesOfNote(RelatedRows):
    model = NoteFile
    columns = (show.public_id("nfl"), "content_type", "size_bytes", "created_at")


@admin.register(CaseNote)
class CaseNoteAdmin(BackofficeAdmin):
    """Written and taken back on the case's page."""

    menu, menu_order, icon, prefix = MenuGroup.REVIEW, 70, "sticky_note_2", "not"
    kind = "note"
    list_display = (
        show.public_id("not"),
        show.linked("case", _("case")),
        show.linked("author", _("author")),
        show.moment("created_at", _("when")),
        show.moment("removed_at", _("taken back")),
    )
    list_select_related = ("case", "author")
    list_filter = (MadeFilter,)
    shown = (show.public_id("not"),)
    inlines = (FilesOfNote,)


@admin.register(NoteFile)
class NoteFileAdmin(BackofficeAdmin):
    """The file itself is opened in the console, where each look is recorded."""

    menu, menu_order, icon, prefix = MenuGroup.REVIEW, 75, "attach_file", "nfl"
    kind = "note_file"
    list_display = (
        show.public_id("nfl"),
        show.linked("note", _("note")),
        "content_type",
        "size_bytes",
        show.moment("created_at", _("uploaded")),
    )
    list_select_related = ("note",)
    list_filter = (MadeFilter,)
    shown = (show.public_id("nfl"),)


@admin.register(NoteMention)
class NoteMentionAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.REVIEW, 80, "alternate_email"
    list_display = ("handle", show.linked("note", _("note")), show.linked("user", _("person")))
    list_select_related = ("note", "user")


@admin.register(Reviewer)
class ReviewerAdmin(BackofficeAdmin):
    """Set by each person for themselves, in the console."""

    menu, menu_order, icon = MenuGroup.REVIEW, 90, "coffee"
    list_display = (
        show.linked("user", _("person")),
        show.moment("off_since", _("off since")),
        "break_minutes",
    )
    list_select_related = ("user",)
    ordering = ("user_id",)


class CasesOfSelection(RelatedRows):
    model = SelectedCase
    columns = (show.linked("case", _("case")), "result", "code")


@admin.register(Selection)
class SelectionAdmin(BackofficeAdmin):
    menu, menu_order, icon, prefix = MenuGroup.REVIEW, 70, "checklist", "sel"
    list_display = (
        show.public_id("sel"),
        show.linked("queue", _("queue")),
        show.linked("reviewer", _("reviewer")),
        show.moment("created_at", _("when")),
    )
    list_select_related = ("queue", "reviewer")
    list_filter = (MadeFilter,)
    shown = (show.public_id("sel"),)
    inlines = (CasesOfSelection,)


@admin.register(SelectedCase)
class SelectedCaseAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.REVIEW, 80, "checklist"
    list_display = ("position", show.linked("case", _("case")), "result", "code")
    list_select_related = ("case",)
    list_filter = ("result",)


@admin.register(BulkVerdict)
class BulkVerdictAdmin(BackofficeAdmin):
    menu, menu_order, icon = MenuGroup.REVIEW, 90, "done_all"
    list_display = (
        show.moment("created_at", _("when")),
        show.status("verdict", "kind", _("verdict")),
        show.linked("selection", _("selection")),
        "status",
    )
    list_select_related = ("selection",)
    list_filter = ("status",)


@admin.register(DeskMeasurement)
class DeskMeasurementAdmin(BackofficeAdmin):
    """What the desk's forecast rests on; a worker writes it every hour."""

    menu, menu_order, icon = MenuGroup.REVIEW, 70, "monitoring"
    list_display = ("__str__", show.moment("measured_at", _("measured")), "since")


@admin.register(Macro)
class MacroAdmin(BackofficeAdmin):
    """Written and removed in the console, by whoever keeps it."""

    menu, menu_order, icon, prefix = MenuGroup.REVIEW, 95, "bolt", "mac"
    list_display = (
        "name",
        show.public_id("mac"),
        show.status("verdict", "kind", _("verdict")),
        show.linked("owner", _("owner")),
        show.linked("queue", _("queue")),
        show.moment("created_at", _("when")),
        show.moment("removed_at", _("taken back")),
    )
    list_select_related = ("owner", "queue")
    list_filter = ("kind", MadeFilter)
    shown = (show.public_id("mac"),)
