"""Rulesets: many conditions with their effects, compiled once and run on one subject at a time."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import compress
from typing import TypedDict, TypeVar

from risk.rules.errors import ExpressionError, RulesetError
from risk.rules.expression import Expression, parse
from risk.rules.scalar import Judge, compile_conditions
from risk.rules.schema import Field, Schema

T = TypeVar("T")


class Mode(StrEnum):
    LIVE = "live"
    SHADOW = "shadow"  # evaluated and recorded, without effect
    OFF = "off"


class Effect(StrEnum):
    """What a rule does when its condition is true; the first three force an outcome."""

    DECLINE = "decline"
    REVIEW = "review"
    APPROVE = "approve"
    POINTS = "points"
    TAG = "tag"
    ROUTE = "route"


# The effects that judge, heaviest first: the order in which reasons are given.
_JUDGING = (Effect.DECLINE, Effect.REVIEW, Effect.POINTS, Effect.APPROVE)
_FORCING = frozenset({Effect.DECLINE, Effect.REVIEW, Effect.APPROVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDefinition:
    """One rule. It has one effect; a tag and a queue may ride along with any.

    points   more risk only: a rule that lowered them could hide another's signal
    """

    code: str
    name: str
    condition: str
    effect: Effect
    points: int = 0
    reason_code: str = ""
    mode: Mode = Mode.LIVE
    tag: str = ""
    queue: str = ""

    def __post_init__(self) -> None:
        if (self.effect == Effect.POINTS) != (self.points > 0) or self.points < 0:
            raise ValueError(f"{self.code}: points are above zero for the effect 'points', else zero.")
        if self.effect in _JUDGING and not self.reason_code:
            raise ValueError(f"{self.code}: the effect {self.effect.value!r} needs a reason code.")
        if self.effect == Effect.TAG and not self.tag:
            raise ValueError(f"{self.code}: the effect 'tag' needs a tag.")
        if self.effect == Effect.ROUTE and not self.queue:
            raise ValueError(f"{self.code}: the effect 'route' needs a queue.")


class EvaluationSnapshot(TypedDict):
    ruleset: str
    results: dict[str, bool | None]
    failed_rules: dict[str, str]
    misfit_facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a ruleset found about one subject.

    results        rule code → True, False, or None where an input was missing; shadow rules too
    hits           live rules that are true, in ruleset order
    failed_rules   rule code → what it raised; its result is None
    misfit_facts   field name → what was wrong with its fact, which was taken as missing
    """

    ruleset_hash: str
    results: dict[str, bool | None]
    hits: tuple[RuleDefinition, ...]
    failed_rules: dict[str, str]
    misfit_facts: dict[str, str]

    @property
    def is_degraded(self) -> bool:
        """Something failed, as opposed to being absent."""
        return bool(self.failed_rules or self.misfit_facts)

    @property
    def points(self) -> int:
        return sum(rule.points for rule in self.hits)

    @property
    def forced(self) -> frozenset[Effect]:
        return _FORCING.intersection(rule.effect for rule in self.hits)

    @property
    def tags(self) -> tuple[str, ...]:
        return _distinct(rule.tag for rule in self.hits if rule.tag)

    @property
    def queue(self) -> str | None:
        """Where a review goes, if a rule says so; the first in ruleset order wins."""
        return next((rule.queue for rule in self.hits if rule.queue), None)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reason codes of all hits, heaviest first."""
        return _distinct(reason for effect in _JUDGING for reason in self.reasons_for(effect))

    def reasons_for(self, effect: Effect) -> tuple[str, ...]:
        """Return the reason codes of the hits with this effect, most points first."""
        rules = sorted((rule for rule in self.hits if rule.effect == effect), key=lambda rule: -rule.points)
        return _distinct(rule.reason_code for rule in rules)

    def snapshot(self) -> EvaluationSnapshot:
        """Return what a decision stores as JSON; CompiledRuleset.restore() is the way back."""
        return {
            "ruleset": self.ruleset_hash,
            "results": self.results,
            "failed_rules": self.failed_rules,
            "misfit_facts": self.misfit_facts,
        }


@dataclass(frozen=True, slots=True)
class CompiledRuleset:
    """A ruleset ready to run. It never changes and shares no state, so threads may share it.

    rules         in ruleset order, those that are off included
    hash          SHA-256 of subject and rules, in hexadecimal
    fields_used   what the rules that are not off read; nothing else needs to be fetched
    """

    rules: tuple[RuleDefinition, ...]
    hash: str
    fields_used: tuple[Field, ...]
    _live: tuple[RuleDefinition, ...] = field(repr=False)
    _shadow: tuple[RuleDefinition, ...] = field(repr=False)
    _judge: Judge = field(repr=False, compare=False)

    def evaluate(self, facts: Mapping[str, object]) -> Evaluation:
        """Judge one subject by its facts, field name → value; None, NaN and absence are missing."""
        failed_rules: dict[str, str] = {}
        misfit_facts: dict[str, str] = {}
        results = self._judge(facts, misfit_facts, failed_rules)
        return self._evaluation(results, failed_rules, misfit_facts)

    def restore(self, snapshot: EvaluationSnapshot) -> Evaluation:
        """Return the evaluation that the snapshot was taken of, without judging again.

        Raises ValueError if the snapshot was taken with another ruleset.
        """
        if snapshot["ruleset"] != self.hash:
            raise ValueError(f"The snapshot belongs to ruleset {snapshot['ruleset']}, not {self.hash}.")
        # In our own order: a JSON column need not keep it.
        results = {rule.code: snapshot["results"][rule.code] for rule in (*self._live, *self._shadow)}
        return self._evaluation(results, snapshot["failed_rules"], snapshot["misfit_facts"])

    def _evaluation(
        self, results: dict[str, bool | None], failed_rules: dict[str, str], misfit_facts: dict[str, str]
    ) -> Evaluation:
        # Results begin with the live rules, and compress() ends with them.
        hits = tuple(compress(self._live, results.values()))
        return Evaluation(self.hash, results, hits, failed_rules, misfit_facts)


def compile_ruleset(rules: Sequence[RuleDefinition], schema: Schema) -> CompiledRuleset:
    """Read and compile the rules; their order decides between queues.

    Raises RulesetError with every condition that cannot be read, those of rules that are off
    included, and ValueError if two rules share a code.
    """
    if len({rule.code for rule in rules}) < len(rules):
        raise ValueError("Two rules of the ruleset have the same code.")
    expressions = _parse_all(rules, schema)
    live = tuple(rule for rule in rules if rule.mode == Mode.LIVE)
    shadow = tuple(rule for rule in rules if rule.mode == Mode.SHADOW)
    conditions = {rule.code: expressions[rule.code] for rule in (*live, *shadow)}
    return CompiledRuleset(
        rules=tuple(rules),
        hash=_content_hash(rules, schema),
        fields_used=_distinct(field for condition in conditions.values() for field in condition.fields),
        _live=live,
        _shadow=shadow,
        _judge=compile_conditions(conditions),
    )


def _parse_all(rules: Sequence[RuleDefinition], schema: Schema) -> dict[str, Expression]:
    expressions: dict[str, Expression] = {}
    errors: dict[str, ExpressionError] = {}
    for rule in rules:
        try:
            expressions[rule.code] = parse(rule.condition, schema)
        except ExpressionError as error:
            errors[rule.code] = error
    if errors:
        raise RulesetError(errors)
    return expressions


def _content_hash(rules: Sequence[RuleDefinition], schema: Schema) -> str:
    content = {"subject": schema.subject, "rules": [asdict(rule) for rule in rules]}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _distinct(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
