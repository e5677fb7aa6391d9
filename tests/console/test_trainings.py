"""Trainings in the console: asked for, followed, cancelled, and explained when they come to nothing."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from console.modelling.runs import read_runs
from risk.models import TrainingRun
from tests.console.model_scenes import compare, href, make_version, public
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
    ("status", "code", "sentence", "advice"),
    [
        ("failed", "too_few_labels", "至少需要 20 个", "请多审核"),
        ("failed", "one_class", "都是同一类", "请多审核"),
        ("failed", "abandoned", "两次中断", "请重新训练"),
        ("failed", "vanished_feature", "A sentence that nothing recognises.", "请重新训练"),
        ("cancelled", "", "已取消", ""),
    ],
)
def test_a_training_without_a_model_says_why_and_what_to_do(
    status: str, code: str, sentence: str, advice: str, analyst: Client
) -> None:
    run = TrainingRun.objects.create(
        subject="order", as_of=NOON, status=status, code=code, message="A sentence that nothing recognises."
    )
    analyst.cookies["django_language"] = "zh-hans"
    content = _progress_of(run, analyst)
    assert sentence in content
    assert advice in content


def test_a_training_whose_model_stays_a_candidate_says_why_and_leads_there(analyst: Client) -> None:
    version = make_version(status="candidate")
    compare(version, passes=False, against="champion")
    TrainingRun.objects.filter(pk=version.training_id).update(code=TrainingRun.REJECTED)
    # A later comparison is of other rows, and not what the training found.
    compare(version, passes=True, against="champion")
    analyst.cookies["django_language"] = "zh-hans"
    content = _progress_of(version.training, analyst)
    assert f"第 {version.number} 版仍为候选" in content
    assert "成本更高" in content
    assert href("model", version) in content


def test_the_list_asks_once_for_all_models_that_stay_candidates(
    analyst: Client, django_assert_num_queries: Any
) -> None:
    versions = [make_version(status="candidate") for _ in range(3)]
    for version in versions:
        compare(version, passes=False, against="champion")
    runs = list(TrainingRun.objects.order_by("pk"))
    for run in runs:
        run.code = TrainingRun.REJECTED
    with django_assert_num_queries(1):
        rows = read_runs(runs)
    assert [row.candidate for row in rows] == [public(version) for version in versions]


def _progress_of(run: TrainingRun, client: Client) -> str:
    answer = client.get(reverse("console:training", args=[run.pk]), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()
