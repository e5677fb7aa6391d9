"""Training: labelled orders in, a model in shadow with its metrics out, or the reason for none."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from accounts.models import Role
from core import journal
from core.actors import SYSTEM
from core.errors import Conflict, ValidationFailed
from core.models import AuditEntry
from core.refs import Ref
from merchants.models import Merchant
from ml.intervals import Judging
from orders.models import Order
from orders.placing import Signals
from orders.services import place_order
from risk import comparing, live, training
from risk.datasets import build_training_set, read_labelled
from risk.decide import decide_order
from risk.inputs import current_inputs
from risk.models import Decision, Label, LabelSource, ModelComparison, ModelVersion, TrainingRun
from risk.services import (
    cancel_training,
    record_label,
    request_comparison,
    request_retraining,
    request_training,
)
from risk.tasks import train as tasks
from risk.training import Options, making
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_new_order, make_user, promote
from tests.risk.versions import alter, make_linear_model, make_tree_model

pytestmark = pytest.mark.django_db
AS_OF = NOON + timedelta(days=20)


def place(merchant: Merchant, number: int, *, is_bad: bool) -> Order:
    """Place an order that can be told: bad ones are large and come in bursts from few devices."""
    at = NOON + timedelta(hours=number)
    device = f"burner-{number // 40}" if is_bad else f"phone-{number}"
    new = make_new_order(
        total="900.00" if is_bad else f"{20 + number % 60}.00",
        at=at,
        signals=Signals(buyer=f"buyer-{number}", device=device, card=f"card-{number}"),
    )
    return place_order(merchant, new, actor=SYSTEM, at=at)


def label(order: Order, *, is_bad: bool, known_at: datetime | None = None, **fields: Any) -> None:
    record_label(
        Ref("order", order.pk),
        is_bad=is_bad,
        source=fields.pop("source", LabelSource.CHARGEBACK),
        occurred_at=order.occurred_at,
        known_at=known_at or order.known_at + timedelta(days=3),
        order=order,
        **fields,
    )


def make_history(count: int = 160, *, every: int = 2) -> list[Order]:
    """Place labelled orders, each `every`th of them bad."""
    merchant = make_merchant()
    with journal.unit():
        orders = [place(merchant, number, is_bad=number % every == 0) for number in range(count)]
        for number, order in enumerate(orders):
            label(order, is_bad=number % every == 0)
    return orders


def request(subject: str = "order") -> TrainingRun:
    return request_training(subject, as_of=AS_OF, requested_by=None)


def rerun(run: TrainingRun) -> TrainingRun:
    return TrainingRun.objects.get(pk=run.pk)


QUICK = Options(draws=20)


def train(run: TrainingRun, **fields: Any) -> ModelVersion | None:
    return training.run(run.pk, at=fields.pop("at", NOON), options=QUICK, **fields)


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
        assert (row.status, row.progress, row.message) == ("finished", 1.0, "")
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
        ("count", "every", "sentence"),
        [
            (0, 2, "All labels are of one class; both are needed."),
            (30, 100, "Only 1 labels of the rarer class; at least 20 are needed."),
        ],
        ids=["nothing", "too few"],
    )
    def test_a_training_that_cannot_be_done_says_why(self, count: int, every: int, sentence: str) -> None:
        make_history(count, every=every)
        run = request()
        assert train(run) is None
        row = rerun(run)
        assert (row.status, row.message) == ("failed", sentence)
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
        assert rerun(run).status == "failed"
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


class TestRejection:
    def test_a_model_worse_than_the_champion_stays_a_candidate_and_says_why(self) -> None:
        make_history()
        promote_best()
        # Half of what the newer labels say is turned round: nothing good can come of it.
        for label_ in Label.objects.order_by("pk")[:120:2]:
            Label.objects.filter(pk=label_.pk).update(is_bad=not label_.is_bad)
        run = request()
        version = train(run)
        assert version is not None
        assert version.status == "candidate"
        row = rerun(run)
        assert row.status == "finished"
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
        ago = timezone.now() - training.ABANDONED_AFTER - timedelta(minutes=1)
        TrainingRun.objects.filter(pk=run.pk).update(status="running", attempt=1, heartbeat_at=ago)
        assert training.resume_abandoned(at=timezone.now()) == 1
        assert rerun(run).status == "queued"
        TrainingRun.objects.filter(pk=run.pk).update(status="running", attempt=2, heartbeat_at=ago)
        assert training.resume_abandoned(at=timezone.now()) == 0
        row = rerun(run)
        assert row.status == "failed"
        assert "stopped twice" in row.message
        assert AuditEntry.objects.get(action="training.failed").detail["code"] == "abandoned"

    def test_what_lives_is_left_alone_and_what_was_cancelled_ends(self) -> None:
        alive, cancelled, waiting = request(), request(), request()
        now = timezone.now()
        TrainingRun.objects.filter(pk=alive.pk).update(status="running", attempt=1, heartbeat_at=now)
        ago = now - training.ABANDONED_AFTER - timedelta(minutes=1)
        TrainingRun.objects.filter(pk=cancelled.pk).update(
            status="running", attempt=1, heartbeat_at=ago, cancel_requested_at=ago
        )
        assert training.resume_abandoned(at=now) == 0
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
            assert training.resume_abandoned(at=later) == 1
            assert training.resume_abandoned(at=later + timedelta(minutes=1)) == 0
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
        assert all(state == "complete" and value > 0 for _, value, state in tried)

        TrainingRun.objects.filter(pk=run.pk).update(status="queued", tuning_seconds=1)
        run.trials.update(seconds=1.0)  # the budget is used up: no third
        version = train(run)
        assert version is not None
        assert run.trials.count() == 2
        best = max(run.trials.all(), key=lambda trial: (trial.value, -trial.number))
        recipe = version.report.data["training"]["recipe"]
        assert recipe["parameters"]["num_leaves"] == best.parameters["num_leaves"]
        assert version.report.data["context"]["tuning"] == {"seconds": 1, "trials": 2}

    @pytest.mark.parametrize("seconds", [-1, 7 * 3600])
    def test_a_budget_has_bounds(self, seconds: int) -> None:
        with pytest.raises(ValidationFailed):
            request_training("order", as_of=AS_OF, requested_by=None, tuning_seconds=seconds)


class TestComparison:
    def compared(self, model: ModelVersion, *, at: datetime = AS_OF) -> ModelComparison:
        comparison = request_comparison(model, requested_by=None, at=at)
        comparing.run(comparison.pk, at=at, judging=Judging(draws=20))
        comparison.refresh_from_db()
        return comparison

    def test_it_judges_both_on_rows_that_neither_has_seen(self) -> None:
        make_history(320)
        champion = promote_best()
        challenger = make_linear_model({"order_amount_minor": 0.0}, status="shadow")
        found = self.compared(challenger)
        assert (found.status, found.passes) == ("finished", False)
        assert found.result["against"] == "champion"
        assert found.champion_sha256 == champion.sha256
        assert 0 < found.rows <= 80
        assert {"worse_average_precision", "unsure_average_precision"} & set(found.reasons)

    def test_nothing_new_since_the_training_tells_models_apart(self) -> None:
        make_history()
        promote_best()
        version = ModelVersion.objects.get(kind="logistic")
        Label.objects.filter(known_at__gt=NOON + timedelta(days=7)).delete()
        found = self.compared(version)
        assert (found.passes, found.reasons) == (False, ["too_few_rows"])

    def test_a_file_that_was_altered_cannot_be_compared(self) -> None:
        model = make_linear_model({"order_amount_minor": 0.5}, status="shadow")
        alter(model)
        found = self.compared(model)
        assert found.status == "failed"
        assert "checksum is wrong" in found.message
        assert AuditEntry.objects.get(action="model.comparison_failed").detail == {"code": "damaged_artifact"}

    def test_a_file_that_was_cut_off_cannot_be_compared(self) -> None:
        model = make_linear_model({"order_amount_minor": 0.5}, status="shadow")
        path = Path(model.artifact.path)
        path.write_bytes(path.read_bytes()[:100])
        assert "truncated" in self.compared(model).message

    def test_a_file_that_is_gone_cannot_be_compared(self) -> None:
        model = make_linear_model({"order_amount_minor": 0.5}, status="shadow")
        Path(model.artifact.path).unlink()
        assert self.compared(model).message == "The model file cannot be read."

    def test_a_model_of_inputs_that_are_declared_otherwise_now_cannot_be_compared(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = make_linear_model({"order_amount_minor": 0.5}, status="shadow")
        monkeypatch.setattr(comparing, "is_declared", lambda subject, feature_hash: False)
        assert "defined differently" in self.compared(model).message

    def test_without_champion_and_baseline_there_is_nothing_to_compare_with(self) -> None:
        model = make_tree_model(("order_amount_minor",), status="shadow")
        assert "neither a champion nor a baseline" in self.compared(model).message

    def test_one_that_a_killed_worker_left_is_done_by_the_next(self) -> None:
        model = make_model(status="shadow")
        comparison = request_comparison(model, requested_by=None, at=AS_OF)
        ModelComparison.objects.filter(pk=comparison.pk).update(status="running")
        assert comparing.resume_abandoned(at=AS_OF + timedelta(minutes=5)) == 0
        assert comparing.resume_abandoned(at=AS_OF + timedelta(minutes=11)) == 1
        comparison.refresh_from_db()
        assert comparison.status == "queued"


def promote_best() -> ModelVersion:
    """Train, and promote the LightGBM model as a second person would."""
    version = train(request())
    assert version is not None
    promote(version, at=timezone.now())
    return version


class TestTrainingSet:
    def test_only_what_was_labelled_before_as_of_is_learnt_from(self) -> None:
        merchant = make_merchant()
        known, unlabelled, later = (place(merchant, number, is_bad=False) for number in range(3))
        label(known, is_bad=True, known_at=AS_OF - timedelta(seconds=1))
        label(later, is_bad=True, known_at=AS_OF)
        data = build_training_set("order", as_of=AS_OF)
        assert len(data) == 1
        assert data.is_bad.tolist() == [True]
        assert data.at.tolist() == [round(known.known_at.timestamp() * 1e6)]
        assert unlabelled.pk

    def test_an_order_is_bad_if_any_source_says_so_and_weighs_as_much_as_the_best(self) -> None:
        order = place(make_merchant(), 1, is_bad=False)
        label(order, is_bad=False, source=LabelSource.MATURED_GOOD, weight=0.4)
        label(order, is_bad=True, source=LabelSource.CHARGEBACK, weight=0.9)
        data = build_training_set("order", as_of=AS_OF)
        assert data.is_bad.tolist() == [True]
        assert data.weight is not None
        assert data.weight.tolist() == [0.9]

    def test_inputs_are_as_of_the_orders_arrival_and_not_as_of_the_training(self) -> None:
        merchant = make_merchant()
        for number in (0, 3, 6):
            label(place(merchant, number, is_bad=True), is_bad=True)
        data = build_training_set("order", as_of=AS_OF)
        column = data.features.index("device_orders_24h_count")
        assert data.matrix[:, column].tolist() == [0, 1, 2]
        bad = data.features.index("device_bad_labels_7d_count")
        assert data.matrix[:, bad].tolist() == [0, 0, 0]

    def test_what_a_decision_stored_is_taken_as_it_is(self) -> None:
        make_live_ruleset()
        make_model()
        order = place(make_merchant(), 1, is_bad=False)
        decision = decide_order(order, as_of=order.known_at)
        seen = np.arange(len(current_inputs("order")[0]), dtype="<f8")
        Decision.objects.filter(pk=decision.pk).update(features=seen.tobytes())
        label(order, is_bad=False)
        data = build_training_set("order", as_of=AS_OF)
        np.testing.assert_array_equal(data.matrix[0], seen)

    def test_what_was_stored_under_another_schema_is_computed_anew(self) -> None:
        make_live_ruleset()
        order = place(make_merchant(), 1, is_bad=False)
        decision = decide_order(order, as_of=order.known_at)
        Decision.objects.filter(pk=decision.pk).update(features=b"", feature_hash="0" * 64)
        label(order, is_bad=False)
        data = build_training_set("order", as_of=AS_OF)
        assert data.matrix[0, data.features.index("order_amount_minor")] == order.base_total_minor

    def test_without_orders_the_set_is_empty(self) -> None:
        assert len(build_training_set("order", as_of=AS_OF)) == 0

    def test_good_needs_maturity_and_bad_counts_at_once(self) -> None:
        merchant = make_merchant()
        old, young, young_bad = (place(merchant, number, is_bad=False) for number in (1, 400, 401))
        label(old, is_bad=False, known_at=AS_OF - timedelta(days=1))
        label(young, is_bad=False, known_at=AS_OF - timedelta(hours=1))
        label(young_bad, is_bad=True, known_at=AS_OF - timedelta(hours=1))
        ripe = build_training_set("order", as_of=AS_OF, maturity=timedelta(days=10))
        assert ripe.is_bad.tolist() == [False, True]
        assert len(build_training_set("order", as_of=AS_OF)) == 3

    def test_a_sampled_approval_that_only_a_reviewer_judged_stands_for_the_others(self) -> None:
        make_live_ruleset(review_share=1.0)
        make_model()
        merchant = make_merchant()
        sampled, told, held = (place(merchant, number, is_bad=False) for number in range(3))
        for order in (sampled, told):
            decision = decide_order(order, as_of=order.known_at)
            assert (decision.outcome, decision.is_sampled) == ("approve", True)
        snapshot = {**Decision.objects.first().snapshot, "review_share": 0.05}
        Decision.objects.update(snapshot=snapshot)
        label(sampled, is_bad=False, source=LabelSource.VERDICT, weight=0.5)
        label(told, is_bad=False, source=LabelSource.VERDICT)
        label(told, is_bad=False, source=LabelSource.MATURED_GOOD)
        label(held, is_bad=True, source=LabelSource.VERDICT)
        data = build_training_set("order", as_of=AS_OF)
        assert data.weight is not None
        assert data.weight.tolist() == [0.5 * 20, 1.0, 1.0]

    def test_one_row_never_stands_for_more_than_a_hundred(self) -> None:
        make_live_ruleset(review_share=1.0)
        make_model()
        order = place(make_merchant(), 1, is_bad=False)
        decision = decide_order(order, as_of=order.known_at)
        Decision.objects.update(snapshot={**decision.snapshot, "review_share": 0.001})
        label(order, is_bad=False, source=LabelSource.VERDICT)
        data = build_training_set("order", as_of=AS_OF)
        assert data.weight is not None
        assert data.weight.tolist() == [100.0]

    def test_a_buyer_is_one_group_from_the_first_bad_order_on(self) -> None:
        merchant = make_merchant()
        with journal.unit():
            orders = [
                place_order(
                    merchant,
                    make_new_order(at=NOON + timedelta(hours=number), signals=Signals(buyer="mallory")),
                    actor=SYSTEM,
                    at=NOON + timedelta(hours=number),
                )
                for number in range(4)
            ]
            for number, order in enumerate(orders):
                label(order, is_bad=number == 1)
        group = build_training_set("order", as_of=AS_OF).group
        assert group is not None
        assert len(set(group[:2].tolist())) == 2
        assert len(set(group[1:].tolist())) == 1

    def test_what_is_too_young_to_be_known_good_is_not_judged(self) -> None:
        merchant = make_merchant()
        with journal.unit():
            for number in range(50):
                label(place(merchant, number, is_bad=False), is_bad=number >= 40)
        rows = read_labelled("order", as_of=AS_OF)
        assert (len(rows), len(rows.ripe())) == (50, 40)

    def test_segments_stand_beside_the_rows(self) -> None:
        merchant = make_merchant(country="DE", joined_at=NOON - timedelta(days=400))
        label(place(merchant, 1, is_bad=False), is_bad=False)
        rows = read_labelled("order", as_of=AS_OF)
        assert {name: codes.tolist() for name, codes in rows.segments.items()} == {
            "merchant_size": ["small"],
            "country": ["DE"],
            "merchant_tenure": ["over_1_year"],
            "buyer_age": [""],
        }
        assert rows.amount_minor.tolist() == [Order.objects.get().base_total_minor]
        assert rows.sources == {"chargeback": 1}
