"""Comparisons that somebody asked for: on which rows, against whom, and what cannot be compared."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.models import AuditEntry
from ml.intervals import Judging
from risk import comparing, runs
from risk.models import Label, ModelComparison, ModelVersion
from risk.services import request_comparison
from tests.make import NOON, make_model
from tests.risk.trained import AS_OF, make_history, promote_best
from tests.risk.versions import alter, make_linear_model, make_tree_model

pytestmark = pytest.mark.django_db


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
        assert found.result is not None
        assert found.result["against"] == "champion"
        assert found.champion_sha256 == champion.sha256
        assert 0 < found.rows <= 80
        assert {"worse_average_precision", "unsure_average_precision"} & set(found.reasons)

    def test_it_says_how_far_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_history(320)
        promote_best()
        told: list[tuple[str, float]] = []
        beat = runs.Hold.beat

        def listen(hold: runs.Hold[ModelComparison], **values: Any) -> None:
            told.extend([(values["step"], values["progress"])] if "step" in values else [])
            beat(hold, **values)

        monkeypatch.setattr(runs.Hold, "beat", listen)
        monkeypatch.setattr(runs, "REPORT_SECONDS", 0.0)
        found = self.compared(make_linear_model({"order_amount_minor": 0.0}, status="shadow"))
        assert (found.step, found.progress) == ("", 1.0)
        steps, shares = zip(*told, strict=True)
        assert list(dict.fromkeys(steps)) == ["reading", "comparing", "storing"]
        assert list(shares) == sorted(shares)
        assert len(set(shares)) >= 20  # one a draw

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

    def test_a_model_whose_input_is_gone_cannot_be_compared_and_the_champion_stays(self) -> None:
        champion = make_linear_model({"order_amount_minor": 0.5})
        model = make_tree_model(("order_amount_minor", "order_gone_count"), status="shadow")
        found = self.compared(model)
        assert (found.status, found.code) == ("failed", "vanished_feature")
        assert found.message == "The model takes inputs that are no longer computed: order_gone_count."
        assert ModelVersion.objects.get(status="champion") == champion

    def test_without_champion_and_baseline_there_is_nothing_to_compare_with(self) -> None:
        model = make_tree_model(("order_amount_minor",), status="shadow")
        assert "neither a champion nor a baseline" in self.compared(model).message

    def test_one_that_a_killed_worker_left_is_done_by_the_next(self) -> None:
        model = make_model(status="shadow")
        comparison = request_comparison(model, requested_by=None, at=AS_OF)
        ModelComparison.objects.filter(pk=comparison.pk).update(status="running")
        assert runs.resume_abandoned(runs.COMPARISONS, at=AS_OF + timedelta(minutes=5)) == 0
        assert runs.resume_abandoned(runs.COMPARISONS, at=AS_OF + timedelta(minutes=11)) == 1
        comparison.refresh_from_db()
        assert comparison.status == "queued"

    def test_one_that_killed_two_workers_fails_and_says_so(self) -> None:
        comparison = request_comparison(make_model(status="shadow"), requested_by=None, at=AS_OF)
        ModelComparison.objects.filter(pk=comparison.pk).update(status="running", attempt=2)
        assert runs.resume_abandoned(runs.COMPARISONS, at=AS_OF + timedelta(minutes=11)) == 0
        comparison.refresh_from_db()
        assert (comparison.status, comparison.code) == ("failed", "abandoned")
        assert AuditEntry.objects.get(action="model.comparison_failed").detail == {"code": "abandoned"}

    def test_a_worker_that_was_taken_for_dead_stores_no_finding(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_history(320)
        promote_best()
        comparison = request_comparison(
            make_linear_model({"order_amount_minor": 0.0}, status="shadow"), requested_by=None, at=AS_OF
        )
        compare_all = comparing.compare_all

        def lose(*args: Any, **options: Any) -> Any:
            ModelComparison.objects.filter(pk=comparison.pk).update(attempt=2)
            return compare_all(*args, **options)

        monkeypatch.setattr(comparing, "compare_all", lose)
        assert comparing.run(comparison.pk, at=AS_OF, judging=Judging(draws=20)) is None
        comparison.refresh_from_db()
        assert (comparison.status, comparison.result) == ("running", None)  # the other worker's
