"""Reads on decisions, rulesets, lists, brakes, models, labels and alerts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
from django.db.models import Q, QuerySet
from django.utils import timezone

from core.encryption import decrypt, mask
from core.errors import NotFound
from core.ids import first_id_at
from core.refs import Ref

from .models import (
    FRESH_FOR,
    AccountScore,
    Activation,
    Alert,
    Backtest,
    Brake,
    Decision,
    EntityList,
    Label,
    ListEntry,
    ListVersion,
    ModelComparison,
    ModelPromotion,
    ModelStatus,
    ModelVersion,
    RuleSet,
    RuleSetStatus,
    RuleSnooze,
    Subject,
    TrainingRun,
)


@dataclass(frozen=True)
class FeatureValues:
    """A decision's stored model inputs, by name; NaN is missing."""

    names: tuple[str, ...]
    vector: npt.NDArray[np.float64]

    def __getitem__(self, name: str) -> float:
        return float(self.vector[self.names.index(name)])


def find_decision(subject: Ref) -> Decision | None:
    """Return the newest decision on a subject."""
    return Decision.objects.filter(subject_kind=subject.kind, subject_id=subject.id).order_by("-id").first()


def get_decision(decision_id: int) -> Decision:
    try:
        return Decision.objects.get(pk=decision_id)
    except Decision.DoesNotExist:
        raise NotFound("No such decision.") from None


def list_decisions(
    *, subject: str | None = None, merchant_ids: frozenset[int] | None = None
) -> QuerySet[Decision]:
    """List decisions, newest first.

    merchant_ids    None = of every merchant; a merchant never reads the judgement of its own account
    """
    decisions = Decision.objects.order_by("-id")
    if subject is not None:
        decisions = decisions.filter(subject_kind=subject)
    if merchant_ids is None:
        return decisions
    return decisions.filter(merchant_id__in=merchant_ids).exclude(subject_kind=Subject.MERCHANT)


def features_of(decision: Decision) -> FeatureValues:
    """Return the model inputs a decision saw; ValueError if their schema is no longer declared."""
    from .inputs import input_names_of

    names = input_names_of(decision.subject_kind, decision.feature_hash)
    return FeatureValues(names, np.frombuffer(decision.features, dtype="<f8"))


def list_rulesets(subject: str | None = None) -> QuerySet[RuleSet]:
    rulesets = RuleSet.objects.select_related("author").order_by("subject", "-number")
    return rulesets if subject is None else rulesets.filter(subject=subject)


def get_ruleset(ruleset_id: int) -> RuleSet:
    try:
        return RuleSet.objects.select_related("author").get(pk=ruleset_id)
    except RuleSet.DoesNotExist:
        raise NotFound("No such ruleset.") from None


def find_live(subject: str) -> RuleSet | None:
    return RuleSet.objects.filter(subject=subject, status=RuleSetStatus.LIVE).first()


def find_fresh_backtest(content_hash: str, *, at: datetime) -> Backtest | None:
    """Return the newest finished backtest of exactly this content that an approval may rest on."""
    return (
        Backtest.objects.filter(
            kind=Backtest.Kind.RULESET,
            status=Backtest.Status.FINISHED,
            content_hash=content_hash,
            finished_at__range=(at - FRESH_FOR, at),
        )
        .order_by("finished_at")
        .last()
    )


def list_activations(ruleset: RuleSet) -> QuerySet[Activation]:
    """List a ruleset's approvals, newest first."""
    approvals = ruleset.activations.select_related("author", "last_editor", "approver", "backtest")
    return approvals.order_by("-approved_at", "-pk")


def find_rollback_target(subject: str) -> RuleSet | None:
    """Return the version that was live before the present one first was, None if there was none.

    Before it *first* was: rolling back twice goes back two versions, not to and fro.
    """
    history = Activation.objects.filter(ruleset__subject=subject, activated_at__isnull=False)
    history = history.order_by("activated_at", "pk")
    present = history.filter(ruleset__status=RuleSetStatus.LIVE).first()
    if present is None:
        return None
    earlier = history.filter(activated_at__lte=present.activated_at, pk__lt=present.pk)
    before = earlier.exclude(ruleset_id=present.ruleset_id).select_related("ruleset").last()
    return before.ruleset if before else None


