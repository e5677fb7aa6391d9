"""What differs between two versions of a subject, as rows that a diff shows word by word."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.reasons import find_reason
from core.ui.formats import number_text
from risk.models import Rule, RuleSet
from risk.rulesets import policy_of

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
    "review_at": gettext_lazy("Review from score"),
    "decline_at": gettext_lazy("Decline from score"),
    "may_decline_on_score": gettext_lazy("The score may decline"),
    "points_review_at": gettext_lazy("Review from points"),
    "points_decline_at": gettext_lazy("Decline from points"),
    "review_share": gettext_lazy("Approvals reviewed at random"),
    "holds_per_hour": gettext_lazy("Holds of one rule in an hour"),
}
_PERCENTAGES = {"review_at", "decline_at", "review_share"}


@dataclass(frozen=True)
class RuleDifference:
    """One rule that one version has otherwise. `kind`: added, removed or changed."""

    kind: str
    rule: Rule
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

    @property
    def is_empty(self) -> bool:
        return not (self.rules or self.policy or self.is_reordered)

    @property
    def counts(self) -> dict[str, int]:
        kinds = [one.kind for one in self.rules]
        return {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}


def compare(old: RuleSet | None, new: RuleSet) -> Comparison:
    """Return what leads from one version to another; None compares with nothing. Two queries."""
    before = {rule.code: rule for rule in old.rules.all()} if old else {}
    after = {rule.code: rule for rule in new.rules.all()}
    changed = [
        RuleDifference("changed", rule, rows)
        for code, rule in after.items()
        if code in before and (rows := _rows(before[code], rule))
    ]
    added = [
        RuleDifference("added", rule, _rows(None, rule)) for code, rule in after.items() if code not in before
    ]
    removed = [
        RuleDifference("removed", rule, _rows(rule, None))
        for code, rule in before.items()
        if code not in after
    ]
    common = [code for code in after if code in before]
    return Comparison(
        old=old,
        new=new,
        rules=[*changed, *added, *removed],
        policy=_policy_rows(old.policy if old else {}, new.policy),
        same_count=len(common) - len(changed),
        is_reordered=common != [code for code in before if code in after],
    )


def _rows(old: Rule | None, new: Rule | None) -> list[Row]:
    rows: list[Row] = []
    for name, label in _ASPECTS.items():
        before, after = _aspect(old, name), _aspect(new, name)
        if before != after and not (old is None and not after) and not (new is None and not before):
            rows.append((label, before, after))
    return rows


def _aspect(rule: Rule | None, name: str) -> str:
    if rule is None:
        return ""
    value = getattr(rule, name)
    if name == "effect":
        return str(rule.get_effect_display())
    if name == "mode":
        return str(rule.get_mode_display())
    if name == "name":
        return _(value) if value else ""
    if name == "reason_code":
        return str(find_reason(value).staff) if value else ""
    if name == "points":
        return str(value) if value else ""
    if name == "rollout_percent":
        return "" if value == 100 else f"{value} %"
    if isinstance(value, datetime):
        return date_format(value, "SHORT_DATETIME_FORMAT")
    return str(value or "")


def _policy_rows(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Row]:
    before, after = _flat(old), _flat(new)
    rows: list[Row] = []
    for name, label in _POLICY.items():
        was, becomes = _policy_text(name, before.get(name)), _policy_text(name, after.get(name))
        if was != becomes:
            rows.append((label, was, becomes))
    return rows


def _flat(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored policy on one level, what it leaves out as it is by default."""
    if not policy:
        return {}
    read = policy_of(dict(policy))
    return {
        **asdict(read.thresholds),
        "review_share": read.review_share,
        "holds_per_hour": read.holds_per_hour,
    }


def _policy_text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in _PERCENTAGES and isinstance(value, (int, float)):
        return f"{number_text(100 * value, decimals=1)}" + (" %" if name == "review_share" else "")
    return str(value)
