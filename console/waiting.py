"""What waits for an analyst: versions that this person could approve, and brakes that stand."""

from datetime import datetime

from accounts.models import User
from risk.models import FRESH_FOR, Backtest, Brake, RuleSet, RuleSetStatus
from risk.rules.errors import RulesetError
from risk.rulesets import draft_hash


def count_approvable(user: User, *, at: datetime) -> int:
    """Count the drafts of others that were backtested as they stand; one query, three more for each."""
    tested = (
        Backtest.objects.filter(
            kind=Backtest.Kind.RULESET,
            status=Backtest.Status.FINISHED,
            finished_at__gte=at - FRESH_FOR,
            ruleset__status=RuleSetStatus.DRAFT,
        )
        .exclude(ruleset__author=user)
        .exclude(ruleset__last_editor=user)
        .values_list("ruleset_id", "content_hash")
    )
    hashes: dict[int, set[str]] = {}
    for ruleset_id, content_hash in tested:
        hashes.setdefault(ruleset_id, set()).add(content_hash)
    drafts = RuleSet.objects.filter(pk__in=hashes) if hashes else ()
    return sum(_hash_of(draft) in hashes[draft.pk] for draft in drafts)


def count_brakes() -> int:
    return Brake.objects.filter(released_at=None).count()


def _hash_of(draft: RuleSet) -> str:
    try:
        return draft_hash(draft)
    except (RulesetError, ValueError):
        return ""
