"""Starter rules for listings."""

from django.utils.translation import gettext_noop as _

from risk.policy import Thresholds
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import Policy

POLICY = Policy(
    Thresholds(review_at=0.3, decline_at=0.97, points_review_at=40, points_decline_at=200),
    review_share=0.01,
)

RULES = (
    RuleDefinition(
        code="R-LST-001",
        name=_("Banned term"),
        condition="banned_term_count >= 1",
        effect=Effect.REVIEW,
        reason_code="banned_term",
    ),
    RuleDefinition(
        code="R-LST-010",
        name=_("Required field is empty"),
        condition="required_missing_count >= 1",
        effect=Effect.REVIEW,
        reason_code="required_field_missing",
        tag="ask_merchant",
    ),
    # A wrong decimal point is the most common cause, and the merchant sees it at once.
    RuleDefinition(
        code="R-LST-011",
        name=_("Price far outside the category’s"),
        condition="price_to_median > 20 or price_to_median < 0.05",
        effect=Effect.REVIEW,
        reason_code="price_outlier",
        tag="ask_merchant",
    ),
    RuleDefinition(
        code="R-LST-012",
        name=_("Unusual price"),
        condition="price_is_outlier == 1",
        effect=Effect.POINTS,
        points=25,
        reason_code="price_outlier",
    ),
    RuleDefinition(
        code="R-LST-013",
        name=_("Price jump against the version before"),
        condition="price_to_live > 3 or price_to_live < 0.3",
        effect=Effect.POINTS,
        points=40,
        reason_code="price_outlier",
    ),
    RuleDefinition(
        code="R-LST-020",
        name=_("Nearly the same title as another listing"),
        condition="is_near_duplicate == 1",
        effect=Effect.POINTS,
        points=40,
        reason_code="duplicate_listing",
    ),
    RuleDefinition(
        code="R-LST-021",
        name=_("Image of another merchant"),
        condition="image_reuse_count >= 1",
        effect=Effect.POINTS,
        points=30,
        reason_code="image_reused",
    ),
    RuleDefinition(
        code="R-LST-030",
        name=_("New merchant without approved listings"),
        condition="merchant_age_days < 7 and merchant_approved_count == 0",
        effect=Effect.POINTS,
        points=15,
        reason_code="new_merchant",
    ),
    RuleDefinition(
        code="R-LST-031",
        name=_("Listings of this merchant proved bad"),
        condition="merchant_bad_count >= 2",
        effect=Effect.POINTS,
        points=30,
        reason_code="bad_history",
    ),
    RuleDefinition(
        code="R-LST-032",
        name=_("Burst of listings"),
        condition="merchant_submitted_24h_count >= 200",
        effect=Effect.POINTS,
        points=20,
        reason_code="new_merchant",
    ),
)
