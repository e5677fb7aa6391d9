"""Small real images for the sample: a document with its lines, a product as a simple shape."""

import io
from hashlib import blake2b

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw

_PAPER, _INK, _RULE = "#fbfaf6", "#22313a", "#c9c5ba"


def draw_document(*lines: str) -> "ContentFile[bytes]":
    """Return a page with a heading and lines under it; Latin letters and digits only."""
    image = Image.new("RGB", (840, 594), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((24, 24, 815, 569), outline=_RULE, width=3)
    for number, line in enumerate(lines):
        y = 70 + number * 92
        draw.text((64, y), line, fill=_INK, font_size=52 if number == 0 else 34)
        draw.line((64, y + 70, 776, y + 70), fill=_RULE, width=2)
    return _as_png(image)


def draw_product(reference: str) -> "ContentFile[bytes]":
    """Return a shape of its own colour: an image that repeats is a signal, and these must not."""
    red, green, blue, form = blake2b(reference.encode(), digest_size=4).digest()
    colour = (80 + red // 2, 80 + green // 2, 80 + blue // 2)
    image = Image.new("RGB", (480, 480), "#f2f1ed")
    draw = ImageDraw.Draw(image)
    inset = 70 + form % 60
    box = (inset, inset, 480 - inset, 480 - inset)
    if form % 3 == 0:
        draw.ellipse(box, fill=colour)
    elif form % 3 == 1:
        draw.rounded_rectangle(box, radius=40, fill=colour)
    else:
        draw.regular_polygon((240, 240, 230 - inset), 3 + form % 5, fill=colour)
    return _as_png(image)


def _as_png(image: Image.Image) -> "ContentFile[bytes]":
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return ContentFile(buffer.getvalue(), name="picture.png")
