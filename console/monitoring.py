"""How judgement is doing: what live rules hold against their limits, how long it takes, what failed."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from core.ids import first_id_at
from risk.models import Decision, Effect, Rule, RuleMode, RuleSet, RuleSetStatus
from risk.rulesets import policy_of

from .estimates import Share

_DAYS = 14
_DECISIONS = 3_000
_HOLDING = (Effect.REVIEW, Effect.DECLINE)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class DayOfDecisions:
    """The decisions of one day, UTC. Times in milliseconds."""

    day: date
    decisions: int
    median_ms: float
    p99_ms: float
    degraded: Share


@dataclass(frozen=True)
class RuleHolds:
    """What one live rule held or declined: in the last hour, against the limit, and its share over a day."""

    ruleset: RuleSet
    rule: Rule
    last_hour: int
    limit: int
    share: Share
    is_braked: bool

    @property
    def percent(self) -> float:
        """How much of the limit is used, 0–100."""
        return min(100.0, round(100 * self.last_hour / self.limit, 1))

    @property
    def tone(self) -> str:
        return "bad" if self.percent >= 100 else "waits" if self.percent >= 50 else "good"


def list_days(*, at: datetime) -> list[DayOfDecisions]:
    """Return the days of the latest decisions, oldest first; one query."""
    rows = (
        Decision.objects.filter(id__gte=first_id_at(at - timedelta(days=_DAYS)))
        .order_by("-id")
        .values_list("created_at", "latency_us", "degraded")[:_DECISIONS]
    )
    times: dict[date, list[float]] = defaultdict(list)
    degraded: Counter[date] = Counter()
    for created_at, latency, failed in rows:
        day = created_at.date()
        times[day].append(sum(latency.values()) / 1_000)
        degraded[day] += bool(failed)
    return [
        DayOfDecisions(
            day, len(spent), _at_rank(spent, 0.5), _at_rank(spent, 0.99), Share(degraded[day], len(spent))
        )
        for day, spent in sorted(times.items())
    ]


def list_holds(*, at: datetime, braked: Collection[tuple[str, str]] = ()) -> list[RuleHolds]:
    """Return what each live rule that can hold has held lately, most of its limit first; three queries.

    braked   (subject, rule code) of each rule that is out of effect
    """
    live = list(RuleSet.objects.filter(status=RuleSetStatus.LIVE).prefetch_related("rules"))
    answers = list(
        Decision.objects.filter(id__gte=first_id_at(at - _DAY), ruleset_id__in=[one.pk for one in live])
        .order_by("-id")
        .values_list(
            "ruleset_id", "created_at", "snapshot__evaluation__results", "snapshot__evaluation__muted"
        )[:_DECISIONS]
    )
    asked: Counter[int | None] = Counter()
    day: Counter[tuple[int | None, str]] = Counter()
    hour: Counter[tuple[int | None, str]] = Counter()
    for ruleset_id, created_at, results, muted in answers:
        asked[ruleset_id] += 1
        for code, result in (results or {}).items():
            if result and code not in (muted or {}):
                day[ruleset_id, code] += 1
                hour[ruleset_id, code] += created_at > at - _HOUR
    holds = [
        RuleHolds(
            ruleset=ruleset,
            rule=rule,
            last_hour=hour[ruleset.pk, rule.code],
            limit=policy_of(ruleset.policy).holds_per_hour,
            share=Share(day[ruleset.pk, rule.code], asked[ruleset.pk]),
            is_braked=(ruleset.subject, rule.code) in braked,
        )
        for ruleset in live
        for rule in ruleset.rules.all()
        if rule.effect in _HOLDING and rule.mode == RuleMode.LIVE
    ]
    return sorted(holds, key=lambda one: (-one.percent, -(one.share.value or 0)))


def latency_chart(days: Sequence[DayOfDecisions]) -> Mapping[str, Any] | None:
    if len(days) < 2:
        return None
    return {
        "kind": "line",
        "x": [one.day.isoformat() for one in days],
        "unit": f" {_('ms')}",
        "series": [
            {"name": _("99 of 100"), "values": [round(one.p99_ms, 2) for one in days]},
            {"name": _("half"), "values": [round(one.median_ms, 2) for one in days]},
        ],
    }


def degraded_chart(days: Sequence[DayOfDecisions]) -> Mapping[str, Any] | None:
    if len(days) < 2:
        return None
    return {
        "kind": "bar",
        "x": [one.day.isoformat() for one in days],
        "unit": " %",
        "series": [
            {"name": _("Degraded"), "values": [round(100 * (one.degraded.value or 0), 2) for one in days]}
        ],
    }


def _at_rank(values: Sequence[float], share: float) -> float:
    """Return the value that this share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1))]
