"""Who takes something back leaves no open question behind."""

import pytest

from cases.models import CaseStatus, ReviewCase
from cases.services import close_moot_cases, ensure_default_queues
from core.actors import SYSTEM
from core.errors import InvalidTransition
from intake import pipeline, withdrawals
from orders.handling import cancel_order
from tests.make import (
    NOON,
    make_application,
    make_live_ruleset,
    make_merchant,
    make_new_order,
    make_revision,
    make_rule,
)

pytestmark = pytest.mark.django_db


def test_withdrawn_application_closes_its_case() -> None:
    ensure_default_queues()
    make_live_ruleset(make_rule("application.attempt >= 1"), subject="application")
    application = make_application()
    pipeline.submit_application(application, actor=SYSTEM, at=NOON)
    case = ReviewCase.objects.get(subject_kind="application", subject_id=application.pk)
    withdrawals.withdraw_application(application, actor=SYSTEM, at=NOON)
    case.refresh_from_db()
    assert (application.status, case.status) == ("withdrawn", CaseStatus.CANCELLED)
    with pytest.raises(InvalidTransition):
        withdrawals.withdraw_application(application, actor=SYSTEM, at=NOON)


def test_withdrawn_revision_closes_its_case() -> None:
    ensure_default_queues()
    make_live_ruleset(make_rule("listing.price > 0"), subject="listing")
    revision = make_revision()
    pipeline.submit_revision(revision, actor=SYSTEM, at=NOON)
    case = ReviewCase.objects.get(subject_kind="listing", subject_id=revision.pk)
    withdrawals.withdraw_revision(revision, actor=SYSTEM, at=NOON)
    case.refresh_from_db()
    assert (revision.status, case.status) == ("withdrawn", CaseStatus.CANCELLED)


def test_withdrawing_what_nobody_was_asked_about_is_fine() -> None:
    revision = make_revision()
    withdrawals.withdraw_revision(revision, actor=SYSTEM, at=NOON)
    assert revision.status == "withdrawn"


def test_an_order_cancelled_by_staff_has_no_case_for_long() -> None:
    ensure_default_queues()
    make_live_ruleset(make_rule("order.amount > 0"))
    cancelled, held = (
        pipeline.submit_order(make_merchant(), make_new_order(), actor=SYSTEM, at=NOON).order
        for _ in range(2)
    )
    cancel_order(cancelled, actor=SYSTEM, at=NOON, reason="The buyer called.")

    assert close_moot_cases(at=NOON) == 1
    assert close_moot_cases(at=NOON) == 0
    assert ReviewCase.objects.get(subject_id=cancelled.pk).status == CaseStatus.CANCELLED
    assert ReviewCase.objects.get(subject_id=held.pk).status == CaseStatus.QUEUED


def test_cancelled_held_order_closes_its_case() -> None:
    ensure_default_queues()
    make_live_ruleset(make_rule("order.amount > 0"))
    order = pipeline.submit_order(make_merchant(), make_new_order(), actor=SYSTEM, at=NOON).order

    withdrawals.cancel_order(order, actor=SYSTEM, at=NOON, reason="The buyer called.")

    assert (order.status, order.hold_kind) == ("cancelled", "")
    assert ReviewCase.objects.get(subject_kind="order").status == CaseStatus.CANCELLED
