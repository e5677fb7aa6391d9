"""The rules of a version as rows of a page: hits, badges, groups."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.ui.statuses import Tone, find_status
from risk.models import Brake, Rule, RuleMode, RuleSet, RuleSnooze
from risk.rulesets import known_lists

from .conditions import ConditionCheck, check
from .rule_hits import HitReport, RuleHits


@dataclass(frozen=True)
class Badge:
    """A short word on a rule, with the shape of its tone; `note` says more on hover."""

    text: str
    tone: str
    note: str = ""


@dataclass(frozen=True)
class RuleRow:
    """One rule as a line. `hits` is None for one that has not been asked yet in this form."""

    rule: Rule
    check: ConditionCheck
    hits: RuleHits | None
    badges: Sequence[Badge]
    is_first: bool
    is_last: bool

    @property
    def trend_label(self) -> str:
        return _("Share matched per day")

    def fits(self, *, text: str, mode: str, effect: str) -> bool:
        """Tell whether the row answers a filter; "" asks for nothing."""
        words = f"{self.rule.code} {_(self.rule.name)} {self.rule.condition} {self.check.words}".lower()
        return (
            all(part in words for part in text.lower().split())
            and mode in {"", self.rule.mode}
            and effect in {"", self.rule.effect}
        )


def list_rows(ruleset: RuleSet, rules: Sequence[Rule], hits: HitReport, *, at: datetime) -> list[RuleRow]:
    """Return a version's rules as rows in their order; three queries, on brakes, snoozes and lists."""
    braked = {
        brake.rule_code: brake for brake in Brake.objects.filter(subject=ruleset.subject, released_at=None)
    }
    lists = known_lists()
    standing = RuleSnooze.objects.filter(subject=ruleset.subject, ended_at=None, until__gt=at)
    snoozes = Counter(standing.values_list("rule_code", flat=True))
    return [
        RuleRow(
            rule=rule,
            check=check(ruleset.subject, rule.condition, lists),
            hits=hits.by_code.get(rule.code),
            badges=_badges(rule, braked.get(rule.code), snoozes[rule.code], at),
            is_first=place == 0,
            is_last=place == len(rules) - 1,
        )
        for place, rule in enumerate(rules)
    ]


def group_rows(rows: Sequence[RuleRow]) -> Sequence[tuple[str, list[RuleRow]]]:
    """Return (group, rows), groups in the order in which their first rule stands."""
    groups: dict[str, list[RuleRow]] = {}
    for row in rows:
        groups.setdefault(row.rule.group, []).append(row)
    return list(groups.items())


def _badges(rule: Rule, brake: Brake | None, snoozes: int, at: datetime) -> list[Badge]:
    badges = []
    if brake is not None:
        badges.append(
            Badge(str(find_status("rule", "braked").label), Tone.BAD, str(brake.get_cause_display()))
        )
    if rule.mode != RuleMode.LIVE:
        status = find_status("rule", rule.mode)
        badges.append(Badge(str(status.label), status.tone))
    if rule.starts_at and rule.starts_at > at:
        badges.append(Badge(_("from %(day)s") % {"day": _day(rule.starts_at)}, Tone.DRAFT))
    if rule.ends_at and rule.ends_at <= at:
        badges.append(Badge(_("ended %(day)s") % {"day": _day(rule.ends_at)}, Tone.ENDED))
    elif rule.ends_at:
        badges.append(Badge(_("until %(day)s") % {"day": _day(rule.ends_at)}, Tone.PROGRESS))
    if rule.rollout_percent < 100:
        badges.append(
            Badge(
                _("%(share)s %% of subjects") % {"share": rule.rollout_percent},
                Tone.PROGRESS,
                _("The same subject is always on the same side."),
            )
        )
    if snoozes:
        text = ngettext("%(n)s snooze", "%(n)s snoozes", snoozes) % {"n": snoozes}
        badges.append(Badge(text, Tone.PROGRESS, _("Without effect for somebody until a moment.")))
    return badges


def _day(moment: datetime) -> str:
    return date_format(moment, "Y-m-d H:i")
