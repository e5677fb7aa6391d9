"""How far an application has come: its row read into the pure requirements."""

from core.reasons import find_reason

from .models import MerchantApplication
from .requirements import TERMS, TERMS_VERSION, RequirementState, assess, document_code

_COLUMNS = (
    "country",
    "entity_type",
    "company_name",
    "registration_number",
    "category_code",
    "contact_email",
    "contact_phone",
    "bank_account",
)


def assess_application(application: MerchantApplication) -> list[RequirementState]:
    """Return where each requirement of an application stands; one query, for its documents."""
    return assess(
        application.country,
        application.entity_type,
        given=given_codes(application),
        requested=unanswered_items(application),
        status=application.status,
    )


def given_codes(application: MerchantApplication) -> set[str]:
    """Return the codes of the requirements that are supplied."""
    given = {name for name in _COLUMNS if getattr(application, name)}
    given |= {document_code(document.kind) for document in application.documents.all()}
    if application.terms_version == TERMS_VERSION:
        given.add(TERMS)
    return given


def unanswered_items(application: MerchantApplication) -> dict[str, str]:
    """Return what was asked for again and not answered yet: requirement code → public sentence."""
    return {
        item["requirement"]: item["message"] or str(find_reason(item["code"]).merchant)
        for item in application.requested_items
        if not item["is_answered"]
    }
