"""The countries that merchants may apply from, named in the reader's language."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

COUNTRIES: dict[str, Promise] = {
    "AT": _("Austria"), "AU": _("Australia"), "BE": _("Belgium"), "BR": _("Brazil"), "CA": _("Canada"),
    "CH": _("Switzerland"), "CN": _("China"), "CZ": _("Czechia"), "DE": _("Germany"), "DK": _("Denmark"),
    "ES": _("Spain"), "FI": _("Finland"), "FR": _("France"), "GB": _("United Kingdom"), "HK": _("Hong Kong"),
    "ID": _("Indonesia"), "IE": _("Ireland"), "IN": _("India"), "IT": _("Italy"), "JP": _("Japan"),
    "KR": _("South Korea"), "MX": _("Mexico"), "MY": _("Malaysia"), "NL": _("Netherlands"), "NO": _("Norway"),
    "NZ": _("New Zealand"), "PH": _("Philippines"), "PL": _("Poland"), "PT": _("Portugal"), "SE": _("Sweden"),
    "SG": _("Singapore"), "TH": _("Thailand"), "TR": _("Türkiye"), "TW": _("Taiwan"), "UA": _("Ukraine"),
    "US": _("United States"), "VN": _("Vietnam"), "ZA": _("South Africa"),
}  # fmt: skip


def country_choices() -> list[tuple[str, str]]:
    """Return the choices for a select, in the order of the reader's language; the first line chooses none."""
    named = sorted(((code, str(name)) for code, name in COUNTRIES.items()), key=lambda pair: pair[1])
    return [("", str(_("Choose a country"))), *named]


def country_name(code: str) -> str:
    """Return a country's name, its code if we have none."""
    return str(COUNTRIES.get(code, code))
