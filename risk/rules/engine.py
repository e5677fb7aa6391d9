"""Rulesets: many conditions with their effects, compiled once and run on one subject at a time."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from itertools import compress
from types import MappingProxyType
from typing import TYPE_CHECKING, NotRequired, TypedDict, TypeVar

from risk.rules.errors import ExpressionError, RulesetError
from risk.rules.expression import NO_LISTS, Expression, parse
from risk.rules.scalar import Judge, compile_conditions
from risk.rules.schema import Field, Schema
from risk.rules.tree import Probe

if TYPE_CHECKING:
    from risk.rules.columnar import ColumnJudge

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
_ADDED_LATER = {"group": "", "starts_at": None, "ends_at": None, "rollout_percent": 100}
_NONE_MUTED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDefinition:
    """One rule. It has one effect; a tag and a queue may ride along with any.

    points                more risk only: a rule that lowered them could hide another's signal
    group                 what it belongs to, for people
    starts_at, ends_at    when it has effect, the end not included; None is without a bound
    rollout_percent       the share of subjects on which it has effect, 0-100
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
    group: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    rollout_percent: int = 100

    def __post_init__(self) -> None:
        self._require_effect()
        self._require_schedule()

    @property
    def is_scheduled(self) -> bool:
        """It does not have effect always and on everybody."""
        return self.rollout_percent < 100 or self.starts_at is not None or self.ends_at is not None

    def muted_reason(self, *, at: datetime, stable_key: str) -> str | None:
        """Return why the rule has no effect on the subject now, or None if it has."""
        if self.starts_at is not None and at < self.starts_at:
            return "not_started"
        if self.ends_at is not None and at >= self.ends_at:
            return "ended"
        if self.rollout_percent < 100 and _share_of(self.code, stable_key) >= self.rollout_percent:
            return "rollout"
        return None

    def _require_effect(self) -> None:
        if (self.effect == Effect.POINTS) != (self.points > 0) or self.points < 0:
            raise ValueError(f"{self.code}: points are above zero for the effect 'points', else zero.")
        if self.effect in _JUDGING and not self.reason_code:
            raise ValueError(f"{self.code}: the effect {self.effect.value!r} needs a reason code.")
        if self.effect == Effect.TAG and not self.tag:
            raise ValueError(f"{self.code}: the effect 'tag' needs a tag.")
        if self.effect == Effect.ROUTE and not self.queue:
            raise ValueError(f"{self.code}: the effect 'route' needs a queue.")

    def _require_schedule(self) -> None:
        if not 0 <= self.rollout_percent <= 100:
            raise ValueError(f"{self.code}: the rollout is a share from 0 to 100 percent.")
        if any(moment.utcoffset() is None for moment in (self.starts_at, self.ends_at) if moment):
            raise ValueError(f"{self.code}: the start and the end need a time zone.")
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise ValueError(f"{self.code}: the end comes after the start.")


