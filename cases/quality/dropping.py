"""Closing blind reviews and golden copies whose question has gone."""

from datetime import datetime

from core.actors import SYSTEM
from core.refs import Ref

from ..models import OPEN, CasePurpose, ReviewCase
from ..settling import drop_waiting
from ..states import CASE
from .models import SecondLook


def drop_open(subject: Ref, *, at: datetime) -> None:
    """Close the open blind reviews and golden copies of a subject: something new has come in about it.

    Its own case asks a question of its own, and the old one can no longer be judged as the first did.
    """
    cases = ReviewCase.objects.select_for_update().filter(
        subject_kind=subject.kind, subject_id=subject.id, status__in=OPEN
    )
    for case in cases.exclude(purpose=CasePurpose.WORK):
        drop(case, at=at)


def drop(case: ReviewCase, *, at: datetime) -> None:
    """Close one open blind review or golden copy without an answer; the case is locked."""
    drop_waiting(case, reason_code="evidence_changed")
    CASE.move(
        case,
        "cancel",
        actor=SYSTEM,
        reason_code="evidence_changed",
        claimed_by=None,
        claim_expires_at=None,
        resolved_at=at,
    )
    SecondLook.objects.filter(case=case, answered_at=None).update(dropped_at=at)
