"""What the system found about a subject: rules with their values, what was missing, what moved the score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext_lazy

from core.ui.formats import DEFAULT_DECLINE_AT, DEFAULT_REVIEW_AT
from risk.accounts import HIGH_AT, MEDIUM_AT
from risk.explain import ExplanationView, explanation_of
from risk.models import Decision, Rule, RuleSet, Subject
from risk.rules.errors import ExpressionError
from risk.rules.expression import parse
from risk.schemas import schema_of
from risk.selectors import features_of

from .wording import condition_words, input_label, input_sentence, value_text

# Beyond this an input moved the score by less than a point: noise to a reader.
_SMALLEST_LOG_ODDS = 0.03
_CONTRIBUTIONS = 8


@dataclass(frozen=True)
class Finding:
    """One rule on one subject: its condition in words, and the values it saw."""

    rule: Rule
    words: str
    values: Sequence[tuple[str, str]]
    missing: Sequence[str]


@dataclass(frozen=True)
class Signals:
    """Everything the signals pane shows.

    muted                   rules that matched without effect, each with the reason in words
    flip_words              what would have had to be otherwise for another outcome, or why nothing is told
    review_at, decline_at   the policy's thresholds on the score; of a merchant account, where the bands begin
                            that its alerts speak of
    """

    decision: Decision
    matched: Sequence[Finding]
    muted: Sequence[tuple[Finding, str]]
    shadow: Sequence[Finding]
    unanswered: Sequence[Finding]
    silent_count: int
    contributions: Sequence[Mapping[str, Any]]
    flip_words: str
    failures: Sequence[str]
    ruleset: RuleSet | None
    review_at: float
    decline_at: float

    @cached_property
    def missing_inputs(self) -> list[str]:
        """What rules asked for and did not get, each once."""
        return list(dict.fromkeys(name for finding in self.unanswered for name in finding.missing))


def read_signals(decision: Decision) -> Signals:
    """Return a decision's signals; four queries, and the explanation if no worker has written it yet."""
    ruleset = _ruleset_of(decision)
    evaluation = decision.snapshot.get("evaluation") or {}
    results: Mapping[str, bool | None] = evaluation.get("results", {})
    rules = {rule.code: rule for rule in ruleset.rules.all()} if ruleset else {}
    reader = _Reader(decision)
    muted: Mapping[str, str] = evaluation.get("muted") or {}
    found: dict[str, list[Finding]] = {"true": [], "shadow": [], "none": []}
    silenced: list[tuple[Finding, str]] = []
    for code, result in results.items():
        if result and code in rules and code in muted:
            silenced.append((reader.read(rules[code]), _muted_words(muted[code])))
        elif result is not False and code in rules:
            place = "none" if result is None else "true" if rules[code].mode == "live" else "shadow"
            found[place].append(reader.read(rules[code]))
    review_at, decline_at = _bands_of(decision, ruleset)
    explanation = explanation_of(decision)
    return Signals(
        decision=decision,
        matched=sorted(found["true"], key=lambda finding: _WEIGHTS.get(finding.rule.effect, 9)),
        muted=silenced,
        shadow=found["shadow"],
        unanswered=found["none"],
        silent_count=sum(result is False for result in results.values()),
        contributions=_contributions(decision, explanation),
        flip_words=explanation.flip_words if explanation else "",
        failures=[*decision.degraded, *evaluation.get("failed_rules", {})],
        ruleset=ruleset,
        review_at=review_at,
        decline_at=decline_at,
    )


def _bands_of(decision: Decision, ruleset: RuleSet | None) -> tuple[float, float]:
    if decision.subject_kind == Subject.MERCHANT:
        return MEDIUM_AT, HIGH_AT
    thresholds = ruleset.policy.get("thresholds", {}) if ruleset else {}
    return thresholds.get("review_at", DEFAULT_REVIEW_AT), thresholds.get("decline_at", DEFAULT_DECLINE_AT)


def _ruleset_of(decision: Decision) -> RuleSet | None:
    if decision.ruleset_id is None:
        return None
    return RuleSet.objects.prefetch_related("rules").filter(pk=decision.ruleset_id).first()


_WEIGHTS = {"decline": 0, "review": 1, "points": 2, "approve": 3}


class _Reader:
    """Reads rules against the values that one decision saw."""

    def __init__(self, decision: Decision) -> None:
        self._schema = schema_of(decision.subject_kind)
        self._values = _values_of(decision)

    def read(self, rule: Rule) -> Finding:
        try:
            expression = parse(rule.condition, self._schema)
        except ExpressionError:  # a field this version no longer declares
            return Finding(rule, rule.condition, (), ())
        seen = [(field, self._values.get(field.name)) for field in expression.fields]
        return Finding(
            rule=rule,
            words=condition_words(expression.root),
            values=[
                (input_label(field.name, field), value_text(field.name, value, field))
                for field, value in seen
            ],
            missing=[input_label(field.name, field) for field, value in seen if _is_missing(value)],
        )


def _is_missing(value: object) -> bool:
    return value is None or value != value  # NaN differs from itself


def _values_of(decision: Decision) -> dict[str, object]:
    values: dict[str, object] = dict(decision.snapshot.get("values", {}))
    try:
        features = features_of(decision)
    except ValueError:  # the inputs of an older version: what is left is still worth showing
        return values
    return {**dict(zip(features.names, map(float, features.vector), strict=True)), **values}


def _muted_words(reason: str) -> str:
    return str(_MUTED.get(reason, reason))


_MUTED = {
    "snoozed": gettext_lazy("snoozed for one of the parties"),
    "braked": gettext_lazy("braked"),
    "rollout": gettext_lazy("outside the share of subjects it applies to"),
    "not_started": gettext_lazy("its start had not come"),
    "ended": gettext_lazy("its end had passed"),
}


def _contributions(decision: Decision, explanation: ExplanationView | None) -> list[Mapping[str, Any]]:
    fields = {field.name: field for field in schema_of(decision.subject_kind).fields}
    rows: list[Mapping[str, Any]] = []
    for contribution in (explanation.contributions if explanation else ())[:_CONTRIBUTIONS]:
        if abs(contribution.log_odds) >= _SMALLEST_LOG_ODDS:
            text, detail = input_sentence(
                contribution.name, contribution.value, fields.get(contribution.name)
            )
            rows.append({"label": text, "detail": detail, "value": contribution.log_odds})
    return rows
