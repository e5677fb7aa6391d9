"""What an applicant answers, cleaned into columns; personal data leaves here encrypted and fingerprinted."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from core import fingerprints
from core.encryption import encrypt
from core.errors import FieldError, ValidationFailed

from .bank_accounts import is_valid_account, normalise_account
from .contacts import clean_email, clean_phone
from .models import EntityType, MerchantApplication
from .registration import check_registration, normalise_registration
from .requirements import TERMS_VERSION

Columns = dict[str, Any]
# How each kind of entity is named in fingerprints; orders use the same names for devices and addresses.
DEVICE, IP, BANK_ACCOUNT, EMAIL, PHONE, REGISTRATION = (
    "device",
    "ip",
    "bank_account",
    "email",
    "phone",
    "registration",
)


@dataclass(frozen=True)
class ApplicationFields:
    """Answers as they were written; None leaves a field as it is.

    device_ref, ip   where the answers came from; kept as fingerprints only
    """

    company_name: str | None = None
    country: str | None = None
    entity_type: str | None = None
    category_code: str | None = None
    registration_number: str | None = None
    bank_account: str | None = None
    contact_email: str | None = None
    contact_phone: str | None = None
    terms_version: str | None = None
    device_ref: str | None = None
    ip: str | None = None

    @property
    def answered(self) -> frozenset[str]:
        """The codes of the requirements that these fields answer."""
        origin = {"device_ref", "ip"}
        return frozenset(
            one.name for one in fields(self) if one.name not in origin and getattr(self, one.name) is not None
        )


def clean_answers(answers: ApplicationFields, application: MerchantApplication) -> Columns:
    """Return the changed columns; ValidationFailed names every field that cannot be accepted."""
    country = application.country if answers.country is None else answers.country.strip().upper()
    columns: Columns = {}
    errors: list[FieldError] = []
    for name, clean in _CLEANERS.items():
        text = getattr(answers, name)
        if text is None:
            continue
        try:
            columns |= clean(text.strip(), country)
        except _Unacceptable as problem:
            errors.append(FieldError(f"/{name}", problem.code, problem.detail))
    if errors:
        raise ValidationFailed(errors)
    if answers.country is not None and answers.registration_number is None:
        # The same number means something else in another register.
        columns |= _registration(application.registration_number, country)
    return columns


class _Unacceptable(ValueError):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def _company_name(text: str, country: str) -> Columns:
    return {"company_name": _limited(text, 200)}


def _country(text: str, country: str) -> Columns:
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise _Unacceptable("invalid_country", _("Please choose a country."))
    return {"country": country}


def _entity_type(text: str, country: str) -> Columns:
    if text not in EntityType.values:
        raise _Unacceptable("invalid_choice", _("Please choose one of the options."))
    return {"entity_type": text}


def _category_code(text: str, country: str) -> Columns:
    return {"category_code": _limited(text, 40)}


def _registration(text: str, country: str) -> Columns:
    number = _limited(text, 40)
    key = f"{country}:{normalise_registration(country, number)}" if number else ""
    return {
        "registration_number": number,
        "is_registration_valid": check_registration(country, number),
        "registration_key": fingerprints.fingerprint_or_none(REGISTRATION, key),
    }


def _bank_account(text: str, country: str) -> Columns:
    account = normalise_account(text)
    if account and not is_valid_account(country, account):
        raise _Unacceptable(
            "invalid_bank_account", _("This is not a valid account number. Please check each digit.")
        )
    return _sealed("bank_account", BANK_ACCOUNT, account)


def _contact_email(text: str, country: str) -> Columns:
    address = clean_email(text) if text else ""
    if address is None:
        raise _Unacceptable("invalid_email", _("Please write an address like name@example.com."))
    return _sealed("contact_email", EMAIL, address)


def _contact_phone(text: str, country: str) -> Columns:
    number = clean_phone(text, country) if text else ""
    if number is None:
        raise _Unacceptable(
            "invalid_phone", _("Please write the number with its country code, like +86 10 6552 9988.")
        )
    return _sealed("contact_phone", PHONE, number)


def _terms_version(text: str, country: str) -> Columns:
    if text not in {"", TERMS_VERSION}:
        raise _Unacceptable("outdated_terms", _("The terms have changed. Please read them again."))
    return {"terms_version": text}


def _device(text: str, country: str) -> Columns:
    return {"device_key": fingerprints.fingerprint_or_none(DEVICE, text)}


def _ip(text: str, country: str) -> Columns:
    return {"ip_key": fingerprints.fingerprint_or_none(IP, text)}


def _limited(text: str, length: int) -> str:
    if len(text) > length:
        raise _Unacceptable("too_long", _("At most %(length)s characters.") % {"length": length})
    return text


def _sealed(column: str, kind: str, value: str) -> Columns:
    return {
        column: encrypt(value) if value else None,
        f"{column}_key": fingerprints.fingerprint_or_none(kind, value),
    }


_CLEANERS: dict[str, Callable[[str, str], Columns]] = {
    "company_name": _company_name,
    "country": _country,
    "entity_type": _entity_type,
    "category_code": _category_code,
    "registration_number": _registration,
    "bank_account": _bank_account,
    "contact_email": _contact_email,
    "contact_phone": _contact_phone,
    "terms_version": _terms_version,
    "device_ref": _device,
    "ip": _ip,
}
