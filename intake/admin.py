"""Imports of files, for looking up."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core import admin_shown as show
from core.admin_base import BackofficeAdmin
from core.admin_menu import MenuGroup

from .models import ImportBatch


@admin.register(ImportBatch)
class ImportBatchAdmin(BackofficeAdmin):
    """The error file is fetched in the console, where access to it is recorded."""

    menu, menu_order, icon, prefix = MenuGroup.SYSTEM, 5, "upload_file", "imp"
    kind = "import"
    list_display = (
        "file_name",
        show.public_id("imp"),
        "mapping",
        show.status("import"),
        "rows_total",
        "rows_applied",
        "rows_failed",
        show.moment("created_at", _("started")),
    )
    list_filter = ("status", "mapping")
    search_fields = ("file_name__icontains", "content_sha256__exact")
    shown = (show.public_id("imp"), show.status("import"))
