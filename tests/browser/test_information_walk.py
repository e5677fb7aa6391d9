"""A reviewer asks a merchant for information, the merchant answers, and the case is next again."""

from datetime import timedelta
from pathlib import Path

from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Role, User
from cases.models import CaseStatus, ReviewCase
from core.actors import SYSTEM
from intake.pipeline import submit_application
from risk.models import Subject
from tests.make import make_application, make_live_ruleset, make_model, make_rule

from .scenes import make_person, write_licence
from .windows import OpenWindow


def apply(email: str, company: str) -> User:
    """Let a merchant hand in an application that a rule sends to review; return its owner."""
    owner = make_person(email=email, name="Mei Lin")
    application = make_application(user=owner, company_name=company)
    submit_application(application, actor=SYSTEM, at=timezone.now())
    return owner


def test_an_answered_request_is_back_on_top_with_its_clock_paused_meanwhile(
    open_window: OpenWindow, tmp_path: Path, site: str
) -> None:
    rule = make_rule(
        "application.registration_is_valid", code="R-SEE", name="Seen by a person", reason_code="other"
    )
    make_live_ruleset(rule, subject=Subject.APPLICATION)
    make_model(Subject.APPLICATION, probability=0.02)
    owner = apply("mei@example.com", "Green Leaf Tea Ltd")
    reviewer = make_person(Role.REVIEWER, email="robin@example.com", name="Robin Park")
    window = open_window().is_signed_in_as(reviewer).open("/console/queues/applications/")
    window.type("n")
    window.heads("Green Leaf Tea Ltd")
    window.type("c")
    window.main.get_by_label("A required document is missing").check()
    licence = window.main.locator(".for-request").get_by_label("Business licence")
    licence.check()
    window.fill("Message to the merchant", "All four corners, please.")
    window.press("Ask and take the next")
    window.is_told("Green Leaf Tea Ltd: information requested")
    case = ReviewCase.objects.get()
    assert case.status == CaseStatus.AWAITING_SUBJECT
    assert case.paused_at is not None
    due_at = case.due_at
    # It has waited for the merchant for two days, and what has come is long overdue.
    case.paused_at -= timedelta(days=2)
    case.save(update_fields=["paused_at"])
    apply("tom@example.com", "Riverside Pottery Ltd")
    long_ago = timezone.now() - timedelta(days=365)
    ReviewCase.objects.exclude(pk=case.pk).update(sort_key=long_ago.timestamp(), due_at=long_ago)

    merchant = open_window().is_signed_in_as(owner)
    merchant.open("/portal/application/")
    merchant.sees("All four corners, please.")
    merchant.page.get_by_role("link", name="Answer").first.click()
    # Nothing else is asked again: the other answers cannot be touched.
    expect(merchant.main.get_by_label("Company name")).to_have_count(0)
    merchant.main.locator("input[type=file]").first.set_input_files(write_licence(tmp_path))
    merchant.press("Upload")
    merchant.is_told("File uploaded")
    merchant.follow("Continue")
    merchant.press("Submit the application")
    merchant.is_told("Application submitted")

    case.refresh_from_db()
    assert ReviewCase.objects.filter(pk=case.pk, status="queued", paused_at=None).exists()
    assert timedelta(days=2) <= case.due_at - due_at < timedelta(days=2, minutes=5)
    window.open("/console/queues/applications/")
    rows = window.main.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Green Leaf Tea Ltd")
    window.type("n")
    window.heads("Green Leaf Tea Ltd")
    window.heads("Claimed")
