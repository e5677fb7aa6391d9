"""Trainings in the console: asked for, followed, cancelled, and explained when they come to nothing."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from risk.models import TrainingRun
from tests.make import NOON

pytestmark = pytest.mark.django_db


def test_training_is_requested_in_ones_own_name_with_time_for_settings(analyst: Client, author: User) -> None:
    analyst.post(reverse("console:train"), {"subject": "order", "tuning_minutes": "15"})
    run = TrainingRun.objects.get()
    assert (run.subject, run.requested_by, run.status) == ("order", author, "queued")
    assert (run.cause, run.tuning_seconds) == ("person", 900)


@pytest.mark.parametrize(
    "sent",
    [{}, {"subject": "merchant"}, {"subject": "nonsense"}, {"subject": "order", "tuning_minutes": "7"}],
    ids=["nothing", "what does not learn", "nonsense", "another time"],
)
def test_what_cannot_be_trained_is_refused_in_words(sent: dict[str, str], analyst: Client) -> None:
    answer = analyst.post(reverse("console:train"), sent, follow=True)
    assert not TrainingRun.objects.exists()
    assert "Choose what to train" in answer.content.decode()


@pytest.mark.parametrize(
    ("status", "polls"), [("queued", True), ("running", True), ("finished", False), ("failed", False)]
)
def test_progress_is_asked_for_only_while_it_moves(status: str, polls: bool, analyst: Client) -> None:
    run = TrainingRun.objects.create(
        subject="order", as_of=NOON, status=status, progress=0.4, step="training"
    )
    content = _progress_of(run, analyst)
    assert ("hx-get" in content) is polls
    assert ("Training the model" in content) is (status == "running")


def test_progress_opened_by_itself_leads_to_the_list(analyst: Client) -> None:
    run = TrainingRun.objects.create(subject="order", as_of=NOON, status="running")
    answer = analyst.get(reverse("console:training", args=[run.pk]))
    assert answer.headers["Location"] == reverse("console:models")


def test_training_that_is_not_there(analyst: Client) -> None:
    assert analyst.get(reverse("console:training", args=[7])).status_code == 404
    assert analyst.post(reverse("console:training-cancel", args=[7])).status_code == 404


def test_running_training_is_cancelled_and_says_so(analyst: Client) -> None:
    run = TrainingRun.objects.create(subject="order", as_of=NOON, status="running")
    answer = analyst.post(reverse("console:training-cancel", args=[run.pk]), follow=True)
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert "It stops at its next sign of life." in answer.content.decode()


def test_training_that_has_ended_is_not_cancelled(analyst: Client) -> None:
    run = TrainingRun.objects.create(subject="order", as_of=NOON, status="finished")
    answer = analyst.post(reverse("console:training-cancel", args=[run.pk]), follow=True)
    assert "This training has ended already." in answer.content.decode()
    assert TrainingRun.objects.get(pk=run.pk).status == "finished"


@pytest.mark.parametrize(
    ("status", "message", "sentence", "advice"),
    [
        (
            "failed",
            "Only 7 labels of the rarer class; at least 20 are needed.",
            "只有 7 个较少一类的标签，至少需要 20 个。",
            "请多审核",
        ),
        (
            "finished",
            (
                "Version 9 stays a candidate and nothing changes: against the champion, on 120 later rows, "
                "it costs more and its average precision is lower."
            ),
            "第 9 版仍为候选",
            "无需处理",
        ),
        ("failed", "A reason that nobody thought of.", "A reason that nobody thought of.", "请重新训练"),
        ("cancelled", "", "已取消", ""),
    ],
    ids=["too few labels", "worse than the champion", "unknown", "cancelled"],
)
def test_a_training_without_a_model_says_why_and_what_to_do(
    status: str, message: str, sentence: str, advice: str, analyst: Client
) -> None:
    run = TrainingRun.objects.create(subject="order", as_of=NOON, status=status, message=message)
    analyst.cookies["django_language"] = "zh-hans"
    content = _progress_of(run, analyst)
    assert sentence in content
    assert advice in content


def _progress_of(run: TrainingRun, client: Client) -> str:
    answer = client.get(reverse("console:training", args=[run.pk]), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()
