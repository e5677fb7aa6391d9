"""Uploads are told by their content, capped, re-encoded, and opened only under audit."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from core.actors import SYSTEM, Actor
from core.errors import ValidationFailed
from core.models import AuditEntry
from merchants import services
from merchants.documents import open_document
from tests.make import make_application, make_image, make_upload

pytestmark = pytest.mark.django_db


def refusal(upload: SimpleUploadedFile) -> str:
    with pytest.raises(ValidationFailed) as error:
        services.add_document(make_application(), upload, "licence", actor=SYSTEM)
    (problem,) = error.value.errors
    assert problem.pointer == "/document_licence"
    return problem.code


def png_claiming(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header promises that many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def test_type_is_told_by_content_not_by_name() -> None:
    disguised = SimpleUploadedFile("licence.pdf", b"MZ\x90\x00 not a document", "application/pdf")
    assert refusal(disguised) == "file_type"
    honest = SimpleUploadedFile("licence.exe", make_upload().read(), "application/x-msdownload")
    document = services.add_document(make_application(), honest, "licence", actor=SYSTEM)
    assert document.content_type == "application/pdf"
    assert document.file.name is not None
    assert "licence" not in document.file.name


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"", "file_empty", id="empty"),
        pytest.param(b"%PDF-1.7 cut off", "file_unreadable", id="cut-off pdf"),
        pytest.param(b"\xff\xd8\xff broken", "file_unreadable", id="broken jpeg"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "file_type", id="svg"),
        pytest.param(b"GIF89a....", "file_type", id="gif"),
        pytest.param(png_claiming(60_000, 60_000), "file_unreadable", id="decompression bomb"),
    ],
)
def test_refused(content: bytes, code: str) -> None:
    assert refusal(SimpleUploadedFile("file", content)) == code


def test_too_large_is_refused_before_it_is_read(settings: Any) -> None:
    draft = make_application()
    settings.UPLOAD_MAX_BYTES = 20
    with pytest.raises(ValidationFailed) as error:
        services.add_document(draft, make_upload(b"x" * 100), "licence", actor=SYSTEM)
    assert error.value.errors[0].code == "file_too_large"


def test_images_lose_their_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    out = BytesIO()
    Image.new("RGB", (20, 20)).save(out, "JPEG", exif=exif)
    upload = SimpleUploadedFile("photo.jpg", out.getvalue() + b"<script>trailing</script>")
    document = services.add_document(make_application(), upload, "licence", actor=SYSTEM)
    kept = document.file.read()
    assert b"where I live" not in kept
    assert b"script" not in kept
    assert document.content_type == "image/jpeg"


def test_same_file_has_the_same_hash() -> None:
    first, second = (
        services.add_document(make_application(), make_image(), "licence", actor=SYSTEM) for _ in range(2)
    )
    assert first.sha256 == second.sha256
    assert first.file.name != second.file.name


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationFailed):
        services.add_document(make_application(), make_upload(), "selfie", actor=SYSTEM)


def test_opening_is_audited() -> None:
    document = services.add_document(make_application(), make_upload(), "licence", actor=SYSTEM)
    open_document(document, actor=Actor("user", "7"))
    entry = AuditEntry.objects.get(action="document.opened")
    assert (entry.actor_id, entry.subject_id) == ("7", document.pk)
