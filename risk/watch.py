"""Watch the models day by day, from stored decisions, and train again what drifted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from django.db.models import QuerySet

from core.ids import first_id_at
from ml.drift import LARGE_PSI, Reference, make_reference

from . import drift, live
from .brakes import MIN_VECTORS
from .inputs import current_inputs, is_declared
from .models import Decision, ModelHealth, ModelStatus, ModelVersion, ShadowScore, TrainingRun
from .monitoring import find_miscalibration, in_use_since, weigh_inputs
from .rulesets import policy_of
from .scoring import LiveModel
from .selectors import find_live
from .services import request_retraining
from .truths import read_truths
from .vectors import Floats, Ints, read_vectors

# Of a day; of more the first of every hour are taken, so that each hour has its share.
SAMPLE = 5_000
_HOURS = 24
# A day with few decisions is joined with those before it, so that a small marketplace sees drift too.
MOST_JOINED = 7
REFERENCE_DAYS = 7  # a week, so that every weekday is in it
# What a stopped worker left out is made up for.
LOOK_BACK = 14
# Labels of the last fortnight are looked up every night, older ones once a week, as they come ever slower.
# A chargeback comes within 60 days, and a month later nothing is expected any more.
FOLLOWED = 90
_SUNDAY = 6
RETRAIN_PAUSE = timedelta(days=7)
_DEFAULT_REVIEW_AT = 1 / 3  # of a subject without a live ruleset: what its pages show as medium
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scored:
    """What one model said of the decisions of a day, each (n,); `champion` is NaN where none scored."""

    subject_ids: Ints
    scores: Floats
    champion: Floats


def measure_models(*, at: datetime) -> int:
    """Measure every champion and shadow up to the day of `at`; return how many days were measured.

    The same day again replaces its row. A champion that has moved too far gets a training asked for.
    """
    watched = ModelVersion.objects.filter(status__in=(ModelStatus.CHAMPION, ModelStatus.SHADOW))
    measured = 0
    for version in watched.order_by("subject", "id"):
        if is_declared(version.subject, version.feature_hash):
            measured += _Watch(version, at).run()
            if version.status == ModelStatus.CHAMPION:
                _retrain_if_drifted(version, at)
    return measured


@dataclass
class _Watch:
    """One model's measurement. Days are read once, whatever asks for them."""

    version: ModelVersion
    at: datetime
    _vectors: dict[date, Floats] = field(default_factory=dict)
    _scored: dict[date, Scored] = field(default_factory=dict)
    _truths: dict[date, Mapping[int, bool]] = field(default_factory=dict)

    def run(self) -> int:
        version, today = self.version, self.at.astimezone(UTC).date()
        self.model: LiveModel = live.load_version(version)
        self.names, _ = current_inputs(version.subject)
        self.first = _made_at(version).astimezone(UTC).date()
        self.review_at = _review_at(version.subject)
        rows = {row.day: row for row in ModelHealth.objects.filter(model=version)}
        measured = 0
        for day in _days(max(self.first, today - LOOK_BACK * _DAY), today):
            row = rows.get(day)
            if row is None or row.measured_at < _start(day + _DAY):
                rows |= {day: fresh} if (fresh := self._measure(day)) else {}
                measured += day in rows
        for day in _followed(today):
            if day in rows and rows[day].outcomes_at < self.at:
                self._follow(rows[day])
        return measured

    def _measure(self, day: date) -> ModelHealth | None:
        """Store the day's row; None where there is nothing to say of it."""
        rows = _of_day(self._decisions(), day).count()
        if not rows:
            return None
        since = self._joined_since(day)
        joined = _days(since, day)
        now = np.concatenate([self._read_vectors(one) for one in joined])
        scored = [self._read_scored(one) for one in joined]
        earlier = _days(self.first, min(self.first + (REFERENCE_DAYS - 1) * _DAY, since - _DAY))
        inputs = self._inputs(now, earlier)
        then = [self._read_scored(one).scores for one in earlier]
        learnt = self.model.artifact.metadata.get("score_reference")
        scores = drift.measure_scores(
            np.concatenate([one.scores for one in scored]),
            np.concatenate([*then, np.empty(0)]),
            Reference.from_json(learnt) if learnt else None,
        )
        row, _ = ModelHealth.objects.update_or_create(
            model=self.version,
            day=day,
            defaults={
                "subject": self.version.subject,
                "since": since,
                "measured_at": self.at,
                "rows": rows,
                "drift": drift.mean_drift(inputs) if inputs else None,
                "inputs": [asdict(one) for one in inputs],
                "scores": drift.as_json(scores),
                "comparison": drift.as_json(self._compare(self._read_scored(day))),
                **self._outcomes(day),
            },
        )
        return row

    def _follow(self, row: ModelHealth) -> None:
        for name, value in self._outcomes(row.day).items():
            setattr(row, name, value)
        row.save(update_fields=["outcomes", "week", "outcomes_at"])

    # ── Figures ──────────────────────────────────────────────────────────────────────────────────
    def _inputs(self, now: Floats, earlier: Sequence[date]) -> list[drift.InputDrift]:
        """Return the drift from what the model learnt from, or else from its first week in use."""
        if len(now) < MIN_VECTORS:
            return []
        names = self.model.artifact.features
        columns = [self.names.index(name) for name in names]
        references = _stored_references(self.model)
        if references is None:
            before = np.concatenate([*map(self._read_vectors, earlier), np.empty((0, len(self.names)))])
            if len(before) < MIN_VECTORS:
                return []
            references = [make_reference(before[:, column]) for column in columns]
        weights = weigh_inputs(self.model, now, self.version.feature_hash)
        return drift.measure_inputs(references, now[:, columns], weights[columns], names)

    def _compare(self, scored: Scored) -> drift.Comparison | None:
        if self.version.status != ModelStatus.SHADOW:
            return None
        both = ~np.isnan(scored.champion)
        return drift.compare(scored.champion[both], scored.scores[both], review_at=self.review_at)

    def _outcomes(self, day: date) -> dict[str, Any]:
        days = _days(max(self.first, day - 6 * _DAY), day)
        scored = [self._read_scored(one) for one in days]
        truths: dict[int, bool] = {}
        for one in days:
            truths.update(self._read_truths(one))
        week = drift.measure_outcomes(
            np.concatenate([one.subject_ids for one in scored]),
            np.concatenate([one.scores for one in scored]),
            truths,
        )
        own = drift.measure_outcomes(scored[-1].subject_ids, scored[-1].scores, self._read_truths(day))
        return {"outcomes": drift.as_json(own), "week": drift.as_json(week), "outcomes_at": self.at}

    # ── Rows ─────────────────────────────────────────────────────────────────────────────────────
    def _decisions(self) -> QuerySet[Decision]:
        return Decision.objects.filter(
            subject_kind=self.version.subject, feature_hash=self.version.feature_hash
        )

    def _joined_since(self, day: date) -> date:
        """Return the first day to join so that there are enough rows, at most a week before."""
        since, rows = day, len(self._read_vectors(day))
        while rows < MIN_VECTORS and since > max(self.first, day - (MOST_JOINED - 1) * _DAY):
            since -= _DAY
            rows += len(self._read_vectors(since))
        return since

    def _read_vectors(self, day: date) -> Floats:
        if day not in self._vectors:
            parts = _sample(self._decisions(), day)
            self._vectors[day] = np.concatenate(
                [read_vectors(part, width=len(self.names))[1] for part in parts]
            )
        return self._vectors[day]

    def _read_scored(self, day: date) -> Scored:
        if day not in self._scored:
            is_shadow = self.version.status == ModelStatus.SHADOW
            self._scored[day] = (_read_shadow if is_shadow else _read_own)(self.version, day)
        return self._scored[day]

    def _read_truths(self, day: date) -> Mapping[int, bool]:
        if day not in self._truths:
            ids = self._read_scored(day).subject_ids.tolist()
            self._truths[day] = read_truths(self.version.subject, ids, at=self.at)
        return self._truths[day]


