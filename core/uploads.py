"""Files from outside, made harmless before they are kept: told by their content, capped, re-encoded."""

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Protocol

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import FieldError, ValidationFailed

# 40 megapixels: twice what current phones take by default, and 160 MB when decoded.
MAX_PIXELS = 40_000_000
# What Pillow raises over damaged or hostile images.
_BROKEN_IMAGE = (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError)
_JPEG_QUALITY = 88


class Upload(Protocol):
    """What Django's UploadedFile and any open binary file with a size offer."""

    @property
    def size(self) -> int | None: ...

    def read(self) -> bytes: ...


@dataclass(frozen=True)
class CleanFile:
    """A file as it is kept. sha256 is that of `content`, so the same upload twice is recognised."""

    content: bytes
    content_type: str
    extension: str
    sha256: str


def clean_document(upload: Upload, *, pointer: str) -> CleanFile:
    """Return a PDF as it came, an image re-encoded without metadata; else ValidationFailed at `pointer`."""
    content = _read(upload, pointer)
    if content.startswith(b"%PDF-"):
        return _keep_pdf(content, pointer)
    return _reencode(content, pointer, max_side=4_000, kinds=_("a PDF, JPEG or PNG file"))


def clean_image(upload: Upload, *, pointer: str) -> CleanFile:
    """Return a JPEG or PNG re-encoded without metadata, 2,000 pixels a side at most."""
    return _reencode(_read(upload, pointer), pointer, max_side=2_000, kinds=_("a JPEG or PNG image"))


def _read(upload: Upload, pointer: str) -> bytes:
    limit = settings.UPLOAD_MAX_BYTES
    if (upload.size or 0) > limit:
        detail = _("The file is larger than %(limit)s MB.") % {"limit": limit // 1024 // 1024}
        raise _refuse(pointer, "file_too_large", detail)
    content = upload.read()
    if not content:
        raise _refuse(pointer, "file_empty", _("The file is empty."))
    return content


def _keep_pdf(content: bytes, pointer: str) -> CleanFile:
    # ISO 32000 ends a file with %%EOF; readers look for it in the last kilobyte. A cut-off upload has none.
    if b"%%EOF" not in content[-1024:]:
        raise _refuse(pointer, "file_unreadable", _("The file is damaged. Please export it again."))
    return CleanFile(content, "application/pdf", "pdf", sha256(content).hexdigest())


def _reencode(content: bytes, pointer: str, *, max_side: int, kinds: str) -> CleanFile:
    is_png = content.startswith(b"\x89PNG\r\n\x1a\n")
    if not is_png and not content.startswith(b"\xff\xd8\xff"):
        raise _refuse(pointer, "file_type", _("Please choose %(kinds)s.") % {"kinds": kinds})
    try:
        image = _decode(content, max_side, "PNG" if is_png else "JPEG")
    except _BROKEN_IMAGE as error:
        raise _refuse(
            pointer, "file_unreadable", _("The image cannot be read. Please save it again.")
        ) from error
    out = BytesIO()
    if is_png:
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=_JPEG_QUALITY)
    clean = out.getvalue()
    extension = "png" if is_png else "jpg"
    return CleanFile(clean, "image/png" if is_png else "image/jpeg", extension, sha256(clean).hexdigest())


def _decode(content: bytes, max_side: int, kind: str) -> Image.Image:
    with Image.open(BytesIO(content), formats=[kind]) as source:
        # Only the header is read so far: a bomb is refused before it is unpacked.
        if source.width * source.height > MAX_PIXELS:
            raise ValueError("too many pixels")
        upright = ImageOps.exif_transpose(source)
    image = Image.new("RGB", upright.size, "white")
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        image.paste(rgba, mask=rgba.getchannel("A"))
    else:
        image.paste(upright.convert("RGB"))
    image.thumbnail((max_side, max_side))
    return image


def _refuse(pointer: str, code: str, detail: str) -> ValidationFailed:
    return ValidationFailed([FieldError(pointer, code, detail)])