def list_models(subject: str | None = None) -> QuerySet[ModelVersion]:
    models = ModelVersion.objects.select_related("training").order_by("subject", "-number")
    return models if subject is None else models.filter(subject=subject)


def get_model(model_id: int) -> ModelVersion:
    try:
        return ModelVersion.objects.select_related("training").get(pk=model_id)
    except ModelVersion.DoesNotExist:
        raise NotFound("No such model.") from None


def find_champion_version(subject: str) -> ModelVersion | None:
    """Return the row of the present champion; `risk.live.find_champion` gives what scores."""
    return ModelVersion.objects.filter(subject=subject, status=ModelStatus.CHAMPION).first()


def champion_at(subject: str, moment: datetime) -> ModelVersion | None:
    """Return who was champion at a moment, None if nobody was; one that begins then counts."""
    stood = Q(ended_at=None) | Q(ended_at__gt=moment)
    promotions = ModelPromotion.objects.filter(stood, subject=subject, promoted_at__lte=moment)
    promotion = promotions.select_related("model").order_by("promoted_at", "pk").last()
    return promotion.model if promotion else None


def list_promotions(subject: str) -> QuerySet[ModelPromotion]:
    """List who was champion of a subject from when to when, newest first."""
    promotions = ModelPromotion.objects.filter(subject=subject)
    return promotions.select_related("model", "requested_by", "approver", "comparison").order_by("-pk")


def find_promotion_to_return_to(subject: str) -> ModelPromotion | None:
    """Return the promotion of the model that was champion before the present one first was.

    Before it *first* was: rolling back twice goes back two champions, not to and fro.
    """
    history = ModelPromotion.objects.filter(subject=subject).order_by("promoted_at", "pk")
    present = history.filter(model__status=ModelStatus.CHAMPION).first()
    if present is None:
        return None
    earlier = history.filter(promoted_at__lte=present.promoted_at, pk__lt=present.pk)
    before = earlier.exclude(model_id=present.model_id).filter(ended_at__isnull=False)
    return before.select_related("model", "comparison").last()


def list_comparisons(model: ModelVersion) -> QuerySet[ModelComparison]:
    """List a model's comparisons, newest first."""
    return model.comparisons.select_related("champion", "requested_by").order_by("-id")


def find_passing_comparison(model: ModelVersion, *, at: datetime) -> ModelComparison | None:
    """Return the comparison that a promotion of this model may rest on at a moment.

    Only the newest of exactly these two counts: one that passed does not outlive one that failed later.
    """
    champion = find_champion_version(model.subject)
    newest = (
        model.comparisons.filter(
            status=ModelComparison.Status.FINISHED,
            sha256=model.sha256,
            champion_sha256="" if champion is None else champion.sha256,
            finished_at__range=(at - FRESH_FOR, at),
        )
        .order_by("finished_at", "pk")
        .last()
    )
    return newest if newest is not None and newest.passes else None


def list_training_runs(subject: str | None = None) -> QuerySet[TrainingRun]:
    runs = TrainingRun.objects.order_by("-id")
    return runs if subject is None else runs.filter(subject=subject)


def list_labels(subject: Ref) -> QuerySet[Label]:
    return (
        Label.objects.standing().filter(subject_kind=subject.kind, subject_id=subject.id).order_by("known_at")
    )


def list_open_alerts() -> QuerySet[Alert]:
    return Alert.objects.filter(acknowledged_at=None).select_related("merchant").order_by("-id")


def list_alerts_of(merchant_id: int) -> QuerySet[Alert]:
    return Alert.objects.filter(merchant_id=merchant_id).order_by("-id")


def list_account_scores(merchant_id: int, *, since: datetime) -> QuerySet[AccountScore]:
    return AccountScore.objects.filter(merchant_id=merchant_id, as_of__gte=since).order_by("as_of")


# ── Lists, snoozes, brakes ───────────────────────────────────────────────────────────────────────
def list_lists(*, archived: bool = False) -> QuerySet[EntityList]:
    """List the lists in use by code, or those put away."""
    return EntityList.objects.filter(archived_at__isnull=not archived).order_by("code")


def get_list(code: str) -> EntityList:
    try:
        return EntityList.objects.get(code=code)
    except EntityList.DoesNotExist:
        raise NotFound("No such list.") from None


