"""Judge a subject: facts → rules → score → policy → one Decision row that can be replayed."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from django.utils import timezone

from catalog.models import ListingRevision
from core import journal
from merchants.models import MerchantApplication
from orders.models import Order

from .facts import Facts, applications, listings, orders
from .live import find_champion, find_live_ruleset
from .models import Decision
from .models import Outcome as OutcomeChoice
from .policy import Outcome, OutcomeKind, PolicyReason, choose_outcome, is_sampled
from .rules.engine import Evaluation
from .rulesets import LiveRuleset
from .scoring import LiveModel
from .version import code_version

logger = logging.getLogger(__name__)
T = TypeVar("T")


def decide_order(order: Order, *, as_of: datetime) -> Decision:
    """Judge an order and write the decision; the caller owns the transaction and the effect."""
    return _decide("order", lambda: orders.gather(order, as_of=as_of))


def decide_revision(revision: ListingRevision, *, as_of: datetime) -> Decision:
    """Judge a listing revision and write the decision."""
    return _decide("listing", lambda: listings.gather(revision, as_of=as_of))


def decide_application(application: MerchantApplication, *, as_of: datetime) -> Decision:
    """Judge a merchant application and write the decision."""
    return _decide("application", lambda: applications.gather(application, as_of=as_of))


def _decide(subject: str, gather: Callable[[], Facts]) -> Decision:
    clock = _Clock()
    with clock.step("facts"):
        facts = gather()
    ruleset, _ = _load(find_live_ruleset, subject)
    champion, unreadable = _load(find_champion, subject)
    with clock.step("rules"):
        evaluation = ruleset.rules.evaluate(facts.values) if ruleset else None
    with clock.step("score"):
        score, failed = _score(champion, facts)
    degraded = [*facts.failed, *unreadable, *failed, *([] if ruleset else ["ruleset"])]
    outcome = _choose(ruleset, evaluation, score, degraded)
    decision = _build(facts, ruleset, champion, evaluation, score, outcome, degraded)
    decision.latency_us = clock.microseconds
    with journal.unit():
        journal.add(decision)
    return decision


class _Clock:
    """Microseconds per step of one decision."""

    def __init__(self) -> None:
        self.microseconds: dict[str, int] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter_ns()
        yield
        self.microseconds[name] = (time.perf_counter_ns() - started) // 1_000


def _load(find: Callable[[str], T | None], subject: str) -> tuple[T | None, list[str]]:
    """Return what is live and what failed: a damaged file must not keep every subject undecided."""
    try:
        return find(subject), []
    except Exception:
        logger.exception("load_failed", extra={"subject": subject, "find": find.__name__})
        return None, ["model"]


def _score(champion: LiveModel | None, facts: Facts) -> tuple[float | None, list[str]]:
    """Return the score and what failed. No champion yet is absence, which degrades nothing."""
    if champion is None:
        return None, []
    try:
        return champion.score(facts.vector, facts.feature_hash), []
    except Exception:
        logger.exception("score_failed", extra={"subject": str(facts.subject), "model": champion.id})
        return None, ["score"]


def _choose(
    ruleset: LiveRuleset | None, evaluation: Evaluation | None, score: float | None, degraded: list[str]
) -> Outcome:
    if ruleset is None or evaluation is None:
        return Outcome(OutcomeKind.REVIEW, (PolicyReason.DEGRADED,))
    return choose_outcome(evaluation, score, ruleset.policy.thresholds, degraded=bool(degraded))


def _build(
    facts: Facts,
    ruleset: LiveRuleset | None,
    champion: LiveModel | None,
    evaluation: Evaluation | None,
    score: float | None,
    outcome: Outcome,
    degraded: list[str],
) -> Decision:
    if evaluation is not None and evaluation.is_degraded:
        degraded = [*degraded, "rules"]
    decision = Decision(
        subject_kind=facts.subject.kind,
        subject_id=facts.subject.id,
        merchant_id=facts.merchant_id,
        as_of=facts.as_of,
        outcome=OutcomeChoice(outcome.kind.value),
        score=score,
        reason_codes=[str(reason) for reason in outcome.reasons],
        features=facts.vector.astype("<f8").tobytes(),
        feature_hash=facts.feature_hash,
        snapshot=_snapshot(facts, ruleset, evaluation),
        degraded=degraded,
        code_version=code_version(),
        created_at=timezone.now(),
    )
    if evaluation is not None:
        decision.points = evaluation.points
        decision.queue_code = evaluation.queue or ""
        decision.tags = list(evaluation.tags)
    if ruleset is not None:
        decision.ruleset_id, decision.ruleset_hash = ruleset.id, ruleset.content_hash
        decision.is_sampled = is_sampled(str(facts.subject), outcome, ruleset.policy.review_share)
    if champion is not None:
        decision.model_id, decision.model_hash = champion.id, champion.sha256
    return decision


def _snapshot(facts: Facts, ruleset: LiveRuleset | None, evaluation: Evaluation | None) -> dict[str, Any]:
    """Model inputs are in `features`; together with these values they are all that the rules saw."""
    return {
        "values": dict(facts.direct),
        "evaluation": evaluation.snapshot() if evaluation else None,
        "review_share": ruleset.policy.review_share if ruleset else None,
    }
