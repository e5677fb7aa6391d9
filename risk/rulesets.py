"""From ruleset rows to something that runs: definitions, thresholds, the hash of both."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

from .models import Rule, RuleSet
from .policy import Thresholds
from .rules.engine import CompiledRuleset, Effect, Mode, RuleDefinition, compile_ruleset
from .schemas import schema_of


@dataclass(frozen=True)
class Policy:
    """How findings become an outcome. `review_share`: part of approvals reviewed at random, 0–1."""

    thresholds: Thresholds
    review_share: float = 0.0


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


def definition_of(rule: Rule) -> RuleDefinition:
    return RuleDefinition(
        code=rule.code,
        name=rule.name,
        condition=rule.condition,
        effect=Effect(rule.effect),
        points=rule.points,
        reason_code=rule.reason_code,
        mode=Mode(rule.mode),
        tag=rule.tag,
        queue=rule.queue,
    )


def policy_of(stored: dict[str, object]) -> Policy:
    """Read a stored policy; ValueError if its thresholds contradict each other."""
    thresholds = Thresholds(**stored["thresholds"])  # type: ignore[arg-type]
    return Policy(thresholds, float(stored.get("review_share", 0.0)))  # type: ignore[arg-type]


def hash_of(rules: CompiledRuleset, policy: Policy) -> str:
    """Return the sha256 that names exactly this judgement."""
    return sha256(json.dumps([rules.hash, asdict(policy)], sort_keys=True).encode()).hexdigest()
