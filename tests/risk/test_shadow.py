"""Shadow scores: what a model that is not live would have said, on traffic it has not seen."""

from datetime import datetime, timedelta

import pytest

from core.ids import first_id_at
from risk import shadow as scoring
from risk.decide import decide_order
from risk.live import load_version
from risk.models import Decision, ModelVersion, ShadowScore
from risk.selectors import features_of
from risk.shadow import WINDOW, score_recent
from tests.make import NOON, make_live_ruleset, make_order
from tests.risk.guards import refused, unguarded
from tests.risk.versions import make_linear_model, make_model

pytestmark = pytest.mark.django_db


def decide(*, made_at: datetime) -> Decision:
    decision = decide_order(make_order(), as_of=NOON)
    Decision.objects.filter(pk=decision.pk).delete()
    decision.pk = first_id_at(made_at) + decision.pk % 2**21
    decision.save(force_insert=True)
    return decision


@pytest.fixture
def shadow() -> ModelVersion:
    make_live_ruleset()
    make_model()
    version = make_linear_model({"order_amount_minor": 0.3}, status="shadow")
    ModelVersion.objects.update(created_at=NOON)
    return ModelVersion.objects.get(pk=version.pk)


def test_each_later_decision_is_scored_once(shadow: ModelVersion) -> None:
    decisions = [decide(made_at=NOON + timedelta(minutes=minute)) for minute in (1, 2)]
    at = NOON + timedelta(hours=1)
    assert score_recent(at=at) == 2
    assert score_recent(at=at) == 0
    scores = ShadowScore.objects.filter(model=shadow)
    assert {score.decision_id for score in scores} == {decision.pk for decision in decisions}


def test_a_shadow_score_is_what_the_model_says_of_the_stored_vector(shadow: ModelVersion) -> None:
    decision = decide(made_at=NOON + timedelta(minutes=1))
    score_recent(at=NOON + timedelta(hours=1))
    expected = load_version(shadow).score(features_of(decision).vector, decision.feature_hash)
    assert ShadowScore.objects.get().score == expected
    assert ShadowScore.objects.get().score != decision.score


def test_what_was_decided_before_the_model_was_made_is_left_out(shadow: ModelVersion) -> None:
    decide(made_at=NOON - timedelta(minutes=1))
    assert score_recent(at=NOON + timedelta(hours=1)) == 0


def test_what_is_older_than_the_window_is_left_out(shadow: ModelVersion) -> None:
    decide(made_at=NOON + timedelta(minutes=1))
    assert score_recent(at=NOON + WINDOW + timedelta(minutes=2)) == 0


def test_vectors_of_another_schema_are_left_out(shadow: ModelVersion) -> None:
    decision = decide(made_at=NOON + timedelta(minutes=1))
    Decision.objects.filter(pk=decision.pk).update(feature_hash="0" * 64)
    assert score_recent(at=NOON + timedelta(hours=1)) == 0


def test_a_backlog_is_worked_off_batch_by_batch(
    shadow: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BATCH", 2)
    for minute in range(5):
        decide(made_at=NOON + timedelta(minutes=minute))
    assert score_recent(at=NOON + timedelta(hours=1)) == 5


def test_a_batch_is_read_scored_and_written_chunk_by_chunk(
    shadow: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "CHUNK", 2)
    decisions = [decide(made_at=NOON + timedelta(minutes=minute)) for minute in range(5)]
    assert score_recent(at=NOON + timedelta(hours=1)) == 5
    stored = ShadowScore.objects.order_by("decision_id").values_list("decision_id", "score")
    model = load_version(shadow)
    for decision, (id, score) in zip(decisions, stored, strict=True):
        assert id == decision.pk
        assert score == model.score(features_of(decision).vector, decision.feature_hash)


def test_a_tick_without_time_left_scores_one_batch(
    shadow: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BATCH", 2)
    for minute in range(5):
        decide(made_at=NOON + timedelta(minutes=minute))
    assert score_recent(at=NOON + timedelta(hours=1), within=timedelta()) == 2
    assert score_recent(at=NOON + timedelta(hours=1)) == 3


def test_what_a_killed_worker_did_not_commit_is_scored_by_the_next(
    shadow: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BATCH", 2)
    for minute in range(4):
        decide(made_at=NOON + timedelta(minutes=minute))
    write, calls = scoring._write, []

    def killed(*values: object) -> None:
        calls.append(values)
        write(*values)  # type: ignore[arg-type]
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        score_recent(at=NOON + timedelta(hours=1))
    assert ShadowScore.objects.count() == 2
    assert score_recent(at=NOON + timedelta(hours=1)) == 2


def test_a_decision_that_commits_late_is_scored_after_younger_ones(shadow: ModelVersion) -> None:
    decide(made_at=NOON + timedelta(minutes=30))
    assert score_recent(at=NOON + timedelta(hours=1)) == 1
    decide(made_at=NOON + timedelta(minutes=2))
    assert score_recent(at=NOON + timedelta(hours=1)) == 1


def test_scores_of_a_model_that_is_gone_are_not_written(
    shadow: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(made_at=NOON + timedelta(minutes=1))
    monkeypatch.setattr(scoring, "_hold", lambda version: False)
    assert score_recent(at=NOON + timedelta(hours=1)) == 0
    assert not ShadowScore.objects.exists()


def test_the_database_refuses_a_score_of_a_model_that_is_not_there(shadow: ModelVersion) -> None:
    with refused("shadow_score_has_model"):
        ShadowScore.objects.create(decision_id=1, model_id=shadow.pk + 1, score=0.5)
    score = ShadowScore.objects.create(decision_id=1, model=shadow, score=0.5)
    with refused("moved_shadow_score_has_model"):
        ShadowScore.objects.filter(pk=score.pk).update(model_id=shadow.pk + 1)


def test_the_database_keeps_a_model_that_has_scores(shadow: ModelVersion) -> None:
    score = ShadowScore.objects.create(decision_id=1, model=shadow, score=0.5)
    with refused("model_with_shadow_scores_is_kept"):
        ModelVersion.objects.filter(pk=shadow.pk)._raw_delete("default")
    score.delete()
    assert ModelVersion.objects.filter(pk=shadow.pk)._raw_delete("default") == 1


@pytest.mark.parametrize("status", ["champion", "retired", "candidate"])
def test_only_shadows_are_compared(shadow: ModelVersion, status: str) -> None:
    with unguarded("risk_modelversion"):
        ModelVersion.objects.filter(status="champion").update(status="retired")
        ModelVersion.objects.filter(pk=shadow.pk).update(status=status)
    decide(made_at=NOON + timedelta(minutes=1))
    assert score_recent(at=NOON + timedelta(hours=1)) == 0
