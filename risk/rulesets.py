"""From ruleset rows to something that runs: definitions, thresholds, the hash of both."""

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any

from .models import EntityList, Rule, RuleSet, RuleSetStatus
from .policy import Thresholds
from .rules.engine import CompiledRuleset, Effect, Mode, RuleDefinition, compile_ruleset
from .rules.errors import ExpressionError
from .rules.expression import parse
from .schemas import schema_of

# Two reviewers' morning, at a minute and a half a case: a rule that holds more in an hour is braked, because
# nobody could look at it all. Each policy may say otherwise.
HOLDS_PER_HOUR = 250


@dataclass(frozen=True)
class Policy:
    """How findings become an outcome.

    review_share      part of approvals reviewed at random, 0–1
    holds_per_hour    what one rule may hold or decline in an hour before the brake takes it out of effect
    """

    thresholds: Thresholds
    review_share: float = 0.0
    holds_per_hour: int = HOLDS_PER_HOUR

    def __post_init__(self) -> None:
        if not 0 <= self.review_share <= 1:
            raise ValueError("The share of approvals reviewed at random is between 0 and 1.")
        if self.holds_per_hour < 1:
            raise ValueError("A rule may hold at least one subject an hour.")


@dataclass(frozen=True)
class LiveRuleset:
    """A ruleset ready to judge; `content_hash` covers rules and policy."""

    id: int
    content_hash: str
    rules: CompiledRuleset
    policy: Policy


def compile_rows(ruleset: RuleSet) -> LiveRuleset:
    """Return the runnable form; RulesetError lists every condition that cannot be read. Two queries."""
    definitions = [definition_of(rule) for rule in ruleset.rules.all()]
    rules = compile_ruleset(definitions, schema_of(ruleset.subject), known_lists(archived=True))
    policy = policy_of(ruleset.policy)
    return LiveRuleset(ruleset.pk, hash_of(rules, policy), rules, policy)


def known_lists(*, archived: bool = False) -> dict[str, str]:
    """Return the lists that conditions may ask: code → kind.

    archived    those put away too: a published version that asked one still compiles, and finds it missing
    """
    lists = EntityList.objects.all() if archived else EntityList.objects.filter(archived_at=None)
    return dict(lists.values_list("code", "kind"))


def list_users_of(list_code: str) -> list[tuple[RuleSet, tuple[str, ...]]]:
    """Return the drafts, scheduled and live versions whose rules ask a list, with the rules' codes."""
    lists = known_lists(archived=True)
    users: dict[RuleSet, list[str]] = {}
    # The text of a condition that asks a list contains its code; the few that do are parsed to be sure.
    rules = Rule.objects.exclude(ruleset__status=RuleSetStatus.RETIRED).filter(condition__contains=list_code)
    for rule in rules.select_related("ruleset").order_by("ruleset_id", "position"):
        try:
            expression = parse(rule.condition, schema_of(rule.ruleset.subject), lists)
        except ExpressionError:
            continue  # it cannot go live as it is
        if any(probe.list_code == list_code for probe in expression.probes):
            users.setdefault(rule.ruleset, []).append(rule.code)
    return [(ruleset, tuple(codes)) for ruleset, codes in users.items()]


def draft_hash(ruleset: RuleSet) -> str:
    """Return what a ruleset's content is called, whatever its number and name: what a backtest tests."""
    return compile_rows(ruleset).content_hash


def definition_of(rule: Rule) -> RuleDefinition:
    """Return the rule as the language knows it; ValueError if it contradicts itself."""
    values = {field.name: getattr(rule, field.name) for field in fields(RuleDefinition)}
    return RuleDefinition(**{**values, "effect": Effect(rule.effect), "mode": Mode(rule.mode)})


def policy_of(stored: dict[str, Any]) -> Policy:
    """Read a stored policy; ValueError if its thresholds contradict each other."""
    return Policy(
        Thresholds(**stored["thresholds"]),
        float(stored.get("review_share", 0.0)),
        int(stored.get("holds_per_hour", HOLDS_PER_HOUR)),
    )


def stored_policy(policy: Policy) -> dict[str, Any]:
    """Return a policy as its column keeps it."""
    return asdict(policy)


def hash_of(rules: CompiledRuleset, policy: Policy) -> str:
    """Return the sha256 that names exactly this judgement.

    The customary cap of holds is left out, so that versions from before there was one keep their name.
    """
    content = asdict(policy)
    if policy.holds_per_hour == HOLDS_PER_HOUR:
        del content["holds_per_hour"]
    return sha256(json.dumps([rules.hash, content], sort_keys=True).encode()).hexdigest()
