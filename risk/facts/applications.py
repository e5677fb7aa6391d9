"""Facts of merchant applications: what each says itself, and with whom it shares its details."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import phonenumbers

from core.encryption import decrypt
from core.refs import Ref
from merchants.bank_accounts import is_iban
from merchants.contacts import is_disposable
from merchants.models import (
    Document,
    EntityType,
    MerchantApplication,
    MerchantStatus,
)
from risk.schemas.applications import INPUTS

from . import Facts
from .application_links import read_neighbours
from .inputs import NAN, Vectors, flag, hash_of, stack

INPUT_NAMES = tuple(field.name for field in INPUTS)
FEATURE_HASH = hash_of(INPUTS, version=1)

_CHUNK = 200  # applications whose neighbours are read at once: 800 keys in one statement, and theirs


def gather(application: MerchantApplication, *, as_of: datetime) -> Facts:
    """Return the facts of an application; at most eight queries."""
    (facts,) = gather_many([application], [as_of])
    return facts


def gather_many(applications: Sequence[MerchantApplication], as_of: Sequence[datetime]) -> list[Facts]:
    """Return the facts of applications, each as of its moment; seven queries per 200, and one for each."""
    found = zip(applications, as_of, _read(applications, as_of), strict=True)
    return [_facts(application, moment, row) for application, moment, row in found]


def _facts(application: MerchantApplication, as_of: datetime, row: dict[str, float]) -> Facts:
    direct = _direct(application)
    return Facts(
        subject=Ref("application", application.pk),
        merchant_id=application.merchant_id,
        as_of=as_of,
        values={**row, **direct},
        direct=direct,
        vector=stack([row], INPUTS)[0],
        feature_hash=FEATURE_HASH,
        keys={"merchant": application.merchant_id},
    )


def read_inputs(applications: Sequence[MerchantApplication], as_of: Sequence[datetime]) -> Vectors:
    """Return (n, n_inputs) as `gather` would for each application and its moment; seven queries per 200."""
    return stack(_read(applications, as_of), INPUTS)


def _read(applications: Sequence[MerchantApplication], as_of: Sequence[datetime]) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    for start in range(0, len(applications), _CHUNK):
        part = applications[start : start + _CHUNK]
        moments = as_of[start : start + _CHUNK]
        neighbours = read_neighbours(part, moments)
        documents = _read_documents(part)
        rows += [
            {
                **_own(one),
                **neighbours.counts_of(one, moment),
                **neighbours.links_of(one, moment),
                **documents.of(one, moment),
            }
            for one, moment in zip(part, moments, strict=True)
        ]
    return rows


def _own(application: MerchantApplication) -> dict[str, float]:
    email = _open(application.contact_email)
    submitted_at = application.submitted_at or application.known_at
    return {
        "attempt": float(application.attempt),
        "registration_is_valid": flag(application.is_registration_valid),
        "email_is_disposable": flag(is_disposable(email) if email else None),
        "is_sole_trader": flag(application.entity_type == EntityType.SOLE_TRADER),
        "bank_country_differs": _bank_differs(application),
        "phone_country_differs": _phone_differs(application),
        "company_name_length": float(len(application.company_name)),
        "hours_since_signup": _hours_since_signup(application, submitted_at),
        "submitted_hour": float(submitted_at.hour),
    }


def _direct(application: MerchantApplication) -> dict[str, object]:
    """Return what only rules read; fit for JSON. One query."""
    email = _open(application.contact_email)
    return {
        "application.attempt": application.attempt,
        "application.country": application.country,
        "application.entity_type": application.entity_type,
        "application.category": application.category_code or None,
        "application.registration_is_valid": application.is_registration_valid,
        "application.registration_is_terminated": _is_terminated(application),
        "application.email_domain": email.rpartition("@")[2] or None,
        "application.email_is_disposable": is_disposable(email) if email else None,
    }


def _is_terminated(application: MerchantApplication) -> bool:
    if application.registration_key is None:
        return False
    same = MerchantApplication.objects.filter(
        registration_key=application.registration_key, merchant__status=MerchantStatus.TERMINATED
    )
    return same.exists()


# ── Documents ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class _Documents:
    """own: application → hashes of its documents; uses: hash → (merchant, application, known_at)."""

    own: Mapping[int, Sequence[str]]
    uses: Mapping[str, Sequence[tuple[int, int, datetime]]]

    def of(self, application: MerchantApplication, as_of: datetime) -> dict[str, float]:
        hashes = self.own.get(application.pk, ())
        others = {
            application_id
            for sha256 in hashes
            for merchant_id, application_id, known_at in self.uses.get(sha256, ())
            if merchant_id != application.merchant_id and known_at < as_of
        }
        return {"document_count": float(len(hashes)), "document_reuse_count": float(len(others))}


def _read_documents(applications: Sequence[MerchantApplication]) -> _Documents:
    own: dict[int, list[str]] = defaultdict(list)
    rows = Document.objects.filter(application__in=[one.pk for one in applications])
    for application_id, sha256 in rows.values_list("application_id", "sha256"):
        own[application_id].append(sha256)
    uses: dict[str, list[tuple[int, int, datetime]]] = defaultdict(list)
    hashes = {sha256 for all_of_one in own.values() for sha256 in all_of_one}
    if hashes:
        same = Document.objects.filter(sha256__in=hashes, application__submitted_at__isnull=False)
        for sha256, merchant_id, application_id, known_at in same.values_list(
            "sha256", "application__merchant_id", "application_id", "application__known_at"
        ):
            uses[sha256].append((merchant_id, application_id, known_at))
    return _Documents(own, uses)


# ── Own details ──────────────────────────────────────────────────────────────────────────────────
def _bank_differs(application: MerchantApplication) -> float:
    account = _open(application.bank_account)
    # Only an IBAN says which country it is in.
    return flag(account[:2] != application.country) if is_iban(account) else NAN


def _phone_differs(application: MerchantApplication) -> float:
    phone = _open(application.contact_phone)
    if not phone.startswith("+"):
        return NAN
    try:
        code = phonenumbers.parse(phone).country_code
    except phonenumbers.NumberParseException:
        return NAN
    # Calling codes, not regions: +1 is Canada's as much as the United States'.
    return flag(code != phonenumbers.country_code_for_region(application.country))


def _hours_since_signup(application: MerchantApplication, submitted_at: datetime) -> float:
    if application.applicant_id is None or application.applicant is None:
        return NAN
    return (submitted_at - application.applicant.date_joined).total_seconds() / 3600


def _open(sealed: bytes | memoryview | None) -> str:
    return "" if sealed is None else decrypt(sealed)
