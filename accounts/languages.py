"""The languages that a reviewer may be said to read, and a queue may ask for."""

from django.conf.locale import LANG_INFO
from django.utils.translation import gettext

# Where the marketplace's merchants write from; by Django's codes, whose names are translated already.
READABLE = (
    "ar",
    "de",
    "en",
    "es",
    "fr",
    "id",
    "it",
    "ja",
    "ko",
    "nl",
    "pl",
    "pt",
    "ru",
    "th",
    "tr",
    "vi",
    "zh-hans",
    "zh-hant",
)


def language_choices() -> list[tuple[str, str]]:
    """Return code and name of each, in the reader's language."""
    return [(code, gettext(LANG_INFO[code]["name"])) for code in READABLE]
