"""Promotions of models: compared, a second person, one champion, and the way back."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Role, User
from core.errors import Conflict, DomainError, PermissionDenied
from core.models import AuditEntry, OutboxEvent
from risk import live, selectors
from risk.models import ModelComparison, ModelPromotion, ModelVersion, TrainingRun
from risk.services import (
    promote_model,
    request_comparison,
    request_training,
    retire_model,
    retire_old_shadows,
    roll_back_model,
    shadow_model,
)
from tests.make import NOON, make_comparison, make_user, promote
from tests.risk.versions import make_model

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def bob() -> User:
    return make_user(Role.RISK_ANALYST)


def make_shadow(probability: float = 0.2, **fields: Any) -> ModelVersion:
    """Return a shadow whose file differs from that of the model that `make_model` gives by itself."""
    return make_model(status="shadow", probability=probability, **fields)


def make_scheduled_shadow(status: str = "shadow") -> ModelVersion:
    model = make_model(status=status)
    TrainingRun.objects.filter(pk=model.training_id).update(cause=TrainingRun.Cause.WEEKLY)
    return model


def status_of(model: ModelVersion) -> str:
    return ModelVersion.objects.get(pk=model.pk).status


class TestPromotion:
    def test_it_retires_the_former_champion(self, ann: User) -> None:
        former, shadow = make_model(), make_shadow()
        promotion = promote(shadow, approver=ann)
        assert status_of(former) == "retired"
        assert ModelVersion.objects.get(status="champion") == shadow
        assert (promotion.model, promotion.approver, promotion.requested_by) == (shadow, ann, None)
        assert (promotion.subject, promotion.champion_sha256) == ("order", former.sha256)

    def test_the_next_one_ends_the_one_before(self, ann: User) -> None:
        promote(make_shadow(0.1), approver=ann, at=NOON)
        promote(make_shadow(0.2), approver=ann, at=NOON + HOUR)
        ended = [promotion.ended_at for promotion in ModelPromotion.objects.order_by("id")]
        assert ended == [NOON + HOUR, None]

    def test_a_retired_champion_can_come_back_if_it_is_compared_again(self, ann: User) -> None:
        first = make_model()
        promote(make_shadow(), approver=ann)
        first.refresh_from_db()
        with pytest.raises(Conflict):
            promote_model(first, approver=ann, at=NOON)
        promote(first, approver=ann)
        assert ModelVersion.objects.get(status="champion") == first

    def test_who_asked_for_the_training_cannot_promote_its_model(self, ann: User, bob: User) -> None:
        version = make_shadow(requested_by=ann)
        with pytest.raises(PermissionDenied) as caught:
            promote(version, approver=ann)
        assert caught.value.code == "second_person_needed"
        assert promote(version, approver=bob).requested_by == ann

    @pytest.mark.parametrize("status", ["candidate", "champion"])
    def test_only_a_shadow_or_a_retired_model_is_promoted(self, ann: User, status: str) -> None:
        with pytest.raises(Conflict) as caught:
            promote_model(make_model(status=status), approver=ann, at=NOON)
        assert caught.value.code == "not_promotable"

    def test_it_is_audited_with_what_it_rests_on(self, ann: User) -> None:
        former, shadow = make_model(), make_shadow()
        comparison = make_comparison(shadow)
        promote_model(shadow, approver=ann, at=NOON)
        detail = AuditEntry.objects.get(action="model.promoted", subject_id=shadow.pk).detail
        assert detail == {
            "sha256": shadow.sha256,
            "champion_sha256": former.sha256,
            "comparison": comparison.pk,
            "returns_to": None,
        }


class TestGate:
    def refused(self, shadow: ModelVersion, *, at: datetime = NOON) -> str:
        with pytest.raises(DomainError) as caught:
            promote_model(shadow, approver=make_user(Role.RISK_ANALYST), at=at)
        assert status_of(shadow) == "shadow"
        return str(caught.value.code)

    def test_without_a_comparison_nothing_is_promoted(self) -> None:
        champion, shadow = make_model(), make_shadow()
        assert self.refused(shadow) == "no_passing_comparison"
        assert status_of(champion) == "champion"

    def test_a_comparison_that_did_not_pass_is_none(self) -> None:
        shadow = make_shadow()
        make_comparison(shadow, passes=False)
        assert self.refused(shadow) == "no_passing_comparison"

    def test_a_pass_is_not_kept_against_a_later_failure(self) -> None:
        shadow = make_shadow()
        make_comparison(shadow, at=NOON - 2 * HOUR)
        make_comparison(shadow, at=NOON - HOUR, passes=False)
        assert self.refused(shadow) == "no_passing_comparison"

    def test_an_old_comparison_has_to_be_made_again(self) -> None:
        shadow = make_shadow()
        make_comparison(shadow, at=NOON - timedelta(days=8))
        assert self.refused(shadow) == "no_passing_comparison"
        make_comparison(shadow, at=NOON - timedelta(days=6))
        promote_model(shadow, approver=make_user(Role.RISK_ANALYST), at=NOON)

    def test_a_comparison_with_another_champion_does_not_count(self) -> None:
        shadow = make_shadow(0.2)
        make_comparison(shadow)
        make_model()
        assert self.refused(shadow) == "no_passing_comparison"

    def test_a_comparison_of_another_file_does_not_count(self) -> None:
        shadow = make_shadow()
        make_comparison(shadow, sha256="0" * 64)
        assert self.refused(shadow) == "no_passing_comparison"

    def test_whatever_its_kind_a_first_champion_needs_one_too(self) -> None:
        shadow = make_shadow()
        assert shadow.kind == "logistic"
        assert self.refused(shadow) == "no_passing_comparison"


class TestRollBack:
    def make_history(self, count: int) -> list[ModelVersion]:
        """Promote models one hour after the other, the last is champion."""
        made = [make_shadow(0.1 + 0.1 * number) for number in range(count)]
        for number, model in enumerate(made):
            promote(model, at=NOON - (count - number) * HOUR)
        return made

    def test_one_action_brings_back_the_champion_before_without_a_new_comparison(self, bob: User) -> None:
        first, second = self.make_history(2)
        promotion = roll_back_model("order", approver=bob, at=NOON + timedelta(days=90))
        assert (status_of(first), status_of(second)) == ("champion", "retired")
        earlier = ModelPromotion.objects.filter(model=first).earliest("pk")
        assert (promotion.returns_to, promotion.comparison) == (earlier, earlier.comparison)
        assert promotion.champion_sha256 == second.sha256
        found = live.find_champion("order")
        assert found is not None
        assert found.id == first.pk

    def test_twice_goes_back_two_champions_not_to_and_fro(self, bob: User) -> None:
        first, second, third = self.make_history(3)
        roll_back_model("order", approver=bob, at=NOON)
        assert status_of(second) == "champion"
        roll_back_model("order", approver=bob, at=NOON + HOUR)
        assert (status_of(first), status_of(third)) == ("champion", "retired")
        with pytest.raises(Conflict) as caught:
            roll_back_model("order", approver=bob, at=NOON + 2 * HOUR)
        assert caught.value.code == "nothing_to_roll_back_to"

    def test_it_takes_a_second_person_and_the_permission(self, ann: User) -> None:
        promote(make_shadow(0.1, requested_by=ann), at=NOON - HOUR)
        promote(make_shadow(0.2))
        with pytest.raises(PermissionDenied):
            roll_back_model("order", approver=ann, at=NOON)
        with pytest.raises(PermissionDenied):
            roll_back_model("order", approver=make_user(Role.REVIEWER), at=NOON)

    def test_it_is_audited_as_what_it_is(self, bob: User) -> None:
        first, _second = self.make_history(2)
        roll_back_model("order", approver=bob, at=NOON)
        entry = AuditEntry.objects.get(action="model.rolled_back")
        assert (entry.subject_id, entry.actor_id) == (first.pk, str(bob.pk))


class TestHistory:
    def test_it_says_who_was_champion_at_every_moment(self, bob: User) -> None:
        first, second = make_shadow(0.1), make_shadow(0.2)
        promote(first, at=NOON)
        promote(second, at=NOON + HOUR)
        roll_back_model("order", approver=bob, at=NOON + 2 * HOUR)
        second_us = timedelta(microseconds=1)
        moments = [NOON - second_us, NOON, NOON + HOUR - second_us, NOON + HOUR, NOON + 2 * HOUR]
        champions = [selectors.champion_at("order", moment) for moment in moments]
        assert champions == [None, first, first, second, first]
        assert selectors.champion_at("listing", NOON) is None

    def test_its_list_is_newest_first(self) -> None:
        promote(make_shadow(0.1), at=NOON)
        promote(make_shadow(0.2), at=NOON + HOUR)
        moments = [promotion.promoted_at for promotion in selectors.list_promotions("order")]
        assert moments == [NOON + HOUR, NOON]


class TestShadowAndRetirement:
    def test_a_person_puts_a_candidate_in_shadow(self, ann: User) -> None:
        candidate = make_model(status="candidate")
        shadow_model(candidate, by=ann, at=NOON)
        assert (status_of(candidate), candidate.status) == ("shadow", "shadow")
        assert ModelVersion.objects.get(pk=candidate.pk).moved_at == candidate.moved_at == NOON
        assert AuditEntry.objects.get(action="model.shadowed").actor_id == str(ann.pk)

    @pytest.mark.parametrize("status", ["shadow", "champion", "retired"])
    def test_nothing_else_is_put_there(self, ann: User, status: str) -> None:
        with pytest.raises(Conflict) as caught:
            shadow_model(make_model(status=status), by=ann, at=NOON)
        assert caught.value.code == "not_a_candidate"

    @pytest.mark.parametrize("status", ["candidate", "shadow"])
    def test_a_candidate_or_a_shadow_is_retired(self, ann: User, status: str) -> None:
        model = make_model(status=status)
        retire_model(model, by=ann, at=NOON)
        assert (status_of(model), model.moved_at) == ("retired", NOON)
        assert AuditEntry.objects.filter(action="model.retired", subject_id=model.pk).exists()

    def test_a_third_shadow_of_the_schedule_retires_the_oldest(self) -> None:
        shadows = [make_scheduled_shadow() for _ in range(4)]
        other = make_shadow(subject="listing")
        assert retire_old_shadows("order", at=NOON) == 2
        assert [status_of(one) for one in shadows] == ["retired", "retired", "shadow", "shadow"]
        assert status_of(other) == "shadow"
        entries = AuditEntry.objects.filter(action="model.retired").order_by("subject_id")
        assert [(one.subject_id, one.actor_kind) for one in entries] == [
            (shadow.pk, "system") for shadow in shadows[:2]
        ]
        assert retire_old_shadows("order", at=NOON) == 0

    def test_what_a_person_wants_in_shadow_stays_there(self, ann: User) -> None:
        trained, compared, put = make_shadow(), make_scheduled_shadow(), make_scheduled_shadow("candidate")
        request_comparison(compared, requested_by=ann, at=NOON)
        shadow_model(put, by=ann, at=NOON - timedelta(days=30))
        newest = [make_scheduled_shadow() for _ in range(2)]
        assert retire_old_shadows("order", at=timezone.now()) == 0
        assert {status_of(one) for one in (trained, compared, put, *newest)} == {"shadow"}
        assert retire_old_shadows("order", at=timezone.now() + timedelta(days=8)) == 1
        assert status_of(compared) == "retired"

    def test_what_was_retired_without_having_been_champion_stays_away(self, ann: User, bob: User) -> None:
        model = make_shadow()
        retire_model(model, by=ann, at=NOON)
        make_comparison(model)
        with pytest.raises(Conflict) as caught:
            promote_model(model, approver=bob, at=NOON)
        assert caught.value.code == "not_promotable"

    @pytest.mark.parametrize("status", ["champion", "retired"])
    def test_a_champion_is_only_replaced(self, ann: User, status: str) -> None:
        with pytest.raises(Conflict) as caught:
            retire_model(make_model(status=status), by=ann, at=NOON)
        assert caught.value.code == "not_retirable"


class TestRequests:
    def test_a_comparison_waits_for_its_worker_and_names_both_files(
        self, ann: User, sent_tasks: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        champion, shadow = make_model(), make_shadow()
        sent_tasks.clear()
        with django_capture_on_commit_callbacks(execute=True):
            comparison = request_comparison(shadow, requested_by=ann, at=NOON)
        assert (comparison.status, comparison.passes, comparison.requested_by) == ("queued", None, ann)
        assert (comparison.sha256, comparison.champion_sha256) == (shadow.sha256, champion.sha256)
        assert sent_tasks == [("risk.tasks.train.run_comparison", [comparison.pk])]

    def test_asking_again_while_it_waits_is_one_comparison(self, ann: User, bob: User) -> None:
        shadow = make_shadow()
        first = request_comparison(shadow, requested_by=ann, at=NOON)
        assert request_comparison(shadow, requested_by=bob, at=NOON) == first
        assert ModelComparison.objects.count() == 1

    def test_a_champion_is_not_compared_with_itself(self, ann: User) -> None:
        with pytest.raises(Conflict) as caught:
            request_comparison(make_model(), requested_by=ann, at=NOON)
        assert caught.value.code == "is_champion"

    @pytest.mark.parametrize("role", [Role.REVIEWER, Role.OPERATIONS])
    def test_only_analysts_work_on_models(self, role: Role) -> None:
        other, model = make_user(role), make_shadow()
        for refused in (
            lambda: promote_model(model, approver=other, at=NOON),
            lambda: request_training("order", as_of=NOON, requested_by=other),
            lambda: request_comparison(model, requested_by=other, at=NOON),
            lambda: shadow_model(model, by=other, at=NOON),
            lambda: retire_model(model, by=other, at=NOON),
        ):
            with pytest.raises(PermissionDenied):
                refused()

    def test_a_requested_training_waits_for_its_worker(
        self, ann: User, sent_tasks: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            run = request_training("order", as_of=NOON, requested_by=ann)
        assert (run.status, run.requested_by, run.cause) == ("queued", ann, "person")
        assert sent_tasks == [("risk.tasks.train.run_training", [run.pk])]
        assert OutboxEvent.objects.get().type == "model.training_requested"
        assert TrainingRun.objects.get().tuning_seconds == 0
