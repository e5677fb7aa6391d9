"""Versions of rules: found by their outside id, listed by subject, and the pages that each one has."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from core.errors import NotFound
from core.ids import decode, encode
from risk import selectors as risk
from risk.models import Rule, RuleSet, RuleSetStatus, Subject

SUBJECTS = tuple(Subject)


def ruleset_of(public_id: str) -> RuleSet:
    return risk.get_ruleset(decode("rst", public_id))


def rule_of(found: RuleSet, code: str) -> Rule:
    rule = found.rules.filter(code=code).first()
    if rule is None:
        raise NotFound("No such rule.")
    return rule


def versions_by_subject() -> Sequence[tuple[Subject, Sequence[RuleSet]]]:
    """Return (subject, its versions newest first); one query."""
    rulesets = list(risk.list_rulesets())
    return [(subject, [one for one in rulesets if one.subject == subject]) for subject in SUBJECTS]


def version_tabs(found: RuleSet, current: str, *, count: int | None = None) -> list[Mapping[str, Any]]:
    """Return the pages of one version: its rules, its policy, what differs from live."""
    public_id = encode("rst", found.pk)
    pages = [("rules", _("Rules"), "console:ruleset"), ("policy", _("Policy"), "console:policy")]
    differs = _("Compare with live") if found.status != RuleSetStatus.LIVE else _("Compare")
    pages.append(("compare", differs, "console:ruleset-compare"))
    return [
        {
            "label": label,
            "href": reverse(name, args=[public_id]),
            "count": count if key == "rules" else None,
            "is_current": key == current,
        }
        for key, label, name in pages
    ]
