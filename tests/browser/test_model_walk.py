"""A model from its training to champion and back: one analyst trains it, another compares and promotes."""

from pathlib import Path

import pytest
from celery import current_app
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from backoffice.demo import history, people
from ml.comparison import Margins
from ml.fairness import FairnessLimits
from risk import comparing
from risk.models import ModelComparison, ModelStatus, ModelVersion, TrainingRun
from tests.make import make_model

from .tasks import run_tasks_at_once
from .windows import OpenWindow, Window

_ORDERS = 40_000  # of half as many too few are bad to judge a model on
# On a marketplace so small it is chance which model is the better one, and which segment a model is off in: a
# country has twenty bad orders. The gate has tests of its own.
_WIDE = Margins(average_precision=1.0, cost_share=100.0)
_LENIENT = FairnessLimits(max_fpr_ratio=1_000.0, max_calibration_gap=1.0)
_PATIENCE_MS = 180_000  # a task runs while its request is answered, a training among them


@pytest.fixture
def analysts(site: str, monkeypatch: pytest.MonkeyPatch) -> tuple[User, User]:
    """A marketplace with history, scored by a model that knows nothing, and two analysts."""
    monkeypatch.setattr(current_app, "send_task", run_tasks_at_once())
    monkeypatch.setattr(comparing, "Margins", lambda: _WIDE)
    monkeypatch.setattr(comparing, "FairnessLimits", lambda **_segments: _LENIENT)
    end = timezone.now().replace(microsecond=0)
    people.ensure_people()
    sample = history.make_sample(end=end, orders=_ORDERS, progress=lambda done, total: None)
    history.load_history(sample, end=end, progress=lambda done, total: None)
    history.publish_rules(at=end)
    make_model()
    return people.get_person("analyst@example.com"), people.get_person("second.analyst@example.com")


def test_one_analyst_trains_a_model_and_another_promotes_it_and_takes_it_back(
    open_window: OpenWindow, analysts: tuple[User, User], tmp_path: Path
) -> None:
    ada, sam = (_patient(open_window().is_signed_in_as(person)) for person in analysts)
    old = ModelVersion.objects.get(status=ModelStatus.CHAMPION)

    ada.open("/console/models/")
    ada.sees("Who was champion when")
    ada.choose("Subject", "Order")
    ada.press("Train")
    ada.is_told("Training requested. Another person promotes its model.")
    run = TrainingRun.objects.get(requested_by=analysts[0])
    assert (run.status, run.message) == ("finished", "")
    new = ModelVersion.objects.get(status=ModelStatus.SHADOW)
    ada.sees("Logistic regression")
    ada.follow(f"v{new.number}")
    ada.heads("Shadow")
    ada.sees("You asked for its training, so another person has to promote it.")
    expect(ada.main.get_by_role("button", name="Promote")).to_be_disabled()

    sam.open("/console/models/")
    sam.follow(f"v{new.number}")
    sam.press("Compare again")
    sam.is_told(f"The comparison of version {new.number} is requested")
    assert ModelComparison.objects.latest("pk").reasons == []
    sam.sees("Passes")
    _read_the_report(sam)
    _confirm(sam, "Promote", "Every decision from now on is scored by it")
    sam.is_told(f"Version {new.number} scores from now on")
    sam.heads("Champion")
    assert ModelVersion.objects.get(status=ModelStatus.CHAMPION).pk == new.pk
    _card_stands_alone(sam, new, tmp_path)

    _confirm(sam, "Roll back", f"is scored by version {old.number} again")
    sam.is_told(f"Version {old.number} scores again")
    sam.heads("Retired")
    assert ModelVersion.objects.get(status=ModelStatus.CHAMPION).pk == old.pk


def _patient(window: Window) -> Window:
    window.page.set_default_timeout(_PATIENCE_MS)
    return window


def _read_the_report(window: Window) -> None:
    for words in ("Average precision", "Do the probabilities come true?", "What a threshold costs"):
        window.sees(words)
    for words in ("What it looks at", "Is it as careful with everybody?", "What it was made from"):
        window.sees(words)
    assert window.overflow() == 0


def _confirm(window: Window, button: str, sentence: str) -> None:
    window.press(button)
    dialog = window.page.get_by_role("dialog")
    expect(dialog).to_contain_text(sentence)
    dialog.get_by_role("button", name=button).click()


def _card_stands_alone(window: Window, version: ModelVersion, folder: Path) -> None:
    """Download the card and open it from disk: it asks for nothing, and complains of nothing."""
    with window.page.expect_download() as downloading:
        window.follow("Model card")
    download = downloading.value
    assert download.suggested_filename == f"order-v{version.number}-model-card.html"
    path = folder / download.suggested_filename
    download.save_as(path)
    asked: list[str] = []
    page = window.context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: window.complaints.append(f"The card says: {message.text}"))
    page.goto(path.as_uri())
    expect(page.locator("h1")).to_contain_text(f"v{version.number}")
    background = page.evaluate("getComputedStyle(document.querySelector('.bo-card')).borderTopWidth")
    assert background == "1px"  # its own sheet is allowed by its own policy
    assert asked == [path.as_uri()]
    page.close()