class EvaluationSnapshot(TypedDict):
    ruleset: str
    results: dict[str, bool | None]
    failed_rules: dict[str, str]
    misfit_facts: dict[str, str]
    muted: NotRequired[dict[str, str]]  # older snapshots have none


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a ruleset found about one subject.

    results        rule code → True, False, or None where an input was missing; shadow rules too
    hits           live rules that are true and not muted, in ruleset order
    failed_rules   rule code → what it raised; its result is None
    misfit_facts   field name → what was wrong with its fact, which was taken as missing
    muted          live rule's code → why it had no effect this time, like "snoozed" or "rollout"
    """

    ruleset_hash: str
    results: dict[str, bool | None]
    hits: tuple[RuleDefinition, ...]
    failed_rules: dict[str, str]
    misfit_facts: dict[str, str]
    muted: dict[str, str] = field(default_factory=dict)

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
            "muted": self.muted,
        }


@dataclass(frozen=True)
class CompiledRuleset:
    """A ruleset ready to run. It never changes and shares no state, so threads may share it.

    rules         in ruleset order, those that are off included
    hash          SHA-256 of subject and rules, in hexadecimal
    fields_used   what the rules that are not off read; nothing else needs to be fetched
    probes        what they ask lists; the answers belong into the facts, under the probes' names
    scheduled     live rules that do not have effect always and on everybody
    """

    rules: tuple[RuleDefinition, ...]
    hash: str
    fields_used: tuple[Field, ...]
    probes: tuple[Probe, ...]
    scheduled: tuple[RuleDefinition, ...]
    _live: tuple[RuleDefinition, ...] = field(repr=False)
    _shadow: tuple[RuleDefinition, ...] = field(repr=False)
    _conditions: Mapping[str, Expression] = field(repr=False, compare=False)
    _judge: Judge = field(repr=False, compare=False)

    @property
    def conditions(self) -> Mapping[str, Expression]:
        """What the rules that are not off ask, by code."""
        return self._conditions

    @cached_property
    def columns(self) -> "ColumnJudge":
        """What judges history by the same rules, live and shadow: one column per code."""
        from risk.rules.columnar import compile_columns  # loads Polars, which no decision needs

        return compile_columns(self._conditions)

    def evaluate(self, facts: Mapping[str, object], *, muted: Mapping[str, str] = _NONE_MUTED) -> Evaluation:
        """Judge one subject by its facts, field or probe name → value; None, NaN and absence are missing.

        muted   rule code → why it has no effect now; it is recorded like a shadow rule
        """
        failed_rules: dict[str, str] = {}
        misfit_facts: dict[str, str] = {}
        results = self._judge(facts, misfit_facts, failed_rules)
        return self._evaluation(results, failed_rules, misfit_facts, muted)

    def restore(self, snapshot: EvaluationSnapshot) -> Evaluation:
        """Return the evaluation that the snapshot was taken of, without judging again.

        Raises ValueError if the snapshot was taken with another ruleset.
        """
        if snapshot["ruleset"] != self.hash:
            raise ValueError(f"The snapshot belongs to ruleset {snapshot['ruleset']}, not {self.hash}.")
        # In our own order: a JSON column need not keep it.
        results = {rule.code: snapshot["results"][rule.code] for rule in (*self._live, *self._shadow)}
        failed_rules, misfit_facts = snapshot["failed_rules"], snapshot["misfit_facts"]
        return self._evaluation(results, failed_rules, misfit_facts, snapshot.get("muted", _NONE_MUTED))

    def _evaluation(
        self,
        results: dict[str, bool | None],
        failed_rules: dict[str, str],
        misfit_facts: dict[str, str],
        muted: Mapping[str, str],
    ) -> Evaluation:
        # Results begin with the live rules, and compress() ends with them.
        hits = tuple(compress(self._live, results.values()))
        silent: dict[str, str] = {}
        if muted:
            silent = {rule.code: muted[rule.code] for rule in self._live if rule.code in muted}
            hits = tuple(rule for rule in hits if rule.code not in silent)
        return Evaluation(self.hash, results, hits, failed_rules, misfit_facts, silent)


def muted_by_schedule(rules: Iterable[RuleDefinition], *, at: datetime, stable_key: str) -> dict[str, str]:
    """Return the rules without effect on a subject: code → "not_started", "ended" or "rollout".

    stable_key   what must always fall on the same side of a rollout, like a buyer's fingerprint
    """
    reasons = {rule.code: rule.muted_reason(at=at, stable_key=stable_key) for rule in rules}
    return {code: reason for code, reason in reasons.items() if reason is not None}


def _share_of(code: str, stable_key: str) -> int:
    """Return 0-99, evenly spread; each rule has a spread of its own, so that rollouts are independent."""
    digest = hashlib.blake2b(f"{code}|{stable_key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 100


def compile_ruleset(
    rules: Sequence[RuleDefinition], schema: Schema, lists: Mapping[str, str] = NO_LISTS
) -> CompiledRuleset:
    """Read and compile the rules; their order decides between queues.

    lists   the lists that they may ask: code → kind, as `risk.rules.expression.parse` takes it

    Raises RulesetError with every condition that cannot be read, those of rules that are off
    included, and ValueError if two rules share a code.
    """
    if len({rule.code for rule in rules}) < len(rules):
        raise ValueError("Two rules of the ruleset have the same code.")
    expressions = _parse_all(rules, schema, lists)
    live = tuple(rule for rule in rules if rule.mode == Mode.LIVE)
    shadow = tuple(rule for rule in rules if rule.mode == Mode.SHADOW)
    conditions = {rule.code: expressions[rule.code] for rule in (*live, *shadow)}
    return CompiledRuleset(
        rules=tuple(rules),
        hash=_content_hash(rules, schema),
        fields_used=_distinct(field for condition in conditions.values() for field in condition.fields),
        probes=_distinct(probe for condition in conditions.values() for probe in condition.probes),
        scheduled=tuple(rule for rule in live if rule.is_scheduled),
        _live=live,
        _shadow=shadow,
        _conditions=conditions,
        _judge=compile_conditions(conditions),
    )


def _parse_all(
    rules: Sequence[RuleDefinition], schema: Schema, lists: Mapping[str, str]
) -> dict[str, Expression]:
    expressions: dict[str, Expression] = {}
    errors: dict[str, ExpressionError] = {}
    for rule in rules:
        try:
            expressions[rule.code] = parse(rule.condition, schema, lists)
        except ExpressionError as error:
            errors[rule.code] = error
    if errors:
        raise RulesetError(errors)
    return expressions


def _content_hash(rules: Sequence[RuleDefinition], schema: Schema) -> str:
    content = {"subject": schema.subject, "rules": [_content(rule) for rule in rules]}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _content(rule: RuleDefinition) -> dict[str, object]:
    """Return what the hash covers. What came later counts where it is used: old rulesets keep their hash."""
    content = asdict(rule)
    for name, unused in _ADDED_LATER.items():
        value = content.pop(name)
        if value != unused:
            content[name] = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
    return content


def _distinct(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
