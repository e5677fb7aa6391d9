"""Starter rules for merchant accounts: they ask a person; one proposes a restriction.

There is no model of accounts: the account score itself is the score, 0.6 is where its high band begins.
"""

from django.utils.translation import gettext_noop as _

from risk.policy import Thresholds
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import Policy

POLICY = Policy(
    Thresholds(
        review_at=0.6, decline_at=0.95, points_review_at=40, points_decline_at=200, may_decline_on_score=False
    )
)


def _points(code: str, name: str, condition: str, points: int, reason: str) -> RuleDefinition:
    return RuleDefinition(
        code=code, name=name, condition=condition, effect=Effect.POINTS, points=points, reason_code=reason
    )


RULES = (
    # A decline proposes a restriction to a person. One order in five is no bad luck: card schemes call a
    # merchant excessive at one in a hundred.
    RuleDefinition(
        code="R-MER-001",
        name=_("Every fifth known order proved bad"),
        condition="known_orders_60d_count >= 30 and bad_orders_60d_share >= 0.2",
        effect=Effect.DECLINE,
        reason_code="bad_history",
    ),
    RuleDefinition(
        code="R-MER-010",
        name=_("Chargebacks beyond what card schemes tolerate"),
        condition="chargebacks_60d_count >= 5 and chargebacks_60d_share > 0.01",
        effect=Effect.REVIEW,
        reason_code="chargebacks_high",
    ),
    RuleDefinition(
        code="R-MER-011",
        name=_("Linked with several bad applications"),
        condition="linked_bad_within_two_count >= 2",
        effect=Effect.REVIEW,
        reason_code="linked_to_abuse",
    ),
    # A shop that fills up fast before it disappears: much more trade than before, from a young account.
    _points(
        "R-MER-020",
        _("Young account whose orders rose sharply"),
        "account_age_days < 90 and orders_7d_count >= 50 and orders_growth_7d > 5",
        40,
        "velocity_merchant",
    ),
    _points(
        "R-MER-021",
        _("Amount rose sharply"),
        "orders_7d_count >= 20 and amount_growth_7d > 8",
        25,
        "velocity_merchant",
    ),
    _points(
        "R-MER-022",
        _("Account score rose within a week"),
        "account_score_change_7d > 0.3",
        20,
        "score_elevated",
    ),
    # Orders handled badly are the other sign of it; alone they are the merchant's own business.
    _points(
        "R-MER-030",
        _("Many orders late"),
        "orders_60d_count >= 20 and late_60d_share > 0.25",
        20,
        "orders_neglected",
    ),
    _points(
        "R-MER-031",
        _("Many orders cancelled"),
        "orders_60d_count >= 20 and cancelled_60d_share > 0.2",
        20,
        "orders_neglected",
    ),
    _points(
        "R-MER-032",
        _("Many orders refunded"),
        "orders_60d_count >= 20 and refunded_60d_share > 0.2",
        25,
        "refunds_high",
    ),
    _points(
        "R-MER-040",
        _("Many listings rejected"),
        "rejected_listings_60d_count >= 10",
        20,
        "policy_violation",
    ),
)
