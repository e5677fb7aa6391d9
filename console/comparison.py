"""What differs between two versions of a subject, in words, as rows that a diff shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.reasons import find_reason
from core.ui.formats import number_text
from risk.differences import RulesetDiff, diff_rulesets
from risk.differences import compare as compare_rules
from risk.models import Effect, RuleMode, RuleSet
from risk.rules.engine import RuleDefinition
from risk.rulesets import definition_of, policy_of

Row = tuple[str | Promise, object, object]

# Attribute → its label, in the order in which a reader wants to know.
_ASPECTS: Mapping[str, Promise] = {
    "condition": gettext_lazy("Condition"),
    "effect": gettext_lazy("Effect"),
    "points": gettext_lazy("Points"),
    "mode": gettext_lazy("Mode"),
    "name": gettext_lazy("Name"),
    "reason_code": gettext_lazy("Reason"),
    "queue": gettext_lazy("Queue"),
    "tag": gettext_lazy("Tag"),
    "group": gettext_lazy("Group"),
    "starts_at": gettext_lazy("Starts"),
    "ends_at": gettext_lazy("Ends"),
    "rollout_percent": gettext_lazy("Share of subjects"),
}
_POLICY: Mapping[str, Promise] = {
    "thresholds.review_at": gettext_lazy("Review from score"),
    "thresholds.decline_at": gettext_lazy("Decline from score"),
    "thresholds.may_decline_on_score": gettext_lazy("The score may decline"),
    "thresholds.points_review_at": gettext_lazy("Review from points"),
    "thresholds.points_decline_at": gettext_lazy("Decline from points"),
    "review_share": gettext_lazy("Approvals reviewed at random"),
    "holds_per_hour": gettext_lazy("Holds of one rule in an hour"),
}


@dataclass(frozen=True)
class RuleDifference:
    """One rule that one version has otherwise. `kind`: added, removed or changed."""

    kind: str
    rule: RuleDefinition
    rows: Sequence[Row]

    @property
    def facts(self) -> list[tuple[str | Promise, object]]:
        """What the rule says, for one that only one of the versions has."""
        return [(label, after or before) for label, before, after in self.rows]


@dataclass(frozen=True)
class Comparison:
    """From `old` to `new`. `is_reordered`: what both have stands in another order."""

    old: RuleSet | None
    new: RuleSet
    rules: Sequence[RuleDifference]
    policy: Sequence[Row]
    same_count: int
    is_reordered: bool
    is_empty: bool

    @property
    def counts(self) -> dict[str, int]:
        kinds = [one.kind for one in self.rules]
        return {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}


def compare(old: RuleSet | None, new: RuleSet) -> Comparison:
    """Return what leads from one version to another; None compares with no rules. Two queries."""
    diff = diff_rulesets(old, new) if old else _all_new(new)
    changed = [RuleDifference("changed", one.after, _rows(one.before, one.after)) for one in diff.changed]
    added = [RuleDifference("added", rule, _rows(None, rule)) for rule in diff.added]
    removed = [RuleDifference("removed", rule, _rows(rule, None)) for rule in diff.removed]
    return Comparison(
        old=old,
        new=new,
        rules=[*changed, *added, *removed],
        policy=[
            (
                _POLICY.get(one.field, one.field),
                _policy_text(one.field, one.before),
                _policy_text(one.field, one.after),
            )
            for one in diff.policy
        ],
        same_count=len(new.rules.all()) - len(added) - len(changed),
        is_reordered=bool(diff.moved),
        is_empty=diff.is_empty,
    )


def _all_new(new: RuleSet) -> RulesetDiff:
    policy = policy_of(new.policy)
    return compare_rules([], [definition_of(rule) for rule in new.rules.all()], policy, policy)


def _rows(old: RuleDefinition | None, new: RuleDefinition | None) -> list[Row]:
    """Return what differs of a rule; of one that stands alone, everything it says."""
    rows: list[Row] = []
    for name, label in _ASPECTS.items():
        before, after = _aspect(old, name), _aspect(new, name)
        if before != after:
            rows.append((label, before, after))
    return rows


def _aspect(rule: RuleDefinition | None, name: str) -> str:
    if rule is None:
        return ""
    value = getattr(rule, name)
    if isinstance(value, datetime):
        return date_format(value, "Y-m-d H:i")
    if name == "effect":
        return str(Effect(value).label)
    if name == "mode":
        return str(RuleMode(value).label)
    if name == "rollout_percent":
        return "" if value == 100 else f"{value} %"
    if not value:
        return ""
    if name == "reason_code":
        return str(find_reason(value).staff)
    return _(value) if name == "name" else str(value)


def _policy_text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return number_text(100 * value, decimals=1) + (" %" if name == "review_share" else "")
    return str(value)
