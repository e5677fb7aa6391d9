"""Publish the starter rulesets as two people: one writes and backtests, the other approves."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_noop as _

from accounts.models import User
from risk import selectors, services
from risk.backtest.services import run_now
from risk.models import RuleSet, Subject

from . import applications, listings, merchants, orders

_STARTERS = {
    Subject.ORDER: (_("Starter rules for orders"), orders),
    Subject.LISTING: (_("Starter rules for listings"), listings),
    Subject.APPLICATION: (_("Starter rules for applications"), applications),
    Subject.MERCHANT: (_("Starter rules for merchant accounts"), merchants),
}


# The month before says what they would have held; a marketplace without history is told so in the result.
_TESTED_ON = timedelta(days=30)


def publish_starters(*, author: User, approver: User, at: datetime) -> list[RuleSet]:
    """Return what went live, each after a backtest; a subject that already has a live ruleset keeps it."""
    published = []
    for subject, (name, starter) in _STARTERS.items():
        if selectors.find_live(subject) is None:
            draft = services.create_draft(
                subject, name, rules=starter.RULES, policy=starter.POLICY, author=author
            )
            run_now(draft, since=at - _TESTED_ON, until=at, requested_by=author, at=at)
            services.activate_ruleset(draft, approver=approver, at=at)
            published.append(draft)
    return published
