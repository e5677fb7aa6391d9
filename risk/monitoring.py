"""Look after what is live: pull the brake on rules that hold too much and on models that drifted."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Max, QuerySet

from core.errors import Conflict
from core.ids import first_id_at, moment_of

from . import brakes, live
from .brakes import Finding, Rate
from .inputs import current_inputs, is_declared
from .models import (
    Activation,
    Brake,
    Decision,
    Effect,
    ModelPromotion,
    ModelStatus,
    ModelVersion,
    Outcome,
    RuleMode,
    RuleSet,
    RuleSetStatus,
)
from .rulesets import policy_of
from .scoring import LiveModel
from .services import pull_brake
from .truths import read_truths
from .vectors import read_vectors

logger = logging.getLogger(__name__)

# Held decisions are read whole, with every rule's result. In an hour with more, the newest of them are
# judged over the shorter time they took to come.
MAX_HELD = 5_000
TRAILING = timedelta(days=7)
MIN_EXPECTED_ROWS = 300  # of fewer, the upper end of an expectation is no expectation
DRIFT_WINDOW = timedelta(hours=24)
_VECTORS = 5_000
_REFERENCE_DAYS = 7  # a week, so that every weekday is in it
_EXPLAINED = 100  # vectors whose explanations say what an input weighs: 1.5 ms each
# Good is known late: only of decisions this old are labels complete (chargebacks come within 60 days).
MATURITY = timedelta(days=60)
_MATURED_SPAN = timedelta(days=60)
_HOLDING = (Effect.REVIEW, Effect.DECLINE, Effect.POINTS)

Floats = npt.NDArray[np.float64]


def brake_rules(*, at: datetime) -> list[Brake]:
    """Pull the brake on every live rule that holds beyond its limit; return the brakes pulled."""
    pulled = []
    for ruleset in RuleSet.objects.filter(status=RuleSetStatus.LIVE):
        for code, finding in _judge_rules(ruleset, at).items():
            brake = _pull(ruleset.subject, code, finding, at)
            if brake is not None:
                pulled.append(brake)
    return pulled


def brake_models(*, at: datetime) -> list[Brake]:
    """Pull the brake on every champion whose inputs or probabilities drifted; return the brakes pulled."""
    pulled = []
    for champion in ModelVersion.objects.filter(status=ModelStatus.CHAMPION):
        if Brake.objects.filter(subject=champion.subject, rule_code="", released_at=None).exists():
            continue
        if not is_declared(champion.subject, champion.feature_hash):
            continue  # it scores nothing: every decision is degraded and goes to a person already
        finding = _judge_inputs(champion, at) or find_miscalibration(champion, at)
        brake = _pull(champion.subject, "", finding, at) if finding else None
        if brake is not None:
            pulled.append(brake)
    return pulled


def _pull(subject: str, rule_code: str, finding: Finding, at: datetime) -> Brake | None:
    try:
        return pull_brake(
            subject, rule_code=rule_code, cause=finding.cause, detail=finding.figures, by=None, at=at
        )
    except Conflict:
        return None  # another worker or a person was quicker
    finally:
        logger.warning("brake_pulled", extra={"subject": subject, "rule": rule_code, "cause": finding.cause})


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────
def _judge_rules(ruleset: RuleSet, at: datetime) -> dict[str, Finding]:
    standing = set(
        Brake.objects.filter(subject=ruleset.subject, released_at=None).values_list("rule_code", flat=True)
    )
    rules = ruleset.rules.filter(mode=RuleMode.LIVE, effect__in=_HOLDING).exclude(code__in=standing)
    codes = list(rules.values_list("code", flat=True))
    held = _read_held(ruleset, since=at - brakes.WINDOW, until=at)
    if not codes or not held:
        return {}
    since = at - brakes.WINDOW if len(held) < MAX_HELD else moment_of(held[-1][0])
    releases = _last_releases(ruleset.subject, codes)
    policy = policy_of(ruleset.policy)
    expected = _expectation(ruleset, codes, at)
    found = {}
    for code in codes:
        released_at = releases.get(code)
        if released_at is not None and at < released_at + brakes.GRACE:
            continue
        start = first_id_at(max(since, released_at or since))
        hits = sum(code in hits for id, hits in held if id >= start)
        if not hits:
            continue
        measured = Rate(hits, _decisions_of(ruleset).filter(id__gte=start, id__lt=first_id_at(at)).count())
        finding = brakes.judge_holds(measured, expected.get(code), holds_per_hour=policy.holds_per_hour)
        if finding is not None:
            found[code] = finding
    return found


def _decisions_of(ruleset: RuleSet) -> QuerySet[Decision]:
    return Decision.objects.filter(subject_kind=ruleset.subject, ruleset_id=ruleset.pk)


def _read_held(ruleset: RuleSet, *, since: datetime, until: datetime) -> list[tuple[int, frozenset[str]]]:
    """Return (decision id, codes of the rules that were true and had effect), the newest MAX_HELD first."""
    held = _decisions_of(ruleset).exclude(outcome=Outcome.APPROVE)
    held = held.filter(id__gte=first_id_at(since), id__lt=first_id_at(until)).order_by("-id")
    rows = held.values_list("id", "snapshot__evaluation__results", "snapshot__evaluation__muted")[:MAX_HELD]
    return [(id, _hits(results or {}, muted or {})) for id, results, muted in rows]


def _hits(results: Mapping[str, bool | None], muted: Mapping[str, str]) -> frozenset[str]:
    return frozenset(code for code, result in results.items() if result is True and code not in muted)


def _last_releases(subject: str, codes: Iterable[str]) -> dict[str, datetime]:
    released = Brake.objects.filter(subject=subject, rule_code__in=codes, released_at__isnull=False)
    return dict(released.values_list("rule_code").annotate(Max("released_at")))


def _expectation(ruleset: RuleSet, codes: list[str], at: datetime) -> dict[str, Rate]:
    """Return what each rule is expected to hold: as in the backtest it was approved on, else as lately."""
    found = _backtested(ruleset)
    if all(code in found for code in codes):
        return found
    since, until = at - TRAILING, at - brakes.WINDOW
    held = _read_held(ruleset, since=since, until=until)
    if len(held) == MAX_HELD:
        since = moment_of(held[-1][0])
    rows = _decisions_of(ruleset).filter(id__gte=first_id_at(since), id__lt=first_id_at(until)).count()
    if rows < MIN_EXPECTED_ROWS:
        return found
    trailing = {code: Rate(sum(code in hits for _, hits in held), rows, "trailing") for code in codes}
    return {**trailing, **found}


def _backtested(ruleset: RuleSet) -> dict[str, Rate]:
    """Return the rates of the backtest that the ruleset's last approval rests on."""
    approval = Activation.objects.filter(ruleset=ruleset, activated_at__isnull=False)
    newest = approval.select_related("backtest").order_by("activated_at", "pk").last()
    result: dict[str, Any] = (newest.backtest.result or {}) if newest and newest.backtest else {}
    rows = int(result.get("data", {}).get("rows", 0))
    if rows < MIN_EXPECTED_ROWS:
        return {}
    # What the rule hit where it had effect. Of a rule that only adds points not every hit was held, so
    # its limit is on the safe side.
    return {
        line["code"]: Rate(int(line["hits"]["count"]) - int(line.get("muted", 0)), rows, "backtest")
        for line in result.get("rules", ())
    }


