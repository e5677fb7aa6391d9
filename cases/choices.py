"""What a reviewer chooses from: reasons per subject in the order of their keys, and what can be asked for."""

from collections.abc import Mapping

from catalog.issues import FIELD_LABELS
from core.reasons import Reason, find_reason
from merchants.models import MerchantApplication
from merchants.progress import assess_application
from risk.models import Subject

from .models import ReviewCase

# Reasons that end a subject: what the merchant reads about them is a refusal, not a hold.
# Nine at most: each has a digit. Their places never change, so that fingers can learn them.
_REASONS: Mapping[str, tuple[str, ...]] = {
    Subject.ORDER: (
        "confirmed_fraud",
        "stolen_card",
        "card_testing",
        "account_taken_over",
        "collusion",
        "refund_abuse",
        "buyer_unreachable",
        "policy_violation",
        "other",
    ),
    Subject.LISTING: (
        "prohibited_goods",
        "banned_term",
        "duplicate_listing",
        "price_outlier",
        "image_missing",
        "image_reused",
        "required_field_missing",
        "policy_violation",
        "other",
    ),
    Subject.APPLICATION: (
        "registration_invalid",
        "document_missing",
        "document_unreadable",
        "document_reused",
        "bank_account_foreign",
        "linked_to_abuse",
        "terminated_entity",
        "policy_violation",
        "other",
    ),
    Subject.MERCHANT: ("confirmed_fraud", "policy_violation", "other"),
}
_LISTING_FIELDS = ("title", "description", "category", "price", "image")


def reasons_for(case: ReviewCase) -> list[Reason]:
    """Return the reasons a verdict on this case may give."""
    return reasons_of(case.subject_kind)


def reasons_of(subject: str) -> list[Reason]:
    """Return the reasons a verdict on a case of this subject may give."""
    return [find_reason(code) for code in _REASONS[subject]]


def requestable(case: ReviewCase) -> list[tuple[str, str]]:
    """Return what the merchant of this case can be asked for, code and name; two queries at most."""
    if case.subject_kind == Subject.LISTING:
        return [(name, str(FIELD_LABELS[name])) for name in _LISTING_FIELDS]
    if case.subject_kind != Subject.APPLICATION:
        return []
    application = MerchantApplication.objects.get(pk=case.subject_id)
    states = assess_application(application)
    return [(state.requirement.code, str(state.requirement.label)) for state in states]
