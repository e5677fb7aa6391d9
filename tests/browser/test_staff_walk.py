"""Risk analysts and staff: a second person promotes a model, and the admin opens through the one sign-in."""

from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Role
from core.ids import encode
from risk.models import ModelStatus, ModelVersion, Subject
from tests.make import make_comparison, make_model

from .scenes import make_person, make_shop, open_for_business
from .windows import OpenWindow, Window


def test_only_a_second_analyst_promotes_a_model(open_window: OpenWindow) -> None:
    window = open_window()
    open_for_business()
    asker = make_person(Role.RISK_ANALYST, email="ada@example.com", name="Ada Novak")
    approver = make_person(Role.RISK_ANALYST, email="sam@example.com", name="Sam Osei")
    shadow = make_model(Subject.ORDER, probability=0.05, status=ModelStatus.SHADOW)
    type(shadow.training).objects.filter(pk=shadow.training_id).update(requested_by=asker)
    make_comparison(shadow, at=timezone.now())
    page = f"/console/models/{encode('mod', shadow.pk)}/"

    window.is_signed_in_as(asker).open(page)
    window.sees("You asked for its training, so another person has to promote it.")
    expect(window.main.get_by_role("button", name="Promote")).to_be_disabled()

    second = open_window()
    second.sign_in(approver.email, at=page)
    second.press("Promote")
    dialog = second.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Every decision from now on is scored by it.")
    dialog.get_by_role("button", name="Promote").click()
    second.is_told(f"Version {shadow.number} scores from now on")
    second.heads("Champion")
    second.sees("Asked for by Ada Novak, approved by Sam Osei")
    champions = ModelVersion.objects.filter(subject=Subject.ORDER, status=ModelStatus.CHAMPION)
    assert champions.get() == shadow


def test_the_admin_opens_through_the_one_sign_in(window: Window) -> None:
    make_person(email="alex@example.com", name="Alex", is_staff=True, is_superuser=True)
    _, shop = make_shop()
    window.sign_in("alex@example.com", at="/admin/")
    assert window.page.url.endswith("/admin/")
    window.page.get_by_role("link", name="Merchants").last.click()
    expect(window.page.get_by_role("link", name=shop.name).first).to_be_visible()


def test_a_merchant_gets_neither_into_the_console_nor_into_the_admin(window: Window) -> None:
    owner, _ = make_shop()
    window.expected_statuses |= {403, 404}
    window.is_signed_in_as(owner)
    for door in ("/console/", "/admin/"):
        window.open(door)
        expect(window.page.get_by_role("heading", level=1)).not_to_contain_text("Overview")
        expect(window.page.get_by_role("link", name="Queues")).to_have_count(0)
        expect(window.page.get_by_role("link", name="Banned terms")).to_have_count(0)
