"""What an applicant must supply, from country and entity type, and how far they have come. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .bank_accounts import IBAN_COUNTRIES
from .models import DocumentKind, EntityType

# The terms an applicant agrees to; a new text gets a new version, and drafts must agree again.
TERMS_VERSION = "2026-11"
TERMS = "terms_version"


class Due(StrEnum):
    """When a requirement must be met: before submitting, or later without blocking."""

    CURRENT = "current"
    EVENTUALLY = "eventually"


class RequirementStatus(StrEnum):
    INCOMPLETE = "incomplete"
    PROVIDED = "provided"  # supplied, and nobody is checking it now
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"  # a reviewer or a rule asks for it again


@dataclass(frozen=True)
class Requirement:
    """One thing asked for. `code` is the field's name, "document_<kind>" for a document."""

    code: str
    label: Promise
    why: Promise
    due: Due = Due.CURRENT


@dataclass(frozen=True)
class RequirementState:
    """Where one requirement stands; `message` is the public sentence when it is asked for again."""

    requirement: Requirement
    status: RequirementStatus
    message: str = ""

    @property
    def is_blocking(self) -> bool:
        """Tell whether the application cannot be submitted because of this."""
        is_open = self.status in {RequirementStatus.INCOMPLETE, RequirementStatus.REJECTED}
        return is_open and self.requirement.due is Due.CURRENT


def document_code(kind: str) -> str:
    return f"document_{kind}"


def requirements_for(country: str, entity_type: str) -> tuple[Requirement, ...]:
    """Return everything asked of such an applicant, in the order of the wizard."""
    return (*_FIELDS, *_documents(country, entity_type), _TERMS)


def assess(
    country: str,
    entity_type: str,
    *,
    given: Collection[str],
    requested: Mapping[str, str],
    status: str,
) -> list[RequirementState]:
    """Return where each requirement stands.

    given       codes that are supplied
    requested   codes asked for again and not answered yet → the public sentence
    status      the application's state
    """
    asked = {requirement.code: requirement for requirement in requirements_for(country, entity_type)}
    # A reviewer may ask for a document that this kind of applicant does not owe by itself.
    extra = {code: _EXTRA[code] for code in requested if code not in asked and code in _EXTRA}
    return [
        _state_of(requirement, code in given, requested.get(code), status)
        for code, requirement in {**asked, **extra}.items()
    ]


def _state_of(requirement: Requirement, is_given: bool, message: str | None, status: str) -> RequirementState:
    if message is not None:
        return RequirementState(requirement, RequirementStatus.REJECTED, message)
    if not is_given:
        return RequirementState(requirement, RequirementStatus.INCOMPLETE)
    if status == "approved":
        return RequirementState(requirement, RequirementStatus.ACCEPTED)
    is_being_checked = status in {"submitted", "screening", "in_review"}
    return RequirementState(
        requirement, RequirementStatus.PENDING if is_being_checked else RequirementStatus.PROVIDED
    )


def _documents(country: str, entity_type: str) -> tuple[Requirement, ...]:
    # China licenses sole traders too (个体工商户营业执照); elsewhere a person shows who they are.
    is_licensed = country == "CN" or entity_type != EntityType.SOLE_TRADER
    first = _LICENCE if is_licensed else _IDENTITY
    # An IBAN proves itself by its check digits; a national account number needs a statement before pay-out.
    return (first,) if country in IBAN_COUNTRIES else (first, _BANK)


_LICENCE = Requirement(
    document_code(DocumentKind.LICENCE),
    _("Business licence"),
    _("We compare the company name and number with the register."),
)
_IDENTITY = Requirement(
    document_code(DocumentKind.IDENTITY),
    _("Proof of identity"),
    _("A sole trader is liable in person, so we check who you are."),
)
_BANK = Requirement(
    document_code(DocumentKind.BANK),
    _("Bank statement"),
    _("It shows that the account is yours. Needed before your first payout."),
    Due.EVENTUALLY,
)
_FIELDS = (
    Requirement("country", _("Country"), _("The country decides what else we have to ask.")),
    Requirement(
        "entity_type", _("Entity type"), _("Companies and sole traders prove themselves differently.")
    ),
    Requirement("company_name", _("Company name"), _("Buyers see who they buy from.")),
    Requirement(
        "registration_number",
        _("Registration number"),
        _("It identifies your business in the public register."),
    ),
    Requirement("category_code", _("Main category"), _("Some goods need extra papers.")),
    Requirement("contact_email", _("Contact e-mail"), _("We write here about your application.")),
    Requirement("contact_phone", _("Contact phone"), _("We call only when something is urgent.")),
    Requirement("bank_account", _("Bank account"), _("Your payouts go there.")),
)
_TERMS = Requirement(TERMS, _("Seller terms"), _("They say what you and the marketplace owe each other."))
_EXTRA = {requirement.code: requirement for requirement in (_LICENCE, _IDENTITY, _BANK)}
