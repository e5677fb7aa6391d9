"""The watch over models: what a day's row says, when it changes, and when a training is asked for."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from risk import watch
from risk.models import Decision, Label, ModelHealth, ModelStatus, ModelVersion, ShadowScore, TrainingRun
from risk.watch import measure_models
from tests.make import NOON
from tests.risk.days import NAMES, WEIGHTS, decide, label
from tests.risk.guards import unguarded
from tests.risk.versions import make_linear_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def champion() -> ModelVersion:
    version = make_linear_model(WEIGHTS)
    ModelVersion.objects.update(created_at=NOON)
    return version


def health(model: ModelVersion, at: datetime) -> ModelHealth:
    return ModelHealth.objects.get(model=model, day=at.date())


def test_inputs_like_those_of_the_first_week_are_stable(champion: ModelVersion) -> None:
    start = NOON.replace(hour=0) + timedelta(days=1)
    for day in range(7):
        decide(champion, start + timedelta(days=day), 200)
    decide(champion, start + timedelta(days=8), 800)
    measure_models(at=start + timedelta(days=8, hours=21))
    row = health(champion, start + timedelta(days=8))
    assert row.rows == 800
    (used,) = (one for one in row.inputs if one["name"] == "order_amount_minor")
    assert used["weight"] == 1.0
    assert row.drift == used["index"] < 0.1
    assert not TrainingRun.objects.filter(status="queued").exists()


def test_inputs_that_moved_away_have_a_training_asked_for_once_a_week(champion: ModelVersion) -> None:
    start = NOON.replace(hour=0) + timedelta(days=1)
    for day in range(7):
        decide(champion, start + timedelta(days=day), 200)
    moved = [start + timedelta(days=day) for day in (8, 9, 16)]
    asked = []
    for midnight in moved:
        evening = midnight + timedelta(hours=21)
        decide(champion, midnight, 800, scale=40_000.0)
        measure_models(at=evening)
        asked.append(TrainingRun.objects.exclude(pk=champion.training_id).count())
        TrainingRun.objects.filter(status="queued").update(status="finished", created_at=evening)
    row = health(champion, moved[0])
    assert row.drift is not None
    assert row.drift > 0.25
    assert row.inputs[0]["name"] == "order_amount_minor"
    assert row.retraining is not None
    assert asked == [1, 1, 2]


def test_no_second_training_is_asked_for_while_one_waits(champion: ModelVersion) -> None:
    start = NOON.replace(hour=0) + timedelta(days=1)
    decide(champion, start, 600)
    decide(champion, start + timedelta(days=8), 800, scale=40_000.0)
    TrainingRun.objects.create(subject="order", as_of=NOON)
    measure_models(at=start + timedelta(days=8, hours=21))
    assert health(champion, start + timedelta(days=8)).drift is not None
    assert TrainingRun.objects.filter(status="queued").count() == 1


def test_what_the_model_learnt_from_is_the_reference_where_its_file_says_so() -> None:
    spread = {name: {"edges": [], "shares": [0.0, 1.0]} for name in NAMES}
    spread["order_amount_minor"] = {"edges": [100.0], "shares": [0.9, 0.1, 0.0]}
    score_reference = {"edges": [0.01], "shares": [0.9, 0.1, 0.0]}
    metadata = {"references": spread, "score_reference": score_reference}
    version = make_linear_model(WEIGHTS, metadata=metadata)
    day = NOON.replace(hour=0) + timedelta(days=1)
    decide(version, day, 600)
    measure_models(at=day + timedelta(hours=21))
    (used,) = (one for one in health(version, day).inputs if one["name"] == "order_amount_minor")
    assert used["index"] > 1  # a tenth was above 100 then, nine tenths are now
    assert health(version, day).scores["index"] > 1


def test_a_day_with_few_decisions_is_joined_with_those_before(champion: ModelVersion) -> None:
    start = NOON.replace(hour=0) + timedelta(days=1)
    for day in range(12):
        decide(champion, start + timedelta(days=day), 120)
    last = start + timedelta(days=11)
    measure_models(at=last + timedelta(hours=21))
    row = health(champion, last)
    assert (row.rows, (row.day - row.since).days) == (120, 4)
    assert sum(row.scores["counts"]) == 600
    assert row.drift is not None


def test_of_few_decisions_nothing_is_said_about_drift(champion: ModelVersion) -> None:
    day = NOON.replace(hour=0) + timedelta(days=1)
    decide(champion, day, 30)
    measure_models(at=day + timedelta(hours=21))
    row = health(champion, day)
    assert (row.drift, row.inputs, row.scores["index"]) == (None, [], None)
    assert sum(row.scores["counts"]) == 30


def test_a_busy_day_is_sampled_hour_by_hour(champion: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SAMPLE", 96)
    day = NOON.replace(hour=0) + timedelta(days=1)
    decide(champion, day, 200, hours=4)
    measure_models(at=day + timedelta(hours=21))
    row = health(champion, day)
    assert row.rows == 200
    assert 16 <= sum(row.scores["counts"]) <= 20  # four of each of the hours that had any


def test_outcomes_grow_as_labels_become_known(champion: ModelVersion) -> None:
    day = NOON.replace(hour=0) + timedelta(days=1)
    subjects = decide(champion, day, 300)
    measure_models(at=day + timedelta(hours=21))
    assert health(champion, day).outcomes["labels"] == 0
    # Every fifth is bad, whatever its score: no ranking is to be found.
    label(subjects[:200], np.arange(200) % 5 == 0, known_at=day + timedelta(days=2))
    measure_models(at=day + timedelta(days=3))
    outcomes = health(champion, day).outcomes
    assert (outcomes["scored"], outcomes["labels"], outcomes["bad"]) == (300, 200, 40)
    assert 0.35 < outcomes["auc"] < 0.65
    assert health(champion, day).week == outcomes  # the only day of its week


def test_labels_known_later_and_imported_ones_do_not_count(champion: ModelVersion) -> None:
    day = NOON.replace(hour=0) + timedelta(days=1)
    subjects = decide(champion, day, 10)
    label(subjects[:4], [True] * 4, known_at=day + timedelta(days=2))
    Label.objects.filter(subject_id=subjects[0]).update(source="imported")
    measure_models(at=day + timedelta(days=1))
    assert health(champion, day).outcomes["labels"] == 0
    measure_models(at=day + timedelta(days=3))
    assert health(champion, day).outcomes["labels"] == 3


def test_old_days_are_looked_up_on_sundays(champion: ModelVersion) -> None:
    day = NOON.replace(hour=0) + timedelta(days=1)
    subjects = decide(champion, day, 10)
    measure_models(at=day + timedelta(hours=21))
    label(subjects, [True] * 10, known_at=day + timedelta(days=20))
    late = day + timedelta(days=30)
    sunday = late + timedelta(days=(6 - late.weekday()) % 7)
    measure_models(at=sunday - timedelta(days=1))
    assert health(champion, day).outcomes["labels"] == 0
    measure_models(at=sunday)
    assert health(champion, day).outcomes["labels"] == 10


def test_the_same_day_again_replaces_its_row(champion: ModelVersion) -> None:
    day = NOON.replace(hour=0) + timedelta(days=1)
    decide(champion, day, 10)
    measure_models(at=day + timedelta(hours=21))
    decide(champion, day + timedelta(hours=22), 5, hours=1)
    assert measure_models(at=day + timedelta(days=1)) == 1
    assert health(champion, day).rows == 15
    assert measure_models(at=day + timedelta(days=1, hours=1)) == 0
    assert ModelHealth.objects.count() == 1


def test_a_subject_decided_twice_counts_once_as_it_was_last(champion: ModelVersion) -> None:
    day = NOON.replace(hour=0) + timedelta(days=1)
    subjects = decide(champion, day, 2)
    first, last = Decision.objects.order_by("id")
    Decision.objects.filter(pk=last.pk).update(subject_id=subjects[0], score=0.99)
    measure_models(at=day + timedelta(hours=21))
    assert health(champion, day).scores["counts"][-1] == 1
    assert health(champion, day).outcomes["scored"] == 1
    assert first.score != 0.99


def test_shadow_is_told_beside_the_champion(champion: ModelVersion) -> None:
    shadow = make_linear_model({}, status="shadow")
    ModelVersion.objects.filter(pk=shadow.pk).update(created_at=NOON)
    day = NOON.replace(hour=0) + timedelta(days=1)
    decide(champion, day, 40)
    decisions = list(Decision.objects.order_by("id"))
    for number, decision in enumerate(decisions):
        decision.score = 0.9 if number < 10 else 0.1
        decision.save(update_fields=["score"])
        score = 0.8 if number < 4 else 0.2
        ShadowScore.objects.create(decision_id=decision.pk, model=shadow, score=score)
    measure_models(at=day + timedelta(hours=21))
    assert health(shadow, day).comparison == {
        "decisions": 40,
        "champion_mean": 0.3,
        "shadow_mean": 0.26,
        "agreement": 0.85,
        "champion_held": 0.25,
        "shadow_held": 0.1,
        "review_at": pytest.approx(1 / 3),
    }
    assert health(champion, day).comparison == {}


def test_a_retired_model_is_not_watched(champion: ModelVersion) -> None:
    day = NOON.replace(hour=0) + timedelta(days=1)
    decide(champion, day, 10)
    with unguarded("risk_modelversion"):
        ModelVersion.objects.filter(pk=champion.pk).update(status=ModelStatus.RETIRED)
    assert measure_models(at=day + timedelta(hours=21)) == 0


def test_days_that_a_stopped_worker_left_out_are_made_up_for(champion: ModelVersion) -> None:
    start = NOON.replace(hour=0) + timedelta(days=1)
    for day in range(3):
        decide(champion, start + timedelta(days=day), 10)
    assert measure_models(at=start + timedelta(days=5)) == 3