def _read_own(version: ModelVersion, day: date) -> Scored:
    rows = Decision.objects.filter(subject_kind=version.subject, model_id=version.pk, score__isnull=False)
    found = [row for part in _sample(rows, day) for row in part.values_list("subject_id", "score")]
    scores = np.array([score for _, score in found], dtype=np.float64)
    ids = np.array([id for id, _ in found], dtype=np.int64)
    return _newest_of_each(ids, scores, np.full(len(ids), np.nan))


def _read_shadow(version: ModelVersion, day: date) -> Scored:
    rows = ShadowScore.objects.filter(model=version)
    parts = _sample(rows, day, key="decision_id")
    scores = dict(row for part in parts for row in part.values_list("decision_id", "score"))
    ids, subjects, own, champion = sorted(scores), [], [], []
    for start in range(0, len(ids), 500):
        decisions = Decision.objects.filter(pk__in=ids[start : start + 500]).order_by("pk")
        for id, subject_id, score in decisions.values_list("pk", "subject_id", "score"):
            subjects.append(subject_id)
            own.append(scores[id])
            champion.append(np.nan if score is None else score)
    return _newest_of_each(np.array(subjects, dtype=np.int64), np.array(own), np.array(champion))


def _newest_of_each(subject_ids: Ints, scores: Floats, champion: Floats) -> Scored:
    """Keep the last decision of a subject that was decided more than once; rows come in order of time."""
    last = len(subject_ids) - 1 - np.unique(subject_ids[::-1], return_index=True)[1]
    return Scored(subject_ids[last], scores[last].astype(np.float64), champion[last].astype(np.float64))


