"""Decide stored decisions again, from their rows alone, and say what differs.

A row holds what was seen: the model inputs, the other facts, what lists answered,
which rules were without effect, and what had failed. It names what judged: a
ruleset and a model, both kept unchanged for good. So the same judgement must come
out at any later time, whatever rules, models and lists have become since.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import numpy as np
from django.db.models import QuerySet

from core.ids import first_id_at
from core.refs import Ref
from ml.arrays import Floats
from ml.errors import LearningError

from .inputs import input_names_of, is_declared
from .live import ModelBraked, find_champion, find_live_ruleset, load_version
from .models import Decision, ModelVersion, RuleSet
from .policy import Outcome, OutcomeKind, PolicyReason, choose_outcome, is_sampled
from .rules.engine import Evaluation
from .rules.errors import RulesetError
from .rules.schema import FieldType
from .rulesets import LiveRuleset, compile_rows
from .schemas import schema_of
from .scoring import LiveModel, carried_score
from .version import code_version

Judging = TypeVar("Judging", LiveRuleset, LiveModel)
CHUNK_ROWS = 1_000
EXAMPLES = 20
# What stands in `degraded` for a score that could not be had: it stays failed in a replay.
_NO_SCORE = frozenset({"score", "model", "model_braked"})


class Unreplayable(ValueError):
    """What judged, or the names of what it saw, cannot be had any more.

    code    inputs: another version of the code declares other inputs; ruleset, model: the one
            that the decision names is gone or unreadable
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, eq=False)
class Seen:
    """What one decision saw, as its row holds it.

    values          what the rules read: model inputs, other facts, answers of lists
    vector          (n_inputs,) model inputs, NaN is missing
    probes          the part of `values` that lists answered
    muted           rule code → why the rule was recorded without effect
    failed          what had failed outside the rules
    failed_rules    rule code → what it raised
    misfit_facts    field → what was wrong with its fact, which counted as missing
    """

    subject: Ref
    values: Mapping[str, object]
    vector: Floats
    feature_hash: str
    probes: Mapping[str, object] = field(default_factory=dict)
    muted: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    failed_rules: Mapping[str, str] = field(default_factory=dict)
    misfit_facts: Mapping[str, str] = field(default_factory=dict)
    review_share: float = 0.0


@dataclass(frozen=True)
class Replayed:
    """What comes out of judging what was seen; `evaluation` and `score` are None where they had failed."""

    outcome: Outcome
    score: float | None
    evaluation: Evaluation | None
    degraded: tuple[str, ...]
    is_sampled: bool


@dataclass(frozen=True)
class Difference:
    """One stored field that a replay does not give. `kind` is the field, or "rule" for a rule's result."""

    kind: str
    name: str
    stored: object
    replayed: object


