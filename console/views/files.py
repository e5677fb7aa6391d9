"""Documents and images, shown to reviewers only; who looked at a document is on record."""

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.actors import actor_of
from accounts.permissions import Permission
from cases.appeals import get_appeal_file, open_appeal_file
from catalog.models import ListingRevision
from console.access import staff_page, user_of
from core.downloads import private_file
from core.errors import NotFound
from core.ids import decode
from merchants.documents import open_document
from merchants.models import Document, Membership


@require_safe
@staff_page(Permission.REVIEW_CASES)
def document(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Stream an applicant's document and note who saw it."""
    user = user_of(request)
    found = Document.objects.filter(pk=decode("doc", public_id)).select_related("application").first()
    if found is None or Membership.objects.filter(user=user, merchant=found.application.merchant_id).exists():
        raise NotFound("No such document.")
    open_document(found, actor=actor_of(user))
    return private_file(
        found.file,
        content_type=found.content_type,
        name=f"{found.kind}-{public_id}",
        as_attachment=not found.content_type.startswith("image/"),
    )


@require_safe
@staff_page(Permission.REVIEW_CASES)
def appeal_file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Stream a piece of evidence that came with an appeal and note who saw it."""
    user = user_of(request)
    found = get_appeal_file(decode("apf", public_id), None)
    if Membership.objects.filter(user=user, merchant_id=found.appeal.merchant_id).exists():
        raise NotFound("No such file.")
    open_appeal_file(found, actor=actor_of(user))
    is_image = found.content_type.startswith("image/")
    return private_file(
        found.file, content_type=found.content_type, name=public_id, as_attachment=not is_image
    )


@require_safe
@staff_page(Permission.REVIEW_CASES)
def image(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Stream the picture of a listing revision; uploads were re-encoded when they came."""
    found = ListingRevision.objects.filter(pk=decode("rev", public_id)).first()
    if found is None or not found.image:
        raise NotFound("No such image.")
    content_type = "image/png" if str(found.image.name).endswith(".png") else "image/jpeg"
    return private_file(found.image, content_type=content_type, name=public_id, as_attachment=False)
