"""Starter rules for merchant applications: nobody is rejected on a score alone."""

from django.utils.translation import gettext_noop as _

from risk.policy import Thresholds
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import Policy

POLICY = Policy(
    Thresholds(
        review_at=0.2, decline_at=0.9, points_review_at=40, points_decline_at=200, may_decline_on_score=False
    ),
    review_share=0.02,
)

RULES = (
    # The one hard rule: somebody we parted with comes back under the same number.
    RuleDefinition(
        code="R-APP-001",
        name=_("Terminated company"),
        condition="application.registration_is_terminated",
        effect=Effect.DECLINE,
        reason_code="terminated_entity",
    ),
    # What the applicant can cure goes back to the applicant.
    RuleDefinition(
        code="R-APP-010",
        name=_("Registration number fails its check digits"),
        condition="not application.registration_is_valid",
        effect=Effect.REVIEW,
        reason_code="registration_invalid",
        tag="ask_merchant",
    ),
    RuleDefinition(
        code="R-APP-011",
        name=_("Throw-away e-mail address"),
        condition="application.email_is_disposable",
        effect=Effect.REVIEW,
        reason_code="email_disposable",
        tag="ask_merchant",
    ),
    RuleDefinition(
        code="R-APP-012",
        name=_("No checker for the country’s registration numbers"),
        condition="application.registration_is_valid is missing",
        effect=Effect.REVIEW,
        reason_code="registration_unchecked",
    ),
    # Shared details are how rings show; families and agencies share them too, so people look.
    RuleDefinition(
        code="R-APP-020",
        name=_("Bank account of another applicant"),
        condition="bank_account_others_count >= 1",
        effect=Effect.POINTS,
        points=40,
        reason_code="bank_account_shared",
    ),
    RuleDefinition(
        code="R-APP-021",
        name=_("Detail shared with a bad applicant"),
        condition="bank_account_bad_count >= 1 or device_bad_count >= 1 or phone_bad_count >= 1",
        effect=Effect.REVIEW,
        reason_code="bank_account_shared",
    ),
    RuleDefinition(
        code="R-APP-022",
        name=_("Device of several applicants"),
        condition="device_others_count >= 2",
        effect=Effect.POINTS,
        points=30,
        reason_code="device_shared",
    ),
    RuleDefinition(
        code="R-APP-023",
        name=_("Phone number of another applicant"),
        condition="phone_others_count >= 1",
        effect=Effect.POINTS,
        points=25,
        reason_code="phone_shared",
    ),
    RuleDefinition(
        code="R-APP-024",
        name=_("Document of another applicant"),
        condition="document_reuse_count >= 1",
        effect=Effect.REVIEW,
        reason_code="document_reused",
    ),
    RuleDefinition(
        code="R-APP-030",
        name=_("Third attempt or later"),
        condition="application.attempt >= 3",
        effect=Effect.POINTS,
        points=20,
        reason_code="many_attempts",
    ),
)