@dataclass
class Report:
    """What a replay of many decisions found.

    kinds             kind of difference → in how many decisions
    skipped           code of Unreplayable → how many; their outcome is not known, so they are no match
    other_versions    code version → decisions made by it; context, not a difference
    examples          the first differing decisions
    """

    replayed: int = 0
    differing: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    other_versions: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, tuple[Difference, ...]]] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing differs, and whatever judged is still there. Inputs of another version are no fault."""
        return not self.differing and not self.skipped.keys() - {"inputs"}


class Archive:
    """The rulesets and models that decisions name, each read and compiled once.

    with_live    take what this process judges with, where a decision names it: a worker that
                 explains right after the commit need not read and check the model file again
    """

    def __init__(self, *, with_live: bool = False) -> None:
        self._with_live = with_live
        self._rulesets: dict[int, LiveRuleset] = {}
        self._models: dict[int, LiveModel] = {}

    def ruleset_of(self, decision: Decision) -> LiveRuleset | None:
        """Return what judged, None if nothing could; Unreplayable if it is gone or unreadable."""
        id = decision.ruleset_id
        if id is None:
            return None
        if id not in self._rulesets:
            live = _held(find_live_ruleset, decision.subject_kind, id) if self._with_live else None
            try:
                self._rulesets[id] = live or compile_rows(RuleSet.objects.get(pk=id))
            except (RuleSet.DoesNotExist, RulesetError, ValueError, TypeError, KeyError) as error:
                raise Unreplayable(f"Ruleset {id}: {error}", code="ruleset") from None
        return self._rulesets[id]

    def model_of(self, decision: Decision) -> LiveModel | None:
        """Return what scored, None if nothing did; Unreplayable if it is gone or altered."""
        id = decision.model_id
        if id is None or _NO_SCORE.intersection(decision.degraded):
            return None
        if id not in self._models:
            live = _held(find_champion, decision.subject_kind, id) if self._with_live else None
            try:
                self._models[id] = live or load_version(ModelVersion.objects.get(pk=id))
            except (ModelVersion.DoesNotExist, LearningError, OSError, ValueError) as error:
                raise Unreplayable(f"Model {id}: {error}", code="model") from None
        return self._models[id]


def redecide(decision: Decision, ruleset: LiveRuleset | None, model: LiveModel | None) -> Replayed:
    """Judge again what a decision saw; pure, and nothing but the row is read.

    ruleset    the one that the decision names, None where it had none
    model      likewise; None leaves the score missing

    Raises Unreplayable if this version of the code cannot name the stored inputs.
    """
    return judge(seen_by(decision), ruleset, model)


def seen_by(decision: Decision) -> Seen:
    """Return what a decision saw; keys that older rows lack are empty."""
    snapshot: Mapping[str, Any] = decision.snapshot
    evaluation: Mapping[str, Any] = snapshot.get("evaluation") or {}
    if not is_declared(decision.subject_kind, decision.feature_hash):
        raise Unreplayable("The stored inputs are those of another version.", code="inputs")
    names = input_names_of(decision.subject_kind, decision.feature_hash)
    vector = np.frombuffer(decision.features, dtype="<f8")
    values: dict[str, object] = dict(zip(names, vector.tolist(), strict=True))
    values.update(_revived(decision.subject_kind, snapshot.get("values") or {}))
    values.update(snapshot.get("probes") or {})
    misfits: Mapping[str, str] = evaluation.get("misfit_facts") or {}
    values.update(dict.fromkeys(misfits))
    return Seen(
        subject=Ref(decision.subject_kind, decision.subject_id),
        values=values,
        vector=vector,
        feature_hash=decision.feature_hash,
        probes=snapshot.get("probes") or {},
        muted=evaluation.get("muted") or {},
        failed=tuple(name for name in decision.degraded if name != "rules"),
        failed_rules=evaluation.get("failed_rules") or {},
        misfit_facts=misfits,
        review_share=snapshot.get("review_share") or 0.0,
    )


def judge(seen: Seen, ruleset: LiveRuleset | None, model: LiveModel | None) -> Replayed:
    """Judge what was seen, or what might have been; what had failed stays failed."""
    score = _score(seen, model)
    if ruleset is None:
        outcome = Outcome(OutcomeKind.REVIEW, (PolicyReason.DEGRADED,))
        return Replayed(outcome, score, None, seen.failed, is_sampled=False)
    evaluation = _with_failures(ruleset.rules.evaluate(seen.values, muted=seen.muted), seen)
    outcome = choose_outcome(evaluation, score, ruleset.policy.thresholds, degraded=bool(seen.failed))
    return Replayed(
        outcome,
        score,
        evaluation,
        (*seen.failed, "rules") if evaluation.is_degraded else seen.failed,
        is_sampled(str(seen.subject), outcome, seen.review_share),
    )


def _score(seen: Seen, model: LiveModel | None) -> float | None:
    if model is not None:
        return model.score(seen.vector, seen.feature_hash)
    return None if "score" in seen.failed else carried_score(seen.subject.kind, seen.values)


def find_differences(decision: Decision, archive: Archive) -> tuple[Difference, ...]:
    """Return every stored field that a replay does not give; Unreplayable if it cannot be replayed."""
    ruleset, model = archive.ruleset_of(decision), archive.model_of(decision)
    replayed = redecide(decision, ruleset, model)
    found = [
        Difference(name, name, stored, value)
        for name, stored, value in _compared(decision, replayed, ruleset, model)
        if stored != value
    ]
    return (*found, *_rule_differences(decision, replayed.evaluation))


def replay(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    subject: str | None = None,
    ids: Sequence[int] | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Replay the decisions of a period, oldest first, in chunks; nothing is written.

    since, until    moments of deciding, until excluded
    ids             only these
    progress        called with the number done so far, after each chunk
    """
    report, archive = Report(), Archive()
    chunks = _chunks(since=since, until=until, subject=subject, ids=ids, limit=limit)
    done = 0
    for decisions in chunks:
        for decision in decisions:
            _replay_one(decision, archive, report)
        done += len(decisions)
        progress(done)
    return report


def count_decisions(
    *, since: datetime | None, until: datetime | None, subject: str | None, limit: int | None
) -> int:
    """Return how many decisions replay() would take."""
    found = _selected(since=since, until=until, subject=subject, ids=None).count()
    return found if limit is None else min(found, limit)


