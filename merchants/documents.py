"""Documents of an application: cleaned before they are kept, opened only under the eyes of the audit."""

from django.core.files.base import ContentFile
from django.utils.translation import gettext as _

from core import audit, journal
from core.actors import Actor
from core.errors import FieldError, ValidationFailed
from core.refs import Ref
from core.uploads import CleanFile, Upload, clean_document

from .models import Document, DocumentKind, MerchantApplication

# Enough for every kind and several better copies; more is a mistake or an attack on the disk.
MAX_DOCUMENTS = 20


def clean_upload(upload: Upload, kind: str) -> CleanFile:
    """Return the file as it may be kept; ValidationFailed with a pointer to its requirement."""
    pointer = f"/document_{kind}"
    if kind not in DocumentKind.values:
        raise ValidationFailed(
            [FieldError("/kind", "invalid_choice", _("Please choose one of the options."))]
        )
    return clean_document(upload, pointer=pointer)


def store_document(
    application: MerchantApplication, clean: CleanFile, kind: str, *, actor: Actor
) -> Document:
    """Write the file and its row, audited. A later rollback leaves an orphan file, never an orphan row."""
    if application.documents.count() >= MAX_DOCUMENTS:
        detail = _("There are too many files already.")
        raise ValidationFailed([FieldError(f"/document_{kind}", "too_many_files", detail)])
    document = Document(
        application=application,
        kind=kind,
        content_type=clean.content_type,
        size_bytes=len(clean.content),
        sha256=clean.sha256,
        uploaded_by_id=int(actor.id) if actor.kind == "user" else None,
    )
    # The uploader's file name is never kept: it may carry personal data, or a path.
    document.file.save(f"{document.pk}.{clean.extension}", ContentFile(clean.content), save=False)
    document.save(force_insert=True)
    audit.record(
        "document.added",
        actor=actor,
        subject=Ref("document", document.pk),
        detail={"application": application.pk, "kind": kind, "sha256": clean.sha256},
    )
    return document


def open_document(document: Document, *, actor: Actor) -> None:
    """Record that somebody opened a document; the door sends the file only after this."""
    with journal.unit():
        audit.record("document.opened", actor=actor, subject=Ref("document", document.pk))
