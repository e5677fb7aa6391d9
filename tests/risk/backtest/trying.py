"""A draft beside what is live, and how tests try it."""

from typing import Any

from accounts.models import Role
from risk.backtest import services
from risk.models import Backtest, RuleSet
from risk.policy import Thresholds
from risk.rules.engine import Effect, Mode, RuleDefinition
from risk.rulesets import Policy
from risk.services import create_draft
from tests.make import NOON, make_rule, make_user
from tests.risk.backtest.histories import UNTIL

THRESHOLDS = Thresholds(review_at=0.3, decline_at=0.8, points_review_at=30, points_decline_at=100)
LIVE_RULES = (
    make_rule("order.amount > 1000", Effect.POINTS, code="R-1", points=40),
    make_rule("device_orders_7d_count >= 3", Effect.REVIEW, code="R-2"),
    make_rule("order.card_country == 'US'", Effect.DECLINE, code="R-3"),
)
TRIED_RULES = (
    make_rule("order.amount > 200", Effect.POINTS, code="R-1", points=40),
    make_rule("device_orders_7d_count >= 3", Effect.REVIEW, code="R-2"),
    make_rule("buyer_cards_7d_distinct >= 2", Effect.DECLINE, code="R-4"),
    make_rule("order.payment_status == 'unpaid'", Effect.REVIEW, code="R-5", mode=Mode.SHADOW),
    make_rule("order.shipping_country == 'DE'", Effect.APPROVE, code="R-6"),
    make_rule("true", Effect.DECLINE, code="R-7", mode=Mode.OFF),
    make_rule(
        "hours_between(order.placed_at, buyer.signed_up_at) < 10", Effect.POINTS, code="R-8", points=20
    ),
)


def make_draft(
    *rules: RuleDefinition, thresholds: Thresholds = THRESHOLDS, subject: str = "order"
) -> RuleSet:
    return create_draft(
        subject, "Tried", rules=rules, policy=Policy(thresholds), author=make_user(Role.RISK_ANALYST)
    )


def run_now(draft: RuleSet, **fields: Any) -> Any:
    """Return the backtest; its result is whatever JSON it holds."""
    fields.setdefault("since", NOON)
    fields.setdefault("until", UNTIL)
    return services.run_now(draft, requested_by=None, at=UNTIL, **fields)


def request(draft: RuleSet, **fields: Any) -> Backtest:
    fields = {"since": NOON, "until": UNTIL, "requested_by": None, "at": UNTIL, **fields}
    return services.request_backtest(draft, **fields)