# ── Models ───────────────────────────────────────────────────────────────────────────────────────
def _judge_inputs(champion: ModelVersion, at: datetime) -> Finding | None:
    since = max(at - DRIFT_WINDOW, in_use_since(champion))
    now = _read_vectors(champion, since, at, _VECTORS)
    before = [
        _read_vectors(
            champion, at - DRIFT_WINDOW - (day + 1) * DRIFT_WINDOW, at - (day + 1) * DRIFT_WINDOW,
            _VECTORS // _REFERENCE_DAYS,
        )
        for day in range(_REFERENCE_DAYS)
    ]  # fmt: skip
    reference = np.concatenate(before)
    if min(len(now), len(reference)) < brakes.MIN_VECTORS:
        return None
    names, _ = current_inputs(champion.subject)
    weights = weigh_inputs(live.load_version(champion), reference, champion.feature_hash)
    return brakes.judge_inputs(reference, now, weights, names)


def find_miscalibration(champion: ModelVersion, at: datetime) -> Finding | None:
    """Return how far the champion's scores were from what became of matured decisions; None within limits."""
    since = max(at - MATURITY - _MATURED_SPAN, in_use_since(champion))
    scored = Decision.objects.filter(
        subject_kind=champion.subject,
        model_id=champion.pk,
        score__isnull=False,
        id__gte=first_id_at(since),
        id__lt=first_id_at(at - MATURITY),
    ).order_by("-id")
    scores: dict[int, float] = {}
    for subject_id, score in scored.values_list("subject_id", "score")[: 4 * _VECTORS]:
        scores.setdefault(subject_id, float(score or 0.0))
    truths = read_truths(champion.subject, scores, at=at)
    came_true = np.array(list(truths.values()), dtype=np.bool_)
    return brakes.judge_calibration(came_true, np.array([scores[subject_id] for subject_id in truths]))


def in_use_since(champion: ModelVersion) -> datetime:
    """Return since when it counts: its promotion, or the last release of its brake if that came later."""
    promoted_at = ModelPromotion.objects.filter(model=champion).aggregate(at=Max("promoted_at"))["at"]
    released_at = Brake.objects.filter(model_id=champion.pk).aggregate(at=Max("released_at"))["at"]
    return max(filter(None, (promoted_at, released_at)), default=champion.created_at)


def weigh_inputs(model: LiveModel, vectors: Floats, feature_hash: str) -> Floats:
    """Return the mean size of each input's contribution to the score, (n_inputs,), over some vectors."""
    chosen = vectors[:: max(len(vectors) // _EXPLAINED, 1)][:_EXPLAINED]
    shares = [model.contributions(vector, feature_hash)[:-1] for vector in chosen]
    weights: Floats = np.abs(np.array(shares)).mean(axis=0)
    return weights


def _read_vectors(champion: ModelVersion, since: datetime, until: datetime, most: int) -> Floats:
    """Return the newest stored vectors of a time, (n, n_inputs)."""
    rows = Decision.objects.filter(
        subject_kind=champion.subject,
        feature_hash=champion.feature_hash,
        id__gte=first_id_at(since),
        id__lt=first_id_at(until),
    ).order_by("-id")
    return read_vectors(rows[:most], width=len(current_inputs(champion.subject)[0]))[1]
