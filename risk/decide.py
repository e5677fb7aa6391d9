"""Judge a subject: facts → rules → score → policy → one Decision row that can be replayed."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from django.utils import timezone

from catalog.models import ListingRevision
from core import journal
from merchants.models import Merchant, MerchantApplication
from orders.models import Order

from . import live
from .facts import Facts, applications, listings, merchants, orders
from .lists import Answer, answer_probes
from .models import Decision
from .models import Outcome as OutcomeChoice
from .policy import Outcome, OutcomeKind, PolicyReason, choose_outcome, is_sampled
from .rules.engine import Evaluation, muted_by_schedule
from .rulesets import LiveRuleset
from .scoring import LiveModel, carried_score
from .version import code_version

logger = logging.getLogger(__name__)
T = TypeVar("T")


def decide_order(order: Order, *, as_of: datetime, sees_history: bool = True) -> Decision:
    """Judge an order and write the decision; the caller owns the transaction and the effect.

    sees_history    False for an order whose history took too long (TookTooLong): a degraded decision
    """
    return _decide("order", lambda: orders.gather(order, as_of=as_of, sees_history=sees_history))


def decide_revision(revision: ListingRevision, *, as_of: datetime) -> Decision:
    """Judge a listing revision and write the decision."""
    return _decide("listing", lambda: listings.gather(revision, as_of=as_of))


def decide_application(application: MerchantApplication, *, as_of: datetime) -> Decision:
    """Judge a merchant application and write the decision."""
    return _decide("application", lambda: applications.gather(application, as_of=as_of))


def decide_account(merchant: Merchant, *, as_of: datetime) -> Decision:
    """Judge a merchant account and write the decision; without a model its account score is the score."""
    return _decide("merchant", lambda: merchants.gather(merchant, as_of=as_of))


def _decide(subject: str, gather: Callable[[], Facts]) -> Decision:
    clock = _Clock()
    with clock.step("facts"):
        facts = gather()
    ruleset, unread_rules = _load(live.find_live_ruleset, subject, "ruleset")
    champion, unread_model = _load(live.find_champion, subject, "model")
    with clock.step("lists"):
        answers, unread_lists = _ask_lists(ruleset, facts)
    with clock.step("rules"):
        evaluation = _evaluate(ruleset, facts, answers) if ruleset else None
    with clock.step("score"):
        score, unscored = _score(champion, facts)
    failed = [*facts.failed, *unread_lists, *unread_model, *unscored, *unread_rules]
    outcome = _choose(ruleset, evaluation, score, failed)
    decision = _build(facts, answers, ruleset, champion, evaluation, score, outcome, failed)
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


def _load(find: Callable[[str], T | None], subject: str, name: str) -> tuple[T | None, list[str]]:
    """Return what is live and what failed: a damaged file must not keep every subject undecided.

    A subject without rules cannot be judged and is as good as failed; one without a model has no score.
    """
    try:
        found = find(subject)
    except live.ModelBraked:
        return None, ["model_braked"]
    except Exception:
        logger.exception("load_failed", extra={"subject": subject, "find": find.__name__})
        return None, [name]
    return found, [name] if found is None and name == "ruleset" else []


def _ask_lists(ruleset: LiveRuleset | None, facts: Facts) -> tuple[dict[str, Answer], list[str]]:
    """Return what the lists that the rules name say of the subject, and the lists that failed."""
    probes = ruleset.rules.probes if ruleset else ()
    return answer_probes(probes, facts.values, as_of=facts.as_of) if probes else ({}, [])


def _evaluate(ruleset: LiveRuleset, facts: Facts, answers: Mapping[str, Answer]) -> Evaluation:
    subject = facts.subject
    muted = live.muting(subject.kind).for_subject(facts.keys, facts.as_of)
    if scheduled := ruleset.rules.scheduled:
        muted |= muted_by_schedule(scheduled, at=facts.as_of, stable_key=str(subject))
    values = {**facts.values, **answers} if answers else facts.values
    return ruleset.rules.evaluate(values, muted=muted)


def _score(champion: LiveModel | None, facts: Facts) -> tuple[float | None, list[str]]:
    """Return the score and what failed. No champion yet is absence, which degrades nothing."""
    if champion is None:
        return carried_score(facts.subject.kind, facts.values), []
    try:
        return champion.score(facts.vector, facts.feature_hash), []
    except Exception:
        logger.exception("score_failed", extra={"subject": str(facts.subject), "model": champion.id})
        return None, ["score"]


def _choose(
    ruleset: LiveRuleset | None, evaluation: Evaluation | None, score: float | None, failed: list[str]
) -> Outcome:
    if ruleset is None or evaluation is None:
        return Outcome(OutcomeKind.REVIEW, (PolicyReason.DEGRADED,))
    return choose_outcome(evaluation, score, ruleset.policy.thresholds, degraded=bool(failed))


def _build(
    facts: Facts,
    answers: Mapping[str, Answer],
    ruleset: LiveRuleset | None,
    champion: LiveModel | None,
    evaluation: Evaluation | None,
    score: float | None,
    outcome: Outcome,
    failed: list[str],
) -> Decision:
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
        snapshot=_snapshot(facts, answers, ruleset, evaluation),
        degraded=[*failed, "rules"] if evaluation and evaluation.is_degraded else failed,
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


def _snapshot(
    facts: Facts,
    answers: Mapping[str, Answer],
    ruleset: LiveRuleset | None,
    evaluation: Evaluation | None,
) -> dict[str, Any]:
    """Model inputs are in `features`; together with these values they are all that the rules saw."""
    return {
        "values": {
            # JSON has no moments; a replay reads them back by the field's type.
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in facts.direct.items()
        },
        "probes": answers,
        "evaluation": evaluation.snapshot() if evaluation else None,
        "review_share": ruleset.policy.review_share if ruleset else None,
        "mark": facts.mark,
    }
