"""Promotions of models: a second person, one champion, and the way back."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Role, User
from core.errors import Conflict, PermissionDenied
from core.models import OutboxEvent
from risk.models import ModelPromotion, ModelVersion, TrainingRun
from risk.services import promote_model, request_training
from tests.make import NOON, make_user
from tests.risk.versions import make_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return make_user(Role.RISK_ANALYST)


@pytest.fixture
def bob() -> User:
    return make_user(Role.RISK_ANALYST)


def test_a_promotion_retires_the_former_champion(ann: User) -> None:
    former, shadow = make_model(), make_model(status="shadow")
    promote_model(shadow, approver=ann, at=NOON)
    promotion = ModelPromotion.objects.get(ended_at=None)
    assert ModelVersion.objects.get(pk=former.pk).status == "retired"
    assert ModelVersion.objects.get(status="champion") == shadow
    assert (promotion.model, promotion.approver, promotion.requested_by) == (shadow, ann, None)


def test_the_next_promotion_ends_the_one_before(ann: User) -> None:
    first, second = make_model(status="shadow"), make_model(status="shadow")
    promote_model(first, approver=ann, at=NOON)
    promote_model(second, approver=ann, at=NOON + timedelta(hours=1))
    ended = [promotion.ended_at for promotion in ModelPromotion.objects.order_by("id")]
    assert ended == [NOON + timedelta(hours=1), None]


def test_a_retired_champion_can_come_back(ann: User) -> None:
    first, second = make_model(), make_model(status="shadow")
    promote_model(second, approver=ann, at=NOON)
    promote_model(ModelVersion.objects.get(pk=first.pk), approver=ann, at=NOON)
    assert ModelVersion.objects.get(status="champion") == first


def test_who_asked_for_the_training_cannot_promote_its_model(ann: User, bob: User) -> None:
    version = make_model(status="shadow")
    TrainingRun.objects.filter(pk=version.training_id).update(requested_by=ann)
    version = ModelVersion.objects.get(pk=version.pk)
    with pytest.raises(PermissionDenied) as caught:
        promote_model(version, approver=ann, at=NOON)
    assert caught.value.code == "second_person_needed"
    assert promote_model(version, approver=bob, at=NOON).requested_by == ann


@pytest.mark.parametrize("status", ["candidate", "champion"])
def test_only_a_shadow_or_a_retired_model_is_promoted(ann: User, status: str) -> None:
    with pytest.raises(Conflict) as caught:
        promote_model(make_model(status=status), approver=ann, at=NOON)
    assert caught.value.code == "not_promotable"


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.OPERATIONS])
def test_only_analysts_train_and_promote(role: Role) -> None:
    other = make_user(role)
    with pytest.raises(PermissionDenied):
        promote_model(make_model(status="shadow"), approver=other, at=NOON)
    with pytest.raises(PermissionDenied):
        request_training("order", as_of=NOON, requested_by=other)


def test_a_requested_training_waits_for_its_worker(
    ann: User, sent_tasks: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = request_training("order", as_of=NOON, requested_by=ann)
    assert (run.status, run.requested_by) == ("queued", ann)
    assert sent_tasks == [("risk.tasks.train.run_training", [run.pk])]
    assert OutboxEvent.objects.get().type == "model.training_requested"