def list_entries(entity_list: EntityList, *, search: str = "") -> QuerySet[ListEntry]:
    """List what a list holds now, newest first.

    search    part of a text, or exactly one identifier: of those only fingerprints can be compared
    """
    from .list_values import BadValue, compared, normalise

    entries = ListEntry.objects.filter(list=entity_list, removed_in=None).order_by("-id")
    if not search.strip():
        return entries
    try:
        value = compared(entity_list.kind, normalise(entity_list.kind, search))
    except BadValue:
        return entries.none()
    return entries.filter(key=value) if isinstance(value, int) else entries.filter(text__icontains=value)


def shown_value(entry: ListEntry) -> str:
    """Return an entry for people: a text as it is, an identifier but for its last characters masked."""
    return entry.text if entry.sealed is None else mask(decrypt(entry.sealed))


def list_versions(entity_list: EntityList) -> QuerySet[ListVersion]:
    """List the changes of a list, newest first."""
    return ListVersion.objects.filter(list=entity_list).select_related("author").order_by("-number")


def list_snoozes(*, at: datetime | None, subject: str | None = None) -> QuerySet[RuleSnooze]:
    """List the snoozes that stand at a moment, the first to end first; None = all ever, newest first."""
    snoozes = RuleSnooze.objects.select_related("author", "ended_by")
    if subject is not None:
        snoozes = snoozes.filter(subject=subject)
    if at is None:
        return snoozes.order_by("-id")
    return snoozes.filter(ended_at=None, until__gt=at).order_by("until", "id")


def get_snooze(snooze_id: int) -> RuleSnooze:
    try:
        return RuleSnooze.objects.get(pk=snooze_id)
    except RuleSnooze.DoesNotExist:
        raise NotFound("No such snooze.") from None


def list_brakes(*, is_standing: bool | None = None, subject: str | None = None) -> QuerySet[Brake]:
    """List brakes, newest first; is_standing None = released ones too."""
    brakes = Brake.objects.select_related("pulled_by", "released_by").order_by("-id")
    if subject is not None:
        brakes = brakes.filter(subject=subject)
    return brakes if is_standing is None else brakes.filter(released_at__isnull=is_standing)


def get_brake(brake_id: int) -> Brake:
    try:
        return Brake.objects.get(pk=brake_id)
    except Brake.DoesNotExist:
        raise NotFound("No such brake.") from None


@dataclass(frozen=True)
class Latency:
    """How long one step of deciding took, in microseconds: half, 95 % and 99 % took no longer."""

    p50: int
    p95: int
    p99: int


@dataclass(frozen=True)
class LatencyDay:
    """One day's decisions. `steps`: step → latency, in the order in which they run; `total` of all steps."""

    day: date
    count: int
    steps: Mapping[str, Latency]
    total: Latency


def latency_by_day(subject: str, since: datetime) -> list[LatencyDay]:
    """Return how long deciding took, oldest day first, of the newest 50,000 decisions; one query."""
    found = Decision.objects.filter(subject_kind=subject, id__gte=first_id_at(since)).order_by("-id")
    days: dict[date, list[Mapping[str, int]]] = defaultdict(list)
    for created_at, latency in found.values_list("created_at", "latency_us")[:_LATENCY_ROWS].iterator():
        if latency:
            days[timezone.localtime(created_at).date()].append(latency)
    return [_latency_day(day, days[day]) for day in sorted(days)]


_LATENCY_ROWS = 50_000


def _latency_day(day: date, rows: Sequence[Mapping[str, int]]) -> LatencyDay:
    # A JSON column need not keep the order of keys.
    steps = [step for step in _STEPS if any(step in row for row in rows)]
    steps += sorted({step for row in rows for step in row} - set(steps))
    return LatencyDay(
        day,
        len(rows),
        {step: _percentiles([row[step] for row in rows if step in row]) for step in steps},
        _percentiles([sum(row.values()) for row in rows]),
    )


_STEPS = ("facts", "lists", "rules", "score")


def _percentiles(values: Sequence[int]) -> Latency:
    """Take values that occurred, by nearest rank."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99), method="inverted_cdf")
    return Latency(int(p50), int(p95), int(p99))
