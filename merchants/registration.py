"""Check company registration numbers by the algorithms of python-stdnum. Pure: no network, no database."""

import re
from functools import cache
from importlib import import_module
from types import ModuleType

# Country → modules of python-stdnum for the numbers its companies quote; any one that accepts is enough.
# us.ein knows only which prefixes the IRS assigns: an EIN has no check digit.
_CHECKERS: dict[str, tuple[str, ...]] = {
    "AT": ("at.uid", "at.businessid"),
    "AU": ("au.abn", "au.acn"),
    "BE": ("be.vat",),
    "BR": ("br.cnpj",),
    "CA": ("ca.bn",),
    "CH": ("ch.uid",),
    "CN": ("cn.uscc",),
    "CZ": ("cz.dic",),
    "DE": ("de.vat", "de.handelsregisternummer"),
    "DK": ("dk.cvr",),
    "ES": ("es.nif",),
    "FI": ("fi.ytunnus", "fi.alv"),
    "FR": ("fr.siren", "fr.siret", "fr.tva"),
    "GB": ("gb.vat",),
    "IE": ("ie.vat",),
    "IN": ("in_.gstin", "in_.pan"),
    "IT": ("it.iva",),
    "JP": ("jp.cn",),
    "KR": ("kr.brn",),
    "MX": ("mx.rfc",),
    "NL": ("nl.btw",),
    "NO": ("no.orgnr",),
    "PL": ("pl.nip", "pl.regon"),
    "PT": ("pt.nif",),
    "RU": ("ru.inn",),
    "SE": ("se.orgnr",),
    "SG": ("sg.uen",),
    "TR": ("tr.vkn",),
    "TW": ("tw.ubn",),
    "UA": ("ua.edrpou",),
    "US": ("us.ein",),
    "VN": ("vn.mst",),
}
_SEPARATORS = re.compile(r"[\s.\-/]+")


def check_registration(country: str, number: str) -> bool | None:
    """Return whether any checker of the country accepts the number; None where there is no checker.

    >>> check_registration("CN", "91110000600037341L"), check_registration("CN", "91110000600037341A")
    (True, False)
    >>> check_registration("FJ", "12345") is None
    True
    """
    names = _CHECKERS.get(country)
    if names is None or not number.strip():
        return None
    return any(_checker(name).is_valid(number.strip()) for name in names)


def normalise_registration(country: str, number: str) -> str:
    """Return one spelling per number, for matching: no separators, no country prefix, upper case.

    >>> normalise_registration("DE", "de 136.695 976")
    '136695976'
    """
    compact = _SEPARATORS.sub("", number).upper()
    return compact.removeprefix(country) if compact[:2] == country and compact[2:].isdigit() else compact


@cache
def _checker(name: str) -> ModuleType:
    # Imported when first asked for: the whole library would cost every process a quarter of a second.
    return import_module(f"stdnum.{name}")
