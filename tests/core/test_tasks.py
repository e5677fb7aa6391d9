"""The shells of the ground's periodic work do that work."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.idempotency import RETENTION, Answer, run_once
from core.models import AuditBlock, IdempotencyKey, TransitionRecord
from core.tasks import forget_answers, seal_audit
from tests.make import make_order

pytestmark = pytest.mark.django_db


def test_what_has_settled_is_sealed() -> None:
    make_order()
    assert seal_audit() == 0
    TransitionRecord.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert seal_audit() == 1
    assert AuditBlock.objects.get().journal == "transition"


def test_answers_past_their_retention_are_forgotten() -> None:
    run_once("key:1", "A", b"{}", lambda: Answer(200, b""))
    assert forget_answers() == 0
    IdempotencyKey.objects.update(created_at=timezone.now() - RETENTION - timedelta(seconds=1))
    assert forget_answers() == 1
