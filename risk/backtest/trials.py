"""What a backtest tries against what: two rulesets ready to judge."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.errors import Conflict, FieldError, ValidationFailed
from risk.models import Backtest, RuleSet
from risk.policy import Thresholds
from risk.rules.engine import Mode, RuleDefinition, compile_ruleset
from risk.rules.errors import RulesetError
from risk.rulesets import LiveRuleset, compile_rows, hash_of, known_lists
from risk.schemas import schema_of


@dataclass(frozen=True)
class Trial:
    """The candidate, and what was live when the backtest was requested (None = nothing)."""

    candidate: LiveRuleset
    live: LiveRuleset | None


def build_trial(
    ruleset: RuleSet,
    live: RuleSet | None,
    *,
    kind: str,
    rule_code: str = "",
    thresholds: dict[str, Any] | None = None,
) -> Trial:
    """Compile what is tried; ValidationFailed says what of it cannot be.

    ruleset       the rules as they stand
    rule          what is live with this one rule added or put in place of its namesake, and with effect
    thresholds    the rules as they stand under other thresholds; what is left out stays
    """
    base, baseline = _compile(ruleset), None if live is None else _compile(live)
    if kind == Backtest.Kind.RULE:
        return Trial(_with_rule(base, baseline, rule_code, ruleset.subject), baseline)
    if kind == Backtest.Kind.THRESHOLDS:
        return Trial(_with_thresholds(base, thresholds or {}), baseline)
    return Trial(base, baseline)


def restore_trial(backtest: Backtest) -> Trial:
    """Compile again what a backtest was requested for; Conflict if its draft was changed since."""
    trial = build_trial(
        backtest.ruleset,
        backtest.baseline,
        kind=backtest.kind,
        rule_code=backtest.rule_code,
        thresholds=backtest.thresholds,
    )
    if trial.candidate.content_hash != backtest.content_hash:
        raise Conflict(
            "The draft was changed after this backtest was requested; please request it again.",
            code="draft_changed",
        )
    return trial


def _compile(ruleset: RuleSet) -> LiveRuleset:
    try:
        return compile_rows(ruleset)
    except RulesetError as error:
        raise ValidationFailed([FieldError("/rules", "invalid_condition", str(error))]) from error
    except KeyError as error:
        detail = "There are no rules on this kind of subject."
        raise ValidationFailed([FieldError("/subject", "unknown_subject", detail)]) from error


def _with_rule(base: LiveRuleset, live: LiveRuleset | None, code: str, subject: str) -> LiveRuleset:
    found = next((rule for rule in base.rules.rules if rule.code == code), None)
    if found is None:
        raise ValidationFailed([FieldError("/rule_code", "unknown_rule", f"There is no rule {code!r}.")])
    tried = replace(found, mode=Mode.LIVE)
    if live is None:
        return _rebuilt(base, [tried], subject)
    kept = [tried if rule.code == code else rule for rule in live.rules.rules]
    return _rebuilt(live, kept if tried in kept else [*kept, tried], subject)


def _rebuilt(base: LiveRuleset, rules: Iterable[RuleDefinition], subject: str) -> LiveRuleset:
    compiled = compile_ruleset(list(rules), schema_of(subject), known_lists(archived=True))
    return replace(base, rules=compiled, content_hash=hash_of(compiled, base.policy))


def _with_thresholds(base: LiveRuleset, changes: dict[str, Any]) -> LiveRuleset:
    try:
        thresholds: Thresholds = replace(base.policy.thresholds, **changes)
    except (TypeError, ValueError) as error:
        raise ValidationFailed([FieldError("/thresholds", "invalid", str(error))]) from error
    policy = replace(base.policy, thresholds=thresholds)
    return replace(base, policy=policy, content_hash=hash_of(base.rules, policy))
