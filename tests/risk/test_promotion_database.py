"""What the database keeps of models, comparisons and promotions against whoever writes past the services."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from risk.models import ModelComparison, ModelPromotion, ModelReport, ModelVersion, TrainingRun
from tests.make import NOON, make_comparison, make_model, make_user, promote
from tests.risk.guards import refused

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def bob() -> User:
    return make_user(Role.RISK_ANALYST)


def insert_promotion(model: ModelVersion, found: ModelComparison, /, **fields: Any) -> ModelPromotion:
    values: dict[str, Any] = {
        "subject": model.subject,
        "model": model,
        "sha256": model.sha256,
        "champion_sha256": found.champion_sha256,
        "comparison": found,
        "compared_at": found.finished_at,
        "requested_by_id": TrainingRun.objects.get(pk=model.training_id).requested_by_id,
        "promoted_at": NOON,
        **fields,
    }
    if "requested_by" in fields:
        del values["requested_by_id"]
    if "approver" not in values:
        values["approver"] = make_user(Role.RISK_ANALYST)
    return ModelPromotion.objects.create(**values)


class TestDatabaseKeepsModels:
    def test_that_none_is_born_champion(self) -> None:
        model = make_model(status="shadow")
        run = TrainingRun.objects.create(subject="order", as_of=NOON)
        with refused("new_model_is_no_champion"):
            ModelVersion.objects.create(
                subject="order", number=model.number + 1, status="champion", training=run, sha256="x"
            )

    def test_that_none_is_champion_without_an_approval_of_its_file(self, ann: User) -> None:
        model = make_model(status="shadow")
        rows = ModelVersion.objects.filter(pk=model.pk)
        with refused("champion_is_approved"):
            rows.update(status="champion")
        # Both guards refuse it; which speaks first is the engine's choice.
        named = "promotion_names_its_model|promotion_has_passing_comparison"
        with pytest.raises(IntegrityError, match=named), transaction.atomic():
            insert_promotion(model, make_comparison(model), sha256="0" * 64, approver=ann)

    def test_that_the_approval_names_who_asked_for_the_training(self, ann: User, bob: User) -> None:
        model = make_model(status="shadow")
        TrainingRun.objects.filter(pk=model.training_id).update(requested_by=ann)
        comparison = make_comparison(model)
        with refused("promotion_names_its_model"):
            insert_promotion(model, comparison, approver=bob, requested_by=None)
        with refused("promotion_has_second_person"):
            insert_promotion(model, comparison, approver=ann, requested_by=ann)

    @pytest.mark.parametrize("status", ["champion", "shadow", "candidate"])
    def test_that_a_model_keeps_its_file(self, status: str) -> None:
        model = make_model(status=status)
        rows = ModelVersion.objects.filter(pk=model.pk)
        for change in ({"sha256": "x"}, {"artifact": "x"}, {"feature_hash": "x"}):
            with refused("model_is_immutable"):
                rows.update(**change)
        if status != "candidate":
            with refused("model_is_immutable"):
                rows.update(status="candidate")

    def test_that_a_report_is_written_once(self) -> None:
        ModelReport.objects.create(model=make_model(), data={"auc": 0.9})
        with refused("model_report_is_immutable"):
            ModelReport.objects.update(data={"auc": 0.99})

    def test_that_an_ended_promotion_is_over(self, ann: User) -> None:
        first = make_model()
        promote(make_model(status="shadow"), approver=ann, at=NOON + HOUR)
        with refused("promotion_is_immutable"):
            ModelPromotion.objects.filter(model=first).update(ended_at=None)
        with refused("champion_is_approved"):
            ModelVersion.objects.filter(pk=first.pk).update(status="champion")
        with refused("promotion_is_kept"):
            ModelPromotion.objects.all().delete()


class TestDatabaseKeepsComparisons:
    def test_the_builder_itself_is_not_refused(self) -> None:
        model = make_model(status="shadow")
        insert_promotion(model, make_comparison(model))
        ModelVersion.objects.filter(pk=model.pk).update(status="champion")

    @pytest.mark.parametrize(
        "change",
        [
            {"comparison": None, "compared_at": None},
            {"compared_at": NOON - HOUR},
        ],
        ids=["none", "of another moment"],
    )
    def test_that_a_promotion_rests_on_one(self, change: dict[str, Any]) -> None:
        model = make_model(status="shadow")
        with refused("promotion_has_passing_comparison"):
            insert_promotion(model, make_comparison(model), **change)

    def test_that_it_passed(self) -> None:
        model = make_model(status="shadow")
        with refused("promotion_has_passing_comparison"):
            insert_promotion(model, make_comparison(model, passes=False))

    def test_that_it_is_finished(self) -> None:
        model = make_model(status="shadow")
        comparison = ModelComparison.objects.create(model=model, sha256=model.sha256, as_of=NOON)
        with refused("promotion_has_passing_comparison"):
            insert_promotion(model, comparison, compared_at=NOON)

    def test_that_it_is_of_this_model_and_file(self) -> None:
        model, other = make_model(status="shadow"), make_model(status="shadow", probability=0.2)
        with refused("promotion_has_passing_comparison"):
            insert_promotion(model, make_comparison(other))
        with refused("promotion_has_passing_comparison"):
            insert_promotion(model, make_comparison(model, sha256=other.sha256))

    def test_that_it_is_with_the_present_champion(self) -> None:
        shadow = make_model(status="shadow", probability=0.2)
        before = make_comparison(shadow)  # while there was no champion
        make_model()
        ModelPromotion.objects.update(ended_at=NOON)
        with refused("promotion_names_whom_it_replaces"):
            insert_promotion(shadow, before)
        present = ModelVersion.objects.get(status="champion").sha256
        with refused("promotion_has_passing_comparison"):
            insert_promotion(shadow, before, champion_sha256=present)
        insert_promotion(shadow, make_comparison(shadow))

    def test_that_it_is_fresh(self) -> None:
        model = make_model(status="shadow")
        with refused("promotion_rests_on_fresh_comparison"):
            insert_promotion(model, make_comparison(model, at=NOON - timedelta(days=8)))
        with refused("promotion_rests_on_fresh_comparison"):
            insert_promotion(model, make_comparison(model, at=NOON + HOUR))

    def test_that_a_later_failure_outlives_an_earlier_pass(self) -> None:
        model = make_model(status="shadow")
        passed = make_comparison(model, at=NOON - 2 * HOUR)
        make_comparison(model, at=NOON - HOUR, passes=False)
        with refused("promotion_has_passing_comparison"):
            insert_promotion(model, passed)

    def test_that_one_promotion_stands_per_subject(self) -> None:
        make_model()
        shadow = make_model(status="shadow", probability=0.2)
        comparison = make_comparison(shadow)
        named = "one_standing_promotion_per_subject|risk_modelpromotion.subject"  # SQLite names the column
        with pytest.raises(IntegrityError, match=named), transaction.atomic():
            insert_promotion(shadow, comparison)

    def test_that_a_way_back_leads_to_a_champion_of_before(self) -> None:
        never = make_model(status="shadow", probability=0.2)
        make_model()
        standing = ModelPromotion.objects.get()
        ModelPromotion.objects.update(ended_at=NOON)
        with refused("promotion_returns_to_earlier_champion"):
            insert_promotion(never, make_comparison(never), returns_to=standing)

    def test_that_a_new_one_has_found_nothing(self) -> None:
        model = make_model(status="shadow")
        with refused("new_comparison_is_not_finished"):
            ModelComparison.objects.create(
                model=model, sha256=model.sha256, as_of=NOON, status="finished", result={}, passes=True,
                finished_at=NOON,
            )  # fmt: skip

    def test_that_a_finished_one_never_changes_and_never_goes(self) -> None:
        make_comparison(make_model(status="shadow"), passes=False)
        for change in (
            {"passes": True, "reasons": []}, {"sha256": "x"}, {"champion_sha256": "x"}, {"result": {"x": 1}},
            {"status": "queued"}, {"finished_at": NOON + HOUR}, {"rows": 7},
        ):  # fmt: skip
            with refused("finished_comparison_is_immutable"):
                ModelComparison.objects.update(**change)
        with refused("finished_comparison_is_kept"):
            ModelComparison.objects.all().delete()

    def test_that_one_with_reasons_against_it_does_not_pass(self) -> None:
        model = make_model(status="shadow")
        comparison = ModelComparison.objects.create(model=model, sha256=model.sha256, as_of=NOON)
        with refused("passing_comparison_has_no_reasons"):
            ModelComparison.objects.filter(pk=comparison.pk).update(passes=True, reasons=["unfair"])
