"""The drift page: what moved, how scores lie, what proved true, and the champion beside its shadows."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from risk.models import Decision, ModelHealth, ModelVersion, ShadowScore
from risk.watch import measure_models
from tests.console.conftest import SignIn
from tests.make import make_user, promote
from tests.risk.days import WEIGHTS, decide, label
from tests.risk.versions import make_linear_model

pytestmark = pytest.mark.django_db

URL = "console:drift"
Queries = Callable[[int], AbstractContextManager[Any]]


@pytest.fixture
def analyst(sign_in: SignIn) -> Client:
    return sign_in(user=make_user(Role.RISK_ANALYST, name="Ana Ruiz"))


def midnight(days_ago: int) -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)


@pytest.fixture
def measured() -> ModelVersion:
    """A champion of two weeks whose input moved far lately, half labelled, with a shadow beside it."""
    champion = make_linear_model(WEIGHTS, status="shadow")
    promote(champion, at=midnight(14))
    shadow = make_linear_model({}, status="shadow")
    ModelVersion.objects.update(created_at=midnight(14))
    for days_ago in range(14, 0, -1):
        scale = 40_000.0 if days_ago < 3 else 1_000.0
        subjects = decide(champion, midnight(days_ago), 200, scale=scale)
        label(subjects[:100], np.arange(100) % 4 == 0, known_at=midnight(days_ago) + timedelta(hours=21))
    ShadowScore.objects.bulk_create(
        ShadowScore(decision_id=id, model=shadow, score=0.2)
        for id in Decision.objects.values_list("pk", flat=True)
    )
    measure_models(at=timezone.now())
    return champion


def test_nothing_measured_yet_offers_to_measure(analyst: Client, page: Client) -> None:
    text = analyst.get(reverse(URL)).content.decode()
    assert "Nothing measured yet" in text
    assert reverse("console:drift-measure") in text
    assert reverse("console:drift-measure") not in page.get(reverse(URL)).content.decode()


def test_what_moved_far_stands_first_with_its_word(analyst: Client, measured: ModelVersion) -> None:
    page = analyst.get(reverse(URL))
    health = page.context["health"]
    assert health.version == measured
    first = health.foremost[0]
    assert (first.name, first.reading.word, first.reading.tone) == ("order_amount_minor", "moved far", "bad")
    assert health.drift.tone == "bad"
    assert len(health.foremost) == 12
    assert "A training has been asked for" in page.content.decode()


def test_scores_of_few_decisions_are_not_judged(analyst: Client, measured: ModelVersion) -> None:
    ModelHealth.objects.filter(model=measured).update(drift=None)
    health = analyst.get(reverse(URL)).context["health"]
    assert health.latest.scores["index"] is not None
    assert (health.drift, health.score_drift) == (None, None)


def test_scores_are_drawn_now_and_before(analyst: Client, measured: ModelVersion) -> None:
    bins = analyst.get(reverse(URL)).context["health"].bins
    assert len(bins) == 20
    assert sum(one.now_share for one in bins) == pytest.approx(1)
    assert sum(one.then_share for one in bins) == pytest.approx(1)
    assert max(one.height for one in bins) <= 140


def test_weeks_tell_what_proved_true(analyst: Client, measured: ModelVersion) -> None:
    health = analyst.get(reverse(URL)).context["health"]
    newest, before = health.weeks
    assert (newest.figures["scored"], newest.figures["labels"], newest.figures["bad"]) == (1_400, 700, 175)
    assert (newest.labelled, newest.bad_share) == (0.5, 0.25)
    assert before.last == newest.last - timedelta(days=7)
    assert set(health.bad_chart["series"][0]["values"]) == {25.0}
    assert set(health.label_chart["series"][0]["values"]) == {50.0}


def test_shadow_stands_beside_the_champion(analyst: Client, measured: ModelVersion) -> None:
    (row,) = analyst.get(reverse(URL)).context["health"].shadows
    assert row.comparison["shadow_mean"] == 0.2
    assert row.comparison["shadow_held"] == 0
    assert row.comparison["champion_held"] > 0.5
    assert len(row.chart["x"]) == 14


def test_every_subject_has_its_own_page(analyst: Client, measured: ModelVersion) -> None:
    page = analyst.get(reverse(URL), {"subject": "listing"})
    assert (page.context["subject"], page.context["health"]) == ("listing", None)
    assert analyst.get(reverse(URL), {"subject": "elsewhere"}).context["subject"] == "order"


@pytest.mark.django_db(transaction=True)
def test_measuring_is_left_to_a_worker(analyst: Client, sent_tasks: list[Any]) -> None:
    answer = analyst.post(reverse("console:drift-measure"), {"subject": "listing"})
    assert answer.headers["Location"] == f"{reverse(URL)}?subject=listing"
    assert sent_tasks == [("risk.tasks.monitoring.measure_models", [])]


def test_the_page_speaks_chinese(analyst: Client, measured: ModelVersion) -> None:
    text = analyst.get(reverse(URL), headers={"accept-language": "zh-hans"}).content.decode()
    assert "漂移" in text
    assert "Missing then" not in text


def test_page_takes_a_fixed_number_of_queries(
    analyst: Client, measured: ModelVersion, django_assert_max_num_queries: Queries
) -> None:
    analyst.get(reverse(URL))
    with django_assert_max_num_queries(12):
        analyst.get(reverse(URL))
