"""Whole situations for the console's tests, made through the pipeline."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from cases.models import ReviewCase
from core.actors import SYSTEM
from core.ids import encode
from core.refs import Ref
from intake.pipeline import submit_order
from merchants.models import Merchant
from risk.models import RuleSet, RuleSetStatus
from tests.make import make_live_ruleset, make_merchant, make_model, make_new_order, make_rule


def ensure_rules() -> None:
    """Publish a rule that sends dear orders to review, once."""
    if not RuleSet.objects.filter(subject="order", status=RuleSetStatus.LIVE).exists():
        make_live_ruleset(
            make_rule(
                "order.amount >= 1000", code="R-DEAR", name="A dear order", reason_code="amount_unusual"
            ),
            make_rule("order.card_country == 'XX'", code="R-CARD", name="Odd card", reason_code="other"),
        )
        make_model(probability=0.12)


def held_case(merchant: Merchant | None = None, *, at: datetime | None = None, **order: Any) -> ReviewCase:
    """Return the queued case of an order that was held."""
    ensure_rules()
    at = at or timezone.now() - timedelta(minutes=5)
    order.setdefault("total", "1200.00")
    submission = submit_order(
        merchant or make_merchant(), make_new_order(at=at, **order), actor=SYSTEM, at=at
    )
    return ReviewCase.objects.select_related("queue", "decision").get(
        subject_kind="order", subject_id=submission.order.pk
    )


def blind(case: ReviewCase) -> ReviewCase:
    """Turn a case into one of the random sample."""
    ReviewCase.objects.filter(pk=case.pk).update(is_blind=True)
    case.is_blind = True
    return case


def public(case: ReviewCase) -> str:
    return encode("cas", case.pk)


def subject_of(case: ReviewCase) -> Ref:
    return Ref(case.subject_kind, case.subject_id)
