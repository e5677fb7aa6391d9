"""Undo, second signatures, holds and hand-overs, as reviewers' browsers do them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from cases.models import CaseStatus, Queue, ReviewCase, Verdict
from cases.services import claim_case, settle_due
from core.ids import encode
from orders.models import Order, OrderStatus
from tests.console.conftest import SignIn
from tests.console.scenes import held_case, public
from tests.make import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _half_a_minute(settings: pytest.FixtureRequest) -> None:
    settings.REVIEW_UNDO_SECONDS = 30  # type: ignore[attr-defined]


def decide(page: Client, user: User, kind: str = "approve", **more: object) -> tuple[ReviewCase, object]:
    case = claim_case(held_case(), user, at=timezone.now())
    sent = {"kind": kind, "claim_token": case.claim_token, "evidence_version": case.evidence_version, **more}
    return case, page.post(reverse("console:case-verdict", args=[public(case)]), sent, follow=True)


def now(case: ReviewCase) -> str:
    return ReviewCase.objects.get(pk=case.pk).status


def undo_url() -> str:
    return reverse("console:verdict-undo", args=[encode("ver", Verdict.objects.get().pk)])


def sign_url() -> str:
    return reverse("console:verdict-sign", args=[encode("ver", Verdict.objects.get().pk)])


def test_a_verdict_offers_undo_and_undone_opens_the_case_again(page: Client, reviewer: User) -> None:
    case, answer = decide(page, reviewer)
    content = answer.content.decode()  # type: ignore[attr-defined]
    assert undo_url() in content
    assert now(case) == CaseStatus.DECIDED
    shown = page.get(reverse("console:case", args=[public(case)])).content.decode()
    assert "Takes effect soon" in shown

    answer = page.post(undo_url())
    assert answer.headers["Location"] == reverse("console:case", args=[public(case)])
    assert 'id="verdict"' in page.get(answer.headers["Location"]).content.decode()


def test_too_late_is_said(page: Client, reviewer: User) -> None:
    case, _ = decide(page, reviewer)
    settle_due(at=timezone.now() + timedelta(minutes=1))
    assert Order.objects.get(pk=case.subject_id).status == OrderStatus.AWAITING_ACCEPTANCE
    answer = page.post(undo_url())
    assert answer.status_code == 409
    assert "too late" in answer.content.decode()


def test_anothers_verdict_cannot_be_undone(page: Client, reviewer: User, sign_in: SignIn) -> None:
    case, _ = decide(page, reviewer)
    assert sign_in(user=make_user(Role.REVIEWER)).post(undo_url()).status_code == 403
    assert now(case) == CaseStatus.DECIDED


def test_a_high_value_is_signed_by_a_second_person(page: Client, reviewer: User, sign_in: SignIn) -> None:
    held_case()
    Queue.objects.update(second_sign_from_minor=1)
    case, answer = decide(page, reviewer)
    assert "waits for a second signature" in answer.content.decode()  # type: ignore[attr-defined]
    own = page.get(reverse("console:case", args=[public(case)])).content.decode()
    assert "Take it back" in own
    assert sign_url() not in own
    assert case.title not in page.get(reverse("console:signatures")).content.decode()
    page.post(sign_url(), {"sign": ""})
    assert now(case) == CaseStatus.AWAITING_SECOND

    second = sign_in(user=make_user(Role.REVIEWER, name="Maya Okafor"))
    assert case.title in second.get(reverse("console:signatures")).content.decode()
    assert sign_url() in second.get(reverse("console:case", args=[public(case)])).content.decode()
    second.post(sign_url(), {"sign": ""})
    assert now(case) == CaseStatus.DECIDED
    settle_due(at=timezone.now() + timedelta(minutes=1))
    assert now(case) == CaseStatus.RESOLVED
    assert "signed by Maya Okafor" in page.get(reverse("console:case", args=[public(case)])).content.decode()


def test_not_signing_needs_a_reason(page: Client, reviewer: User, sign_in: SignIn) -> None:
    held_case()
    Queue.objects.update(second_sign_from_minor=1)
    case, _ = decide(page, reviewer)
    second = sign_in(user=make_user(Role.REVIEWER, name="Maya Okafor"))
    answer = second.post(sign_url(), {"refuse": "1", "note": ""}, follow=True)
    assert "Say why you do not sign" in answer.content.decode()
    assert now(case) == CaseStatus.AWAITING_SECOND
    second.post(sign_url(), {"refuse": "1", "note": "The buyer is on the watchlist"})
    assert now(case) == CaseStatus.QUEUED
    assert (
        "The buyer is on the watchlist"
        in page.get(reverse("console:case", args=[public(case)])).content.decode()
    )


def test_a_case_is_put_aside(page: Client, reviewer: User) -> None:
    case, _ = decide(page, reviewer, "hold", hold_hours="24")
    held = ReviewCase.objects.get(pk=case.pk)
    assert held.status == CaseStatus.ON_HOLD
    assert held.held_until is not None
    assert timedelta(hours=23) < held.held_until - timezone.now() <= timedelta(hours=24)
    assert "comes back" in page.get(reverse("console:case", args=[public(case)])).content.decode()


def test_a_case_is_handed_to_a_colleague(page: Client, reviewer: User) -> None:
    expert = make_user(Role.SENIOR_REVIEWER, name="Expert")
    case, _ = decide(page, reviewer, "escalate", assignee=str(expert.pk), reason_codes=["other"])
    given = ReviewCase.objects.get(pk=case.pk)
    assert (given.assigned_to, given.status) == (expert, CaseStatus.QUEUED)


def test_only_who_may_review_is_offered(page: Client, reviewer: User) -> None:
    make_user(Role.RISK_ANALYST, name="Ada Analyst")
    make_user(Role.SENIOR_REVIEWER, name="Sen Senior")
    case = claim_case(held_case(), reviewer, at=timezone.now())
    content = page.get(reverse("console:case", args=[public(case)])).content.decode()
    assert "Sen Senior" in content
    assert "Ada Analyst" not in content
