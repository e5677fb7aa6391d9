"""Bulk verdicts on pages: choosing, what can be decided, deciding, watching, undoing."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from cases.bulk import run_bulk
from cases.bulk_models import BulkVerdict, Selection
from cases.claims import claim_case
from cases.models import CaseStatus, ReviewCase, Verdict
from core.ids import encode
from tests.console.conftest import SignIn
from tests.console.scenes import held_case, public
from tests.make import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _time_to_undo(settings: Any) -> None:
    settings.REVIEW_UNDO_SECONDS = 30


def select(page: Client, *cases: ReviewCase) -> str:
    data = {"cases": [public(case) for case in cases]} if cases else {"all": "1"}
    answer = page.post(reverse("console:queue-select", args=["orders"]), data)
    assert answer.status_code == 302
    return encode("sel", Selection.objects.latest("pk").pk)


def href(name: str, public_id: str) -> str:
    return reverse(f"console:{name}", args=[public_id])


def run() -> BulkVerdict:
    row = BulkVerdict.objects.latest("pk")
    run_bulk(row.pk, at=timezone.now())
    row.refresh_from_db()
    return row


def test_ticked_cases_are_frozen_judged_decided_and_undone(page: Client, sent_tasks: list[Any]) -> None:
    cases = [held_case() for _ in range(3)]
    chosen = select(page, *cases[:2])
    claim_case(cases[0], make_user(Role.REVIEWER), at=timezone.now())
    shown = page.get(href("bulk", chosen))
    assert "1 of 2 cases can be decided" in shown.content.decode()
    assert "Another reviewer is working on it" in shown.content.decode()
    assert not BulkVerdict.objects.exists()
    answer = page.post(href("bulk-decide", chosen), {"kind": "approve"})
    assert answer.headers["Location"] == href("bulk", chosen)
    assert "hx-get" in page.get(href("bulk-progress", chosen)).content.decode()
    assert not Verdict.objects.exists()
    run()
    assert page.get(href("bulk-progress", chosen)).headers["HX-Refresh"] == "true"
    assert "Undo all" in page.get(href("bulk", chosen)).content.decode()
    assert chosen in page.get(href("case", public(cases[1]))).content.decode()
    page.post(href("bulk-undo", chosen))
    run()
    assert "1 undone" in page.get(href("bulk", chosen)).content.decode()
    assert ReviewCase.objects.get(pk=cases[1].pk).status == CaseStatus.QUEUED
    assert chosen in page.get(reverse("console:bulks")).content.decode()


def test_the_preview_says_what_the_merchant_reads_in_both_languages(page: Client) -> None:
    held_case()
    chosen = select(page)
    text = page.post(
        href("bulk-preview", chosen), {"kind": "reject", "reason_codes": "other", "message": "Sorry!"}
    ).content.decode()
    assert text.count("Sorry!") == 2
    assert 'lang="zh-Hans"' in text
    assert not BulkVerdict.objects.exists()


def test_without_a_reason_nothing_is_rejected(page: Client) -> None:
    case = held_case()
    chosen = select(page)
    answer = page.post(href("bulk-decide", chosen), {"kind": "reject"})
    assert answer.status_code == 422
    assert "Give at least one reason" in answer.content.decode()
    assert ReviewCase.objects.get(pk=case.pk).status == CaseStatus.QUEUED


def test_a_colleagues_selection_does_not_exist_and_a_senior_only_looks(page: Client, sign_in: SignIn) -> None:
    held_case()
    chosen = select(page)
    assert sign_in(Role.REVIEWER).get(href("bulk", chosen)).status_code == 404
    assert sign_in(Role.REVIEWER).post(href("bulk-decide", chosen), {"kind": "approve"}).status_code == 404
    senior = sign_in(Role.SENIOR_REVIEWER)
    assert senior.get(href("bulk", chosen)).status_code == 200
    assert senior.post(href("bulk-decide", chosen), {"kind": "approve"}).status_code == 403
    assert not BulkVerdict.objects.exists()


def test_sent_twice_there_is_one_verdict(page: Client) -> None:
    held_case()
    chosen = select(page)
    for _ in range(2):
        page.post(href("bulk-decide", chosen), {"kind": "approve"})
    assert BulkVerdict.objects.count() == 1
    page.post(href("bulk-cancel", chosen))
    assert run().status == "cancelled"
    assert not Verdict.objects.exists()


def test_nothing_chosen_says_so(page: Client) -> None:
    held_case()
    answer = page.post(reverse("console:queue-select", args=["orders"]), {"cases": ["x"]}, follow=True)
    assert "None of these cases is queued any more." in answer.content.decode()


def test_the_page_asks_as_many_queries_for_ten_cases_as_for_two(
    page: Client, reviewer: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        held_case(at=timezone.now() - timedelta(minutes=3))
    chosen = select(page)
    with django_assert_max_num_queries(26):
        page.get(href("bulk", chosen))
