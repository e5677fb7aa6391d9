"""Training: labelled orders in, a model in shadow with its metrics out, or the reason for none."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from accounts.models import Role
from core import journal
from core.actors import SYSTEM
from core.models import AuditEntry
from core.refs import Ref
from merchants.models import Merchant
from orders.models import Order
from orders.placing import Signals
from orders.services import place_order
from risk import live, training
from risk.datasets import build_training_set
from risk.decide import decide_order
from risk.inputs import current_inputs
from risk.models import Decision, LabelSource, ModelVersion, TrainingRun
from risk.services import promote_model, record_label, request_training
from risk.tasks import train as tasks
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_new_order, make_user

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


class TestRun:
    def test_a_finished_training_leaves_a_model_in_shadow_with_its_metrics(self) -> None:
        make_history()
        run = request()
        version = training.run(run.pk, at=NOON)
        assert version is not None
        assert (version.status, version.kind, version.number) == ("shadow", "lightgbm", 1)
        assert version.feature_hash == current_inputs("order")[1]
        assert version.metrics["rows"] == {"earlier": 120, "later": 40}
        assert version.metrics["model"]["auc"] > 0.9
        assert version.metrics["baseline"]["auc"] > 0.9
        row = rerun(run)
        assert (row.status, row.progress, row.message) == ("finished", 1.0, "")
        assert row.started_at == NOON
        audited = AuditEntry.objects.get(action="model.trained")
        assert audited.detail == {"sha256": version.sha256, "rows": version.metrics["rows"]}

    def test_its_file_is_text_that_scores_once_somebody_promotes_it(self) -> None:
        make_history()
        version = training.run(request().pk, at=NOON)
        assert version is not None
        with version.artifact.open("rb") as file:
            assert file.read(1) == b"{"
        assert live.find_champion("order") is None
        promote_model(version, approver=make_user(Role.RISK_ANALYST), at=NOON)
        champion = live.find_champion("order")
        assert champion is not None
        names, feature_hash = current_inputs("order")
        scores = champion.scores(np.zeros((3, len(names))), feature_hash)
        assert ((scores >= 0) & (scores <= 1)).all()

    def test_running_it_again_does_nothing(self) -> None:
        make_history()
        run = request()
        training.run(run.pk, at=NOON)
        before = rerun(run)
        assert training.run(run.pk, at=NOON + timedelta(hours=1)) is None
        assert ModelVersion.objects.count() == 1
        assert rerun(run).started_at == before.started_at

    def test_the_same_history_gives_the_same_model(self) -> None:
        make_history()
        first, second = training.run(request().pk, at=NOON), training.run(request().pk, at=NOON)
        assert first is not None
        assert second is not None
        assert first.sha256 == second.sha256
        assert (first.number, second.number) == (1, 2)

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
        assert training.run(run.pk, at=NOON) is None
        row = rerun(run)
        assert (row.status, row.message) == ("failed", sentence)
        assert row.finished_at is not None
        assert not ModelVersion.objects.exists()

    @pytest.mark.parametrize("subject", ["listing", "application"])
    def test_a_subject_without_labels_says_so_too(self, subject: str) -> None:
        run = request(subject)
        training.run(run.pk, at=NOON)
        assert rerun(run).message == "All labels are of one class; both are needed."

    def test_an_unforeseen_failure_is_told_without_its_insides(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fall_over(*args: object, **kwargs: object) -> None:
            raise MemoryError("secret address 0x7f")

        monkeypatch.setattr(training, "build_training_set", fall_over)
        run = request()
        assert training.run(run.pk, at=NOON) is None
        assert rerun(run).status == "failed"
        assert "secret" not in rerun(run).message
        assert "training_failed" in caplog.text

    def test_what_waits_is_resumed_and_what_a_killed_worker_left_is_ended(self) -> None:
        waiting, abandoned, running = request(), request(), request()
        started = {abandoned: timedelta(days=1), running: timedelta(minutes=5)}
        for run, ago in started.items():
            TrainingRun.objects.filter(pk=run.pk).update(status="running", started_at=timezone.now() - ago)
        tasks.resume()
        assert rerun(waiting).status == "failed"  # it was run: there is nothing to learn from
        assert (rerun(abandoned).status, rerun(running).status) == ("failed", "running")
        assert "worker stopped" in rerun(abandoned).message

    def test_every_subject_that_learns_is_retrained(self) -> None:
        tasks.retrain()
        runs = TrainingRun.objects.values_list("subject", flat=True)
        assert set(runs) == {"order", "listing", "application"}


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
