"""From ruleset rows to something that runs: definitions, thresholds, the hash of both."""

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any

from .models import Rule, RuleSet
from .policy import Thresholds
from .rules.engine import CompiledRuleset, Effect, Mode, RuleDefinition, compile_ruleset
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
    """Return the runnable form; RulesetError lists every condition that cannot be read. One query."""
    rules = compile_ruleset([definition_of(rule) for rule in ruleset.rules.all()], schema_of(ruleset.subject))
    policy = policy_of(ruleset.policy)
    return LiveRuleset(ruleset.pk, hash_of(rules, policy), rules, policy)


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
