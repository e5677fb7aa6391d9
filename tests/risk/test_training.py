"""Training: labelled orders in, models of every kind with their reports out, or the reason for none."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from accounts.models import Role
from core.errors import Conflict, ValidationFailed
from core.models import AuditEntry
from risk import live, runs
from risk.inputs import current_inputs
from risk.models import Label, ModelVersion, TrainingRun
from risk.services import cancel_training, request_retraining, request_training
from risk.tasks import train as tasks
from risk.training import making
from tests.make import NOON, make_model, make_user, promote
from tests.risk.trained import AS_OF, make_history, promote_best, request, rerun, train
from tests.risk.versions import alter, make_linear_model

pytestmark = pytest.mark.django_db


class TestRun:
    def test_every_kind_is_trained_on_the_same_rows_and_kept_with_its_report(self) -> None:
        make_history()
        run = request()
        train(run)
        versions = {version.kind: version for version in run.versions.all()}
        assert set(versions) == {"logistic", "isolation_forest", "lightgbm"}
        assert sorted(version.number for version in versions.values()) == [1, 2, 3]
        for version in versions.values():
            assert version.metrics["rows"] == {"earlier": 120, "later": 40}
            assert version.report.data["rows"]["rows"] == 40
            assert version.report.data["kind"] == version.kind
            assert version.report.data["context"]["labels"] == {"chargeback": 160}
            comparison = version.comparisons.get()
            assert (comparison.status, comparison.champion_sha256) == ("finished", "")
            assert comparison.baseline_sha256 == versions["logistic"].sha256
        assert versions["lightgbm"].metrics["baseline"] == versions["logistic"].metrics["model"]

    def test_the_lightgbm_goes_on_to_shadow_and_the_others_stay_candidates(self) -> None:
        make_history()
        run = request()
        version = train(run)
        assert version is not None
        assert (version.status, version.kind) == ("shadow", "lightgbm")
        assert version.feature_hash == current_inputs("order")[1]
        assert version.metrics["model"]["auc"] > 0.9
        assert version.metrics["baseline"]["auc"] > 0.9
        others = run.versions.exclude(pk=version.pk).values_list("status", flat=True)
        assert set(others) == {"candidate"}
        row = rerun(run)
        assert (row.status, row.progress, row.message, row.code) == ("finished", 1.0, "", "")
        assert row.started_at == NOON
        actions = AuditEntry.objects.filter(subject_id=version.pk).values_list("action", flat=True)
        assert set(actions) == {"model.trained", "model.compared", "model.shadowed"}

    def test_its_file_is_text_that_scores_once_somebody_promotes_it(self) -> None:
        make_history()
        version = train(request())
        assert version is not None
        with version.artifact.open("rb") as file:
            assert file.read(1) == b"{"
        assert live.find_champion("order") is None
        promote(version)
        champion = live.find_champion("order")
        assert champion is not None
        names, feature_hash = current_inputs("order")
        scores = champion.scores(np.zeros((3, len(names))), feature_hash)
        assert ((scores >= 0) & (scores <= 1)).all()

    def test_running_it_again_does_nothing(self) -> None:
        make_history()
        run = request()
        train(run)
        before = rerun(run)
        assert train(run, at=NOON + timedelta(hours=1)) is None
        assert ModelVersion.objects.count() == 3
        assert rerun(run).started_at == before.started_at

    def test_the_same_history_gives_the_same_models(self) -> None:
        make_history()
        first, second = request(), request()
        train(first)
        train(second)
        files = [
            list(run.versions.order_by("number").values_list("sha256", flat=True)) for run in (first, second)
        ]
        assert files[0] == files[1]
        assert len(set(files[0])) == 3

    @pytest.mark.parametrize(
        ("count", "every", "code", "sentence"),
        [
            (0, 2, "one_class", "All labels are of one class; both are needed."),
            (30, 100, "too_few_labels", "Only 1 labels of the rarer class; at least 20 are needed."),
        ],
        ids=["nothing", "too few"],
    )
    def test_a_training_that_cannot_be_done_says_why(
        self, count: int, every: int, code: str, sentence: str
    ) -> None:
        make_history(count, every=every)
        run = request()
        assert train(run) is None
        row = rerun(run)
        assert (row.status, row.code, row.message) == ("failed", code, sentence)
        assert row.finished_at is not None
        assert not ModelVersion.objects.exists()
        assert AuditEntry.objects.get(action="training.failed").subject_id == run.pk

    @pytest.mark.parametrize("subject", ["listing", "application"])
    def test_a_subject_without_labels_says_so_too(self, subject: str) -> None:
        run = request(subject)
        train(run)
        assert rerun(run).message == "All labels are of one class; both are needed."

    def test_an_unforeseen_failure_is_told_without_its_insides_and_the_champion_stays(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fall_over(*args: object, **kwargs: object) -> None:
            raise MemoryError("secret address 0x7f")

        monkeypatch.setattr(making, "read_labelled", fall_over)
        champion = make_model()
        run = request()
        assert train(run) is None
        assert (rerun(run).status, rerun(run).code) == ("failed", "internal")
        assert "secret" not in rerun(run).message
        assert "training_failed" in caplog.text
        assert AuditEntry.objects.get(action="training.failed").detail["code"] == "internal"
        assert ModelVersion.objects.get(status="champion") == champion

    @pytest.mark.parametrize(
        ("patched", "declared", "code", "sentence"),
        [
            ("directions", {"gone_count": 1}, "vanished_feature", "not in the training set: gone_count"),
            (
                "categorical",
                ("order_amount_to_merchant_mean_30d",),
                "changed_type",
                "these columns hold others: order_amount_to_merchant_mean_30d",
            ),
        ],
        ids=["vanished", "of another type"],
    )
    def test_an_input_that_is_not_what_was_declared_is_named_and_the_champion_stays(
        self, patched: str, declared: Any, code: str, sentence: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_history()
        champion = make_model()
        monkeypatch.setattr(making, patched, lambda subject, names: declared)
        run = request()
        assert train(run) is None
        assert rerun(run).status == "failed"
        assert sentence in rerun(run).message
        assert AuditEntry.objects.get(action="training.failed").detail == {"subject": "order", "code": code}
        assert ModelVersion.objects.get(status="champion") == champion

    def test_every_subject_that_learns_is_retrained_once_at_a_time(self) -> None:
        tasks.retrain()
        tasks.retrain()
        runs = TrainingRun.objects.values_list("subject", "cause")
        assert sorted(runs) == [("application", "weekly"), ("listing", "weekly"), ("order", "weekly")]

    def test_the_third_shadow_of_the_schedule_puts_the_first_away(self) -> None:
        make_history()
        first, second = make_model(status="shadow"), make_model(status="shadow")
        TrainingRun.objects.update(cause=TrainingRun.Cause.WEEKLY)
        version = train(request())
        assert version is not None
        shadows = ModelVersion.objects.filter(status="shadow").order_by("pk")
        assert list(shadows) == [second, version]
        assert ModelVersion.objects.get(pk=first.pk).status == "retired"


class TestRejection:
    def test_a_model_worse_than_the_champion_stays_a_candidate_and_says_why(self) -> None:
        make_history()
        promote_best()
        # Four fifths of what it learns from are turned round: nothing good can come of it.
        for number, told in enumerate(Label.objects.order_by("pk")[:120]):
            if number % 5:
                Label.objects.filter(pk=told.pk).update(is_bad=not told.is_bad)
        run = request()
        version = train(run)
        assert version is not None
        assert version.status == "candidate"
        row = rerun(run)
        assert (row.status, row.code) == ("finished", "rejected")
        assert row.message.startswith(f"Version {version.number} stays a candidate and nothing changes: ")
        assert "against the champion" in row.message
        assert AuditEntry.objects.filter(action="model.rejected", subject_id=version.pk).exists()
        assert version.comparisons.get().passes is False

    def test_a_champion_whose_file_was_altered_is_no_measure_and_stays(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_history()
        champion = make_linear_model({"order_amount_minor": 0.5})
        alter(champion)
        version = train(request())
        assert version is not None
        comparison = version.comparisons.get()
        assert comparison.result is not None
        assert comparison.result["against"] == "baseline"
        assert comparison.champion_sha256 == champion.sha256
        assert "champion_unusable" in caplog.text
        assert ModelVersion.objects.get(status="champion") == champion


class TestLife:
    def test_a_queued_training_is_cancelled_at_once(self) -> None:
        run = request()
        cancel_training(run, by=make_user(Role.RISK_ANALYST), at=NOON)
        assert rerun(run).status == "cancelled"
        assert train(run) is None
        with pytest.raises(Conflict):
            cancel_training(run, by=make_user(Role.RISK_ANALYST), at=NOON)

    def test_a_running_one_hears_it_at_its_next_sign_of_life_and_leaves_nothing(self) -> None:
        make_history()
        run, analyst = request(), make_user(Role.RISK_ANALYST)

        def cancel(step: str, share: float) -> None:
            if step == "anomaly" and rerun(run).cancel_requested_at is None:
                cancel_training(run, by=analyst, at=NOON)

        assert train(run, progress=cancel) is None
        assert rerun(run).status == "cancelled"
        assert not ModelVersion.objects.exists()

    def test_ctrl_c_cancels(self) -> None:
        make_history()
        run = request()

        def interrupt(step: str, share: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(run, progress=interrupt)
        assert rerun(run).status == "cancelled"

    def test_what_a_killed_worker_left_is_taken_up_once_and_then_fails(self) -> None:
        run = request()
        ago = timezone.now() - runs.TRAININGS.abandoned_after - timedelta(minutes=1)
        TrainingRun.objects.filter(pk=run.pk).update(status="running", attempt=1, heartbeat_at=ago)
        assert runs.resume_abandoned(runs.TRAININGS, at=timezone.now()) == 1
        assert rerun(run).status == "queued"
        TrainingRun.objects.filter(pk=run.pk).update(status="running", attempt=2, heartbeat_at=ago)
        assert runs.resume_abandoned(runs.TRAININGS, at=timezone.now()) == 0
        row = rerun(run)
        assert (row.status, row.code) == ("failed", "abandoned")
        assert "stopped twice" in row.message
        assert AuditEntry.objects.get(action="training.failed").detail["code"] == "abandoned"

    def test_what_lives_is_left_alone_and_what_was_cancelled_ends(self) -> None:
        alive, cancelled, waiting = request(), request(), request()
        now = timezone.now()
        TrainingRun.objects.filter(pk=alive.pk).update(status="running", attempt=1, heartbeat_at=now)
        ago = now - runs.TRAININGS.abandoned_after - timedelta(minutes=1)
        TrainingRun.objects.filter(pk=cancelled.pk).update(
            status="running", attempt=1, heartbeat_at=ago, cancel_requested_at=ago
        )
        assert runs.resume_abandoned(runs.TRAININGS, at=now) == 0
        assert [rerun(run).status for run in (alive, cancelled, waiting)] == [
            "running",
            "cancelled",
            "queued",
        ]

    def test_one_whose_message_was_lost_is_sent_again_but_not_at_every_tick(
        self, sent_tasks: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        run = request()
        later = timezone.now() + timedelta(minutes=11)
        with django_capture_on_commit_callbacks(execute=True):
            assert runs.resume_abandoned(runs.TRAININGS, at=later) == 1
            assert runs.resume_abandoned(runs.TRAININGS, at=later + timedelta(minutes=1)) == 0
        assert ("risk.tasks.train.run_training", [run.pk]) in sent_tasks

    def test_a_worker_that_was_taken_for_dead_writes_nothing(self) -> None:
        make_history()
        run = request()

        def lose(step: str, share: float) -> None:
            if step == "anomaly":
                TrainingRun.objects.filter(pk=run.pk).update(attempt=2)

        assert train(run, progress=lose) is None
        assert rerun(run).status == "running"  # the other worker's
        assert not ModelVersion.objects.exists()

    def test_a_retraining_is_not_queued_beside_another(self) -> None:
        first = request_retraining("order", cause="drift", at=AS_OF)
        assert first is not None
        assert (first.cause, first.requested_by) == ("drift", None)
        assert request_retraining("order", cause="weekly", at=AS_OF) is None
        assert request_retraining("listing", cause="drift", at=AS_OF) is not None


class TestTuning:
    def test_trials_are_rows_and_a_later_worker_goes_on_from_them(self) -> None:
        make_history(320)
        run = request_training("order", as_of=AS_OF, requested_by=None, tuning_seconds=600)
        seen: list[int] = []

        def die(step: str, share: float) -> None:
            seen.append(run.trials.count())
            if seen[-1] == 2:
                raise MemoryError

        assert train(run, progress=die) is None
        tried = list(run.trials.order_by("number").values_list("number", "value", "state"))
        assert [number for number, _, _ in tried] == [0, 1]
        assert all(state == "complete" and value is not None and value > 0 for _, value, state in tried)

        TrainingRun.objects.filter(pk=run.pk).update(status="queued", tuning_seconds=1)
        run.trials.update(seconds=1.0)  # the budget is used up: no third
        version = train(run)
        assert version is not None
        assert run.trials.count() == 2
        best = max(run.trials.all(), key=lambda trial: (trial.value or 0.0, -trial.number))
        recipe = version.report.data["training"]["recipe"]
        assert recipe["parameters"]["num_leaves"] == best.parameters["num_leaves"]
        assert version.report.data["context"]["tuning"] == {"seconds": 1, "trials": 2}

    def test_inputs_that_do_not_help_on_later_time_are_left_out_and_the_model_goes_live(self) -> None:
        make_history(320)
        run = request_training("order", as_of=AS_OF, requested_by=None, tuning_seconds=1)
        steps: list[str] = []
        version = train(run, progress=lambda step, share: steps.append(step))
        assert version is not None
        assert steps.index("reading") < steps.index("selecting") < steps.index("training")

        names = current_inputs("order")[0]
        selection = version.report.data["context"]["selection"]
        assert selection["dropped"]
        assert sorted([*selection["kept"], *selection["dropped"]]) == sorted(names)
        promote(version)
        champion = live.find_champion("order")
        assert champion is not None
        assert champion.artifact.features == tuple(selection["kept"])
        vector = np.zeros(len(names))
        assert 0 <= champion.score(vector, current_inputs("order")[1]) <= 1

    def test_without_a_budget_every_input_stays(self) -> None:
        make_history()
        version = train(request())
        assert version is not None
        assert version.report.data["context"]["selection"] is None
        assert version.report.data["training"]["parts"]

    @pytest.mark.parametrize("seconds", [-1, 7 * 3600])
    def test_a_budget_has_bounds(self, seconds: int) -> None:
        with pytest.raises(ValidationFailed):
            request_training("order", as_of=AS_OF, requested_by=None, tuning_seconds=seconds)
