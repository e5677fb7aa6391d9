"""The way of a model: what stands between it and its promotion, and every action."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from risk.models import ModelComparison, ModelStatus, ModelVersion
from risk.services import retire_model
from tests.console.model_scenes import compare, href, make_version, text_of
from tests.make import make_model, make_user

pytestmark = pytest.mark.django_db


def _passed(version: ModelVersion) -> None:
    compare(version, passes=True)


def _failed(version: ModelVersion) -> None:
    compare(version, passes=False)


def _passed_long_ago(version: ModelVersion) -> None:
    compare(version, passes=True, at=timezone.now() - timedelta(days=8))


def _passed_with_another(version: ModelVersion) -> None:
    compare(version, passes=True, champion_sha256="0" * 64)


def _put_away(version: ModelVersion) -> None:
    compare(version, passes=True)
    retire_model(version, by=make_user(Role.RISK_ANALYST), at=timezone.now())


def _passed_then_failed(version: ModelVersion) -> None:
    compare(version, passes=True, at=timezone.now() - timedelta(days=1))
    compare(version, passes=False)


def _nothing(version: ModelVersion) -> None:
    """Leave it as it is."""


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (_nothing, "It has not been compared yet"),
        (_failed, "did not pass"),
        (_passed_long_ago, "older than 7 days"),
        (_passed_with_another, "compared with another champion"),
        (_put_away, "without ever being champion"),
        (_passed_then_failed, "did not pass"),
        (_passed, ""),
    ],
    ids=[
        *("not compared", "failed", "stale", "other champion", "put away", "failed later"),
        "passed",
    ],
)
def test_promotion_is_offered_only_when_nothing_stands_in_its_way(
    prepare: Callable[[ModelVersion], None], sentence: str, second: Client, author: User
) -> None:
    version = make_version(requested_by=author)
    prepare(version)
    gate = second.get(href("model", version)).context["gate"]
    assert sentence in gate.why_not
    assert gate.can_promote is not bool(sentence)
    assert (href("model-promote", version) in text_of(second, href("model", version))) is gate.can_promote


def test_candidate_has_to_go_into_shadow_first(second: Client) -> None:
    version = make_version(status="candidate")
    compare(version, passes=True)
    gate = second.get(href("model", version)).context["gate"]
    assert "Put it in shadow first" in gate.why_not
    assert href("model-promote", version) not in text_of(second, href("model", version))


def test_who_asked_for_the_training_is_told_that_another_has_to_promote(
    analyst: Client, author: User
) -> None:
    version = make_version(requested_by=author)
    compare(version, passes=True)
    content = text_of(analyst, href("model", version))
    assert "You asked for its training" in content
    assert href("model-promote", version) not in content
    answer = analyst.post(href("model-promote", version), follow=True)
    assert "A second person has to promote this model." in answer.content.decode()
    assert ModelVersion.objects.get(pk=version.pk).status == ModelStatus.SHADOW


def test_verdict_says_each_question_and_why_it_fails(analyst: Client) -> None:
    version = make_version()
    compare(version, passes=False)
    content = text_of(analyst, href("model", version))
    assert "Does not pass" in content
    assert "It costs more than the margin allows." in content
    verdict = analyst.get(href("model", version)).context["verdict"]
    assert [(test.label, test.is_met) for test in verdict.tests] == [
        ("Average precision", True),
        ("Cost per order", False),
        ("Calibration error", True),
        ("Fairness", False),
    ]


def test_second_person_promotes_and_rolls_back(second: Client, author: User) -> None:
    old, new = make_model(), make_version(requested_by=author)
    compare(new, passes=True)
    answer = second.post(href("model-promote", new), follow=True)
    assert f"Version {new.number} scores from now on" in answer.content.decode()
    assert ModelVersion.objects.get(pk=new.pk).status == ModelStatus.CHAMPION
    assert ModelVersion.objects.get(pk=old.pk).status == ModelStatus.RETIRED
    assert f"Return to version {old.number}" in answer.content.decode()

    back = second.post(href("model-roll-back", new), follow=True)
    assert f"Version {old.number} scores again" in back.content.decode()
    assert ModelVersion.objects.get(pk=old.pk).status == ModelStatus.CHAMPION
    again = second.post(href("model-roll-back", new), follow=True)
    assert "not the champion any more" in again.content.decode()


def test_first_champion_cannot_be_rolled_back(second: Client) -> None:
    champion = make_model()
    content = text_of(second, href("model", champion))
    assert "No other model was champion before it." in content
    assert href("model-roll-back", champion) not in content


def test_candidate_goes_into_shadow_and_away(second: Client) -> None:
    version = make_version(status="candidate")
    answer = second.post(href("model-shadow", version), follow=True)
    assert ModelVersion.objects.get(pk=version.pk).status == ModelStatus.SHADOW
    assert "scores beside the champion" in answer.content.decode()
    assert "Only a candidate" in second.post(href("model-shadow", version), follow=True).content.decode()
    second.post(href("model-retire", version))
    assert ModelVersion.objects.get(pk=version.pk).status == ModelStatus.RETIRED
    assert (
        "Only a candidate or a shadow"
        in second.post(href("model-retire", version), follow=True).content.decode()
    )


def test_comparison_is_asked_for_and_followed(second: Client) -> None:
    make_model()
    version = make_version()
    content = second.post(href("model-compare", version), follow=True).content.decode()
    assert ModelComparison.objects.get(model=version).status == "queued"
    assert href("model-comparison", version) in content
    running = second.get(href("model-comparison", version))
    assert "HX-Refresh" not in running.headers
    ModelComparison.objects.filter(model=version).update(status="running", step="comparing", progress=0.42)
    running = second.get(href("model-comparison", version))
    assert 'aria-valuenow="42"' in running.content.decode()
    assert "Comparing with the champion" in running.content.decode()
    ModelComparison.objects.filter(model=version).update(status="failed", message="No rows.")
    ended = second.get(href("model-comparison", version))
    assert ended.headers["HX-Refresh"] == "true"
    assert "The last comparison failed: No rows." in text_of(second, href("model", version))


def test_failed_comparison_says_why_in_the_readers_language(second: Client) -> None:
    version = make_version()
    comparison = compare(version, passes=True)
    newer = ModelComparison.objects.create(
        model=version,
        sha256=comparison.sha256,
        as_of=timezone.now(),
        status="failed",
        code="damaged_artifact",
        message="The model file cannot be read.",
    )
    second.cookies["django_language"] = "zh-hans"
    assert "模型文件已损坏或丢失" in text_of(second, href("model", version))
    assert newer.message not in text_of(second, href("model", version))


def test_champion_is_not_compared_with_itself(second: Client) -> None:
    champion = make_model()
    answer = second.post(href("model-compare", champion), follow=True)
    assert "The champion is what others are compared with." in answer.content.decode()
    assert not champion.comparisons.filter(status="queued").exists()


def test_reviewer_reads_and_changes_nothing(page: Client) -> None:
    version = make_version()
    content = text_of(page, href("model", version))
    for name in ("model-compare", "model-retire", "model-promote", "model-shadow"):
        assert href(name, version) not in content
        assert page.post(href(name, version)).status_code == 403