def _sample(rows: QuerySet[Any], day: date, key: str = "id") -> list[QuerySet[Any]]:
    """Return queries that give a day's rows, or an even share of every hour's if there are more than SAMPLE.

    key    the time-ordered column
    """
    whole = _of_day(rows, day, key).order_by(key)
    if whole[: SAMPLE + 1].count() <= SAMPLE:
        return [whole]
    hours = [_start(day) + timedelta(hours=hour) for hour in range(_HOURS + 1)]
    return [
        _between(rows, since, until, key).order_by(key)[: SAMPLE // _HOURS]
        for since, until in pairwise(hours)
    ]


def _of_day(rows: QuerySet[Any], day: date, key: str = "id") -> QuerySet[Any]:
    return _between(rows, _start(day), _start(day + _DAY), key)


def _between(rows: QuerySet[Any], since: datetime, until: datetime, key: str) -> QuerySet[Any]:
    return rows.filter(**{f"{key}__gte": first_id_at(since), f"{key}__lt": first_id_at(until)})


def _stored_references(model: LiveModel) -> list[Reference] | None:
    """Return how the inputs were spread when the model learnt, None if its file does not say."""
    stored: Mapping[str, Any] = model.artifact.metadata.get("references") or {}
    if not all(name in stored for name in model.artifact.features):
        return None
    return [Reference.from_json(stored[name]) for name in model.artifact.features]


def _made_at(version: ModelVersion) -> datetime:
    """Return since when its scores count: a champion's since its promotion, a shadow's since it was made."""
    return in_use_since(version) if version.status == ModelStatus.CHAMPION else version.created_at


def _review_at(subject: str) -> float:
    ruleset = find_live(subject)
    return policy_of(ruleset.policy).thresholds.review_at if ruleset else _DEFAULT_REVIEW_AT


def _followed(today: date) -> list[date]:
    oldest = FOLLOWED if today.weekday() == _SUNDAY else LOOK_BACK
    return _days(today - oldest * _DAY, today)


def _days(first: date, last: date) -> list[date]:
    return [first + number * _DAY for number in range((last - first).days + 1)]


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# ── Training again ───────────────────────────────────────────────────────────────────────────────
def _retrain_if_drifted(champion: ModelVersion, at: datetime) -> None:
    """Ask for a training if the champion's inputs or probabilities are beyond their limits, once a week.

    The brake compares a day with the week before and so overlooks what creeps;
    this compares with what the model learnt from. The limit is the same: above
    0.25 a scorecard is to be built anew (Siddiqi 2006).
    """
    row = ModelHealth.objects.filter(model=champion).order_by("day").last()
    if row is None:
        return
    if not (row.drift is not None and row.drift > LARGE_PSI) and find_miscalibration(champion, at) is None:
        return
    asked = ModelHealth.objects.filter(subject=champion.subject, retraining__isnull=False)
    if not asked.filter(retraining__created_at__gt=at - RETRAIN_PAUSE).exists():
        row.retraining = request_retraining(champion.subject, cause=TrainingRun.Cause.DRIFT, at=at)
        row.save(update_fields=["retraining"])
