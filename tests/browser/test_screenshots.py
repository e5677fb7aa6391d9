"""The README's pictures, taken while walking.

`BACKOFFICE_SCREENSHOTS=1 bin/test tests/browser/test_screenshots.py` takes them anew.
"""

import os
from io import BytesIO
from pathlib import Path

import pytest
from celery import current_app
from PIL import Image
from playwright.sync_api import expect

from backoffice.demo import people
from cases.models import ReviewCase
from core.ids import encode
from merchants.models import Merchant
from risk.models import Backtest, ModelVersion, RuleSet, Subject

from .market import TAKEN_OVER, build_market, external_id
from .scenes import write_licence
from .tasks import run_tasks_at_once
from .test_merchant_walk import VALID_NUMBER, fill_in_business, fill_in_contact, sign_up, upload
from .windows import PHONE, OpenWindow, Window

pytestmark = pytest.mark.skipif(
    os.environ.get("BACKOFFICE_SCREENSHOTS") != "1", reason="Pictures are only taken when asked for."
)
_FOLDER = Path(__file__).parent.parent.parent / "docs" / "screenshots"
_LARGEST_BYTES = 200_000


@pytest.fixture
def market(site: str, monkeypatch: pytest.MonkeyPatch) -> Merchant:
    monkeypatch.setattr(current_app, "send_task", run_tasks_at_once())
    return build_market("merchant@example.com")


def test_the_pictures_of_the_readme(open_window: OpenWindow, market: Merchant, tmp_path: Path) -> None:
    stranger = open_window().open("/")
    take(stranger, "home")
    _apply(stranger, tmp_path)
    stranger.page.reload()  # without the toast over it
    take(stranger, "application")

    merchant = open_window().is_signed_in_as(people.get_person("merchant@example.com"))
    take(merchant.open("/portal/"), "portal-home")
    take(merchant.open("/portal/listings/"), "listings")
    take(merchant.open("/portal/orders/"), "orders")
    phone = open_window(size=PHONE).is_signed_in_as(people.get_person("merchant@example.com"))
    take(phone.open("/portal/orders/"), "phone-orders")

    _review(open_window)
    _analyse(open_window)

    admin = open_window().is_signed_in_as(people.get_person("admin@example.com"))
    take(admin.open("/admin/orders/order/"), "admin")


def _apply(window: Window, folder: Path) -> None:
    sign_up(window, "hello@longjing.example")
    window.press("Start the application")
    fill_in_business(window, number=VALID_NUMBER)
    fill_in_contact(window)
    window.fill("Bank account", "6222021234567890123")
    window.press("Save and continue")
    upload(window, "Business licence", write_licence(folder))
    window.follow("Continue")
    window.main.get_by_label("I have read the seller terms").check()
    window.press("Submit the application")
    window.is_told("Application submitted")


def _review(open_window: OpenWindow) -> None:
    reviewer = people.get_person("reviewer@example.com")
    window = open_window().is_signed_in_as(reviewer)
    take(window.open("/console/"), "console")
    take(window.open("/console/queues/orders/"), "console-queue")
    telling = ReviewCase.objects.get(title=external_id(TAKEN_OVER))
    path = f"/console/cases/{encode('cas', telling.pk)}/"
    window.open(path)
    window.press("Take this case")
    window.heads("Claimed")
    window.type("r", "4")
    expect(window.main.locator(".con-letter")).to_have_count(2)
    take(window, "case")
    window.page.emulate_media(color_scheme="dark")
    take(window, "case-dark")
    chinese = open_window(language="zh-CN").is_signed_in_as(reviewer)
    chinese.open(path).type("r", "4")
    expect(chinese.main.locator(".con-letter")).to_have_count(2)
    take(chinese, "case-zh")
    phone = open_window(size=PHONE, theme="dark").is_signed_in_as(reviewer)
    take(phone.open(path), "phone-case")


def _analyse(open_window: OpenWindow) -> None:
    analyst = open_window().is_signed_in_as(people.get_person("second.analyst@example.com"))
    take(analyst.open("/console/models/"), "models")
    newest = ModelVersion.objects.filter(subject=Subject.ORDER, kind="lightgbm").latest("id")
    take(analyst.open(f"/console/models/{encode('mod', newest.pk)}/"), "model")
    take(analyst.open("/console/monitoring/drift"), "drift")
    rules, draft = RuleSet.objects.filter(subject=Subject.ORDER).order_by("id")
    take(analyst.open(f"/console/rules/{encode('rst', rules.pk)}/"), "rules")
    analyst.open(f"/console/rules/{encode('rst', draft.pk)}/rule/R-ORD-014")
    expect(analyst.main.locator("#try")).to_contain_text("matched")
    take(analyst, "rule")
    backtest = Backtest.objects.get(ruleset=draft)
    take(analyst.open(f"/console/backtests/{encode('bkt', backtest.pk)}/"), "backtest")


def take(window: Window, name: str) -> None:
    """Write what the window shows, small enough to keep with the code."""
    window.page.wait_for_load_state("networkidle")
    path = _FOLDER / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    shot = Image.open(BytesIO(window.page.screenshot())).convert("RGB")
    shot.save(path, optimize=True)
    if path.stat().st_size > _LARGEST_BYTES:
        shot.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size <= _LARGEST_BYTES, name
