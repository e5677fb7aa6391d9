"""Send a private file so that no browser runs, caches or embeds it."""

from django.db.models.fields.files import FieldFile
from django.http import FileResponse


def private_file(
    file: FieldFile, *, content_type: str, name: str, as_attachment: bool = True
) -> FileResponse:
    """Return the file's response; `as_attachment=False` only for images that this house has re-encoded."""
    response = FileResponse(
        file.open("rb"), content_type=content_type, filename=name, as_attachment=as_attachment
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-store"
    return response
