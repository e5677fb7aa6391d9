"""Images of listings: cleaned before they are kept, shown to strangers only once they are live."""

from django.core.files.base import ContentFile

from core.uploads import CleanFile, Upload, clean_image

from .models import ListingRevision


def clean_upload(upload: Upload) -> CleanFile:
    """Return the image as it may be kept; ValidationFailed at /image."""
    return clean_image(upload, pointer="/image")


def attach(revision: ListingRevision, clean: CleanFile) -> None:
    """Put a cleaned image into storage and onto the unsaved columns of a revision."""
    revision.image.save(
        f"{revision.pk}-{clean.sha256[:12]}.{clean.extension}", ContentFile(clean.content), save=False
    )
    revision.image_sha256 = clean.sha256


def content_type_of(revision: ListingRevision) -> str:
    """Return the type of a kept image: re-encoding leaves only two."""
    return "image/png" if str(revision.image.name).endswith(".png") else "image/jpeg"
