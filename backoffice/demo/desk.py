"""What risk analysts find on their first day: a list, a draft with its backtest, last night's proof."""

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from risk import parity
from risk.backtest.services import run_now
from risk.list_files import NewEntry
from risk.models import ListKind, Subject
from risk.replay import Report, replay
from risk.rules.engine import Effect, RuleDefinition
from risk.rulesets import compile_rows
from risk.selectors import find_live
from risk.services import add_entries, copy_to_draft, create_list, save_policy, save_rule
from simulation import SampleMarketplace

from .people import get_person

_LISTED = 20
_TESTED_ON = timedelta(days=120)  # good outcomes mature after 45 days: a month has hardly any
_DRAFT_RULES = (
    RuleDefinition(
        code="R-ORD-060",
        name=_("Network address on the watch list"),
        condition='order.ip in list("watched_addresses")',
        effect=Effect.REVIEW,
        reason_code="velocity_ip",
        group="Lists",
    ),
    RuleDefinition(
        code="R-ORD-061",
        name=_("Ring of buyers with bad outcomes"),
        condition="linked_bad_buyers_30d_count >= 2 and order.amount > 100",
        effect=Effect.POINTS,
        points=40,
        reason_code="bad_history",
        group="Links",
    ),
)


def lay_out(sample: SampleMarketplace) -> None:
    """Make a list and a draft that is backtested and waits for a second person; measure parity."""
    analyst, now = get_person("analyst@example.com"), timezone.now()
    watched = create_list("watched_addresses", "Watched network addresses", kind=ListKind.IP, author=analyst)
    expiry = now + timedelta(days=90)
    entries = [NewEntry(ip, "Three bad orders or more", expiry) for ip in _worst_addresses(sample)]
    if entries:
        add_entries(watched, entries, author=analyst, comment="From the history")
    live = find_live(Subject.ORDER)
    assert live is not None
    draft = copy_to_draft(live, author=analyst)
    for rule in _DRAFT_RULES:
        save_rule(draft, rule, author=analyst)
    policy = compile_rows(draft).policy
    save_policy(draft, replace(policy, review_share=0.02), author=analyst)
    run_now(draft, since=now - _TESTED_ON, until=now, requested_by=analyst, at=now)
    measure_parity(now)


def measure_parity(at: datetime) -> None:
    """Compare what decisions were told with the set-based computation, as every night."""
    until = at + timedelta(minutes=1)
    parity.measure(since=until - timedelta(days=1), until=until, at=at)


def replay_all() -> Report:
    """Decide every stored decision again from its row."""
    return replay()


def _worst_addresses(sample: SampleMarketplace) -> list[str]:
    bad = sample.orders.filter(pl.col("is_bad") & pl.col("ip").is_not_null())
    counts = bad.group_by("ip").len().filter(pl.col("len") >= 3).sort(["len", "ip"], descending=[True, False])
    return counts["ip"].head(_LISTED).to_list()
