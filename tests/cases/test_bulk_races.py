"""Bulk verdicts under real concurrency. SQLite has one writer, so there is no race to lose there."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count

from cases.bulk import NewBulkVerdict, decide_selection, run_bulk, select_cases
from cases.bulk_models import BulkVerdict, SelectedCase
from cases.models import CaseStatus, ReviewCase, Verdict
from cases.selectors import get_queue
from cases.services import settle_due
from tests.cases.builders import NOON, make_reviewer
from tests.cases.test_verdicts import held_order_case

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs DATABASE_URL on PostgreSQL"),
]
CASES, BULKS = 40, 4


def _run_together(ids: list[int]) -> None:
    barrier = Barrier(len(ids))

    def run(bulk_id: int) -> None:
        barrier.wait()
        try:
            run_bulk(bulk_id, at=NOON, clock=lambda: NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(ids)) as pool:
        list(pool.map(run, ids))


def _bulk(email: str) -> BulkVerdict:
    user = make_reviewer(email)
    selection = select_cases(get_queue("orders"), user, at=NOON)
    verdict = NewBulkVerdict("approve")
    return decide_selection(selection, verdict, reviewer=user, at=NOON, undo_for=timedelta(seconds=30))


def test_of_bulks_over_the_same_cases_each_case_gets_one_verdict() -> None:
    for _ in range(CASES):
        held_order_case()
    bulks = [_bulk(f"r{number}@example.com") for number in range(BULKS)]
    _run_together([one.pk for one in bulks])
    assert Verdict.objects.count() == CASES
    assert not Verdict.objects.values("case").annotate(n=Count("pk")).filter(n__gt=1).exists()
    assert ReviewCase.objects.filter(status=CaseStatus.DECIDED).count() == CASES
    members = SelectedCase.objects.filter(selection__bulk_verdict__in=bulks)
    assert members.filter(result="recorded").count() == CASES
    assert members.filter(result="refused").count() == CASES * (BULKS - 1)
    codes = set(members.filter(result="refused").values_list("code", flat=True))
    assert codes <= {"already_claimed", "invalid_transition", "stale_state"}
    assert settle_due(at=NOON + timedelta(seconds=30)) == CASES


def test_one_bulk_taken_by_four_workers_is_worked_off_once() -> None:
    for _ in range(CASES):
        held_order_case()
    row = _bulk("lin@example.com")
    _run_together([row.pk] * 4)
    assert Verdict.objects.count() == CASES
    assert ReviewCase.objects.filter(claim_token=1).count() == CASES
