"""Imports of files: what was read, applied and refused."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import Permission
from console.access import staff_page
from console.pages import show
from console.paging import page_of
from core.downloads import private_file
from core.errors import NotFound
from core.ids import decode
from intake.models import ImportBatch


@require_safe
@staff_page(Permission.IMPORT_FILES)
def import_list(request: HttpRequest) -> HttpResponse:
    page = page_of(request, ImportBatch.objects.select_related("created_by"), keys=("-id",))
    return show(request, "console/import_list.html", {"page": page, "now": timezone.now()})


@require_safe
@staff_page(Permission.IMPORT_FILES)
def error_file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Send the rows that were refused, each with its code and sentence."""
    batch = ImportBatch.objects.filter(pk=decode("imp", public_id)).first()
    if batch is None or not batch.error_file:
        raise NotFound("No such file.")
    name = str(batch.error_file.name).rsplit("/", 1)[-1]
    return private_file(batch.error_file, content_type="text/csv", name=name)
