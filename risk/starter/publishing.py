"""Publish the starter rulesets as two people: one writes and backtests, the other approves."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_noop as _

from accounts.models import User
from risk import selectors, services
from risk.backtest.services import run_now
from risk.models import Backtest, RuleSet, Subject

from . import applications, listings, merchants, orders

# The month before says what they would have held; a marketplace without history is told so in the result.
BACKTESTED = timedelta(days=30)
_STARTERS = {
    Subject.ORDER: (_("Starter rules for orders"), orders),
    Subject.LISTING: (_("Starter rules for listings"), listings),
    Subject.APPLICATION: (_("Starter rules for applications"), applications),
    Subject.MERCHANT: (_("Starter rules for merchant accounts"), merchants),
}


def publish_starters(*, author: User, approver: User, at: datetime) -> list[RuleSet]:
    """Return what went live, each after a backtest; a subject that already has a live ruleset keeps it."""
    published = []
    for subject in _STARTERS:
        if selectors.find_live(subject) is None:
            draft = draft_starter(subject, author=author)
            publish(draft, author=author, approver=approver, at=at)
            published.append(draft)
    return published


def draft_starter(subject: Subject, *, author: User) -> RuleSet:
    """Return a new draft with the starter rules of a subject and their policy."""
    name, starter = _STARTERS[subject]
    return services.create_draft(subject, name, rules=starter.RULES, policy=starter.POLICY, author=author)


def publish(draft: RuleSet, *, author: User, approver: User, at: datetime) -> Backtest:
    """Backtest a draft on the last month, however little there is, and put it live; return the backtest.

    RuntimeError with its message if the backtest did not finish.
    """
    backtest = run_now(draft, since=at - BACKTESTED, until=at, requested_by=author, at=at)
    if backtest.status != Backtest.Status.FINISHED:
        raise RuntimeError(f"The backtest of {draft} did not finish: {backtest.message}")
    services.approve_ruleset(draft, backtest=backtest, approver=approver, at=at)
    return backtest