def _replay_one(decision: Decision, archive: Archive, report: Report) -> None:
    if decision.code_version != code_version():
        report.other_versions[decision.code_version] += 1
    try:
        found = find_differences(decision, archive)
    except Unreplayable as reason:
        report.skipped[reason.code] += 1
        return
    report.replayed += 1
    if found:
        report.differing += 1
        report.kinds.update({difference.kind for difference in found})
        if len(report.examples) < EXAMPLES:
            report.examples.append((decision.pk, found))


def _selected(
    *, since: datetime | None, until: datetime | None, subject: str | None, ids: Sequence[int] | None
) -> QuerySet[Decision]:
    found = Decision.objects.order_by("id")
    # Ids are ordered by time and are the only index that a period has.
    if since is not None:
        found = found.filter(id__gte=first_id_at(since))
    if until is not None:
        found = found.filter(id__lt=first_id_at(until))
    if subject is not None:
        found = found.filter(subject_kind=subject)
    return found if ids is None else found.filter(pk__in=ids)


def _chunks(*, limit: int | None, **which: Any) -> Iterator[list[Decision]]:
    last, left = 0, limit
    while left is None or left > 0:
        size = CHUNK_ROWS if left is None else min(CHUNK_ROWS, left)
        chunk = list(_selected(**which).filter(id__gt=last)[:size])
        if not chunk:
            return
        yield chunk
        last = chunk[-1].pk
        left = None if left is None else left - len(chunk)


def _compared(
    decision: Decision, replayed: Replayed, ruleset: LiveRuleset | None, model: LiveModel | None
) -> Iterator[tuple[str, object, object]]:
    """Yield each field with what is stored and what comes out; equal means exactly equal."""
    evaluation = replayed.evaluation
    yield "outcome", decision.outcome, replayed.outcome.kind.value
    yield "reason_codes", decision.reason_codes, [str(reason) for reason in replayed.outcome.reasons]
    yield "score", decision.score, replayed.score
    yield "points", decision.points, evaluation.points if evaluation else 0
    yield "queue_code", decision.queue_code, evaluation.queue or "" if evaluation else ""
    yield "tags", decision.tags, list(evaluation.tags) if evaluation else []
    yield "degraded", decision.degraded, list(replayed.degraded)
    yield "is_sampled", decision.is_sampled, replayed.is_sampled
    if ruleset is not None:
        yield "ruleset_hash", decision.ruleset_hash, ruleset.content_hash
    if model is not None:
        yield "model_hash", decision.model_hash, model.sha256


def _rule_differences(decision: Decision, evaluation: Evaluation | None) -> Iterator[Difference]:
    stored = (decision.snapshot.get("evaluation") or {}).get("results") or {}
    replayed = evaluation.results if evaluation else {}
    for code in dict.fromkeys((*stored, *replayed)):
        before, after = stored.get(code, "absent"), replayed.get(code, "absent")
        if before is not after and before != after:
            yield Difference("rule", code, before, after)


def _held(find: Callable[[str], Judging | None], subject: str, id: int) -> Judging | None:
    """Return what is live if it is the one; whatever is wrong with it is no fault of an older one."""
    try:
        found = find(subject)
    except (ModelBraked, RulesetError, LearningError, OSError, ValueError):
        return None
    return found if found is not None and found.id == id else None


def _with_failures(evaluation: Evaluation, seen: Seen) -> Evaluation:
    """Return the evaluation with the failures that happened then."""
    if not (seen.failed_rules or seen.misfit_facts):
        return evaluation
    return replace(
        evaluation,
        results={**evaluation.results, **dict.fromkeys(seen.failed_rules)},
        hits=tuple(rule for rule in evaluation.hits if rule.code not in seen.failed_rules),
        failed_rules={**evaluation.failed_rules, **seen.failed_rules},
        misfit_facts={**evaluation.misfit_facts, **seen.misfit_facts},
    )


def _revived(subject: str, stored: Mapping[str, object]) -> dict[str, object]:
    """Return facts as the rules saw them: JSON has no moments."""
    moments = _moment_names(subject)
    if not moments:
        return dict(stored)
    return {
        name: datetime.fromisoformat(value) if name in moments and isinstance(value, str) else value
        for name, value in stored.items()
    }


@cache
def _moment_names(subject: str) -> frozenset[str]:
    return frozenset(field.name for field in schema_of(subject).fields if field.type is FieldType.MOMENT)
