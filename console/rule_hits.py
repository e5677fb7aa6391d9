"""How often each rule of a version matched lately, and how often it was right."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.ids import first_id_at
from risk.models import Decision, Rule, RuleSet

from .estimates import Share
from .truths import known_truths

PERIODS = (7, 30)  # days
# Counting reads each decision's results; this many take well under a tenth of a second.
_DECISIONS = 1_500


@dataclass(frozen=True)
class RuleHits:
    """One rule over the decisions that asked it.

    matched, missing   of all that asked it
    precision          bad among the matches whose outcome is known
    daily              share matched per day, today last; None on days without decisions
    """

    matched: Share
    missing: Share
    precision: Share
    daily: tuple[float | None, ...]

    @property
    def trend(self) -> list[float]:
        return [value or 0.0 for value in self.daily]


@dataclass(frozen=True)
class HitReport:
    """Hits per rule code. `since`: of the oldest decision counted; `is_capped` if there were more."""

    days: int
    decisions: int
    is_capped: bool
    since: datetime | None
    by_code: Mapping[str, RuleHits]


@dataclass(frozen=True)
class _Answers:
    """What one decision's rules answered, of a version in which they stood as they stand now."""

    subject_id: int
    day: int
    results: Mapping[str, bool | None]


def count_hits(ruleset: RuleSet, rules: Sequence[Rule], *, at: datetime, days: int) -> HitReport:
    """Count what these rules answered, whichever version carried them with the same condition.

    Three queries. A rule that has changed starts from nothing: what it found before says little.
    """
    since = at - timedelta(days=days)
    rows = list(
        Decision.objects.filter(subject_kind=ruleset.subject, id__gte=first_id_at(since))
        .order_by("-id")
        .values_list("subject_id", "ruleset_id", "created_at", "snapshot__evaluation__results")[:_DECISIONS]
    )
    same = _same_rules({ruleset_id for _, ruleset_id, _, _ in rows}, rules)
    answers = [
        _Answers(
            subject_id,
            min(days - 1, max(0, (created_at - since).days)),
            {code: result for code, result in (results or {}).items() if code in same[ruleset_id]},
        )
        for subject_id, ruleset_id, created_at, results in rows
    ]
    hit = {one.subject_id for one in answers if any(one.results.values())}
    return HitReport(
        days=days,
        decisions=len(rows),
        is_capped=len(rows) == _DECISIONS,
        since=rows[-1][2] if rows else None,
        by_code=_count(answers, known_truths(ruleset.subject, hit), days),
    )


def _same_rules(ruleset_ids: Iterable[int | None], rules: Sequence[Rule]) -> Mapping[int | None, set[str]]:
    """Return ruleset id → codes of those rules whose condition was the same there."""
    conditions = {rule.code: rule.condition for rule in rules}
    same: dict[int | None, set[str]] = defaultdict(set)
    carried = Rule.objects.filter(ruleset_id__in=[id for id in ruleset_ids if id is not None])
    for ruleset_id, code, condition in carried.values_list("ruleset_id", "code", "condition"):
        if conditions.get(code) == condition:
            same[ruleset_id].add(code)
    return same


def _count(answers: Sequence[_Answers], truths: Mapping[int, bool], days: int) -> Mapping[str, RuleHits]:
    asked: Counter[str] = Counter()
    matched: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    daily_asked: Counter[tuple[str, int]] = Counter()
    daily: Counter[tuple[str, int]] = Counter()
    known: dict[str, set[int]] = defaultdict(set)
    for one in answers:
        for code, result in one.results.items():
            asked[code] += 1
            daily_asked[code, one.day] += 1
            if result is None:
                missing[code] += 1
            elif result:
                matched[code] += 1
                daily[code, one.day] += 1
                if one.subject_id in truths:
                    known[code].add(one.subject_id)
    return {
        code: RuleHits(
            matched=Share(matched[code], count),
            missing=Share(missing[code], count),
            precision=Share(sum(truths[id] for id in known[code]), len(known[code])),
            daily=tuple(
                daily[code, day] / daily_asked[code, day] if daily_asked[code, day] else None
                for day in range(days)
            ),
        )
        for code, count in asked.items()
    }
