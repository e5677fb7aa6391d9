"""Many cases are decided together by keyboard alone, and taken back with one key."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Role
from cases.bulk import run_bulk
from cases.bulk_models import BulkVerdict
from cases.models import CaseStatus, ReviewCase, Verdict
from cases.services import settle_due

from .scenes import make_person, make_shop, open_for_business
from .test_review_walk import hold_order
from .windows import OpenWindow, Window


def _picture(window: Window, name: str) -> None:
    """Keep a picture where BACKOFFICE_PICTURES says, for people to look at; a run without it keeps none."""
    if folder := os.environ.get("BACKOFFICE_PICTURES"):
        window.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def _work() -> None:
    run_bulk(BulkVerdict.objects.latest("pk").pk, at=timezone.now())


def test_by_keyboard_cases_are_chosen_decided_and_undone(
    open_window: OpenWindow, site: str, settings: Any
) -> None:
    settings.REVIEW_UNDO_SECONDS = 30
    open_for_business()
    _owner, merchant = make_shop()
    robin = make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")
    window = open_window().is_signed_in_as(robin)
    for number in range(3):
        hold_order(window.site, merchant, number=f"2026-00012{number}")
    window.open("/console/queues/orders/")
    window.type("x")
    expect(window.page.locator("[data-bulk-bar]")).to_be_visible()
    _picture(window, "queue")
    window.type("b")
    window.sees("3 of 3 cases can be decided")
    window.type("r", "1")
    expect(window.main.locator("#bulk-preview .con-letter")).to_have_count(2)
    _picture(window, "decide")
    assert not Verdict.objects.exists()
    window.type("Enter")
    window.sees("Waiting for a worker")
    _picture(window, "waiting")
    _work()
    window.sees("Nothing has taken effect yet")
    _picture(window, "recorded")
    assert ReviewCase.objects.filter(status=CaseStatus.DECIDED).count() == 3
    window.type("u")
    window.sees("None of these verdicts takes effect any more")
    _work()
    window.sees("3 undone")
    _picture(window, "undone")
    assert settle_due(at=timezone.now() + timedelta(hours=2)) == 0
    assert ReviewCase.objects.filter(status=CaseStatus.QUEUED).count() == 3
