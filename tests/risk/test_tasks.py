"""The shells around explanations, shadow scores, account scores and trainings do that work."""

import pytest
from django.utils import timezone

from cases.services import ensure_default_queues
from core.actors import SYSTEM
from intake.pipeline import submit_order
from merchants.models import Merchant
from risk.models import AccountScore, Decision, Explanation, ShadowScore, TrainingRun
from risk.rules.engine import Effect
from risk.tasks import accounts, decide, monitoring, train
from risk.version import code_version
from tests.make import make_live_ruleset, make_merchant, make_new_order, make_rule
from tests.risk.versions import make_linear_model, make_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def decision() -> Decision:
    """An order that was just held, beside a shadow model."""
    ensure_default_queues()
    make_live_ruleset(make_rule("true", Effect.REVIEW))
    make_linear_model({"order_amount_minor": 0.2})
    make_model(status="shadow")
    now = timezone.now()
    found = submit_order(make_merchant(), make_new_order(at=now), actor=SYSTEM, at=now).decision
    assert found is not None
    return found


def test_a_decision_is_explained_by_its_id_or_with_the_others(decision: Decision) -> None:
    decide.explain_decision(decision.pk)
    assert Explanation.objects.get().pk == decision.pk
    assert decide.explain_pending() == 0
    Explanation.objects.all().delete()
    assert decide.explain_pending() == 1


def test_shadows_are_scored(decision: Decision) -> None:
    assert monitoring.score_shadows() == 1
    assert ShadowScore.objects.get().decision_id == decision.pk


def test_merchants_with_news_are_scored_soon_and_all_of_them_at_night(decision: Decision) -> None:
    quiet = make_merchant()
    assert accounts.refresh_recent() == 1
    assert AccountScore.objects.get().merchant_id == decision.merchant_id
    assert accounts.refresh_all() == 2
    assert Merchant.objects.get(pk=quiet.pk).account_score_at is not None


def test_a_training_runs_by_its_id() -> None:
    run = TrainingRun.objects.create(subject="order", as_of=timezone.now())
    train.run_training(run.pk)
    run.refresh_from_db()
    assert (run.status, run.message) == ("failed", "All labels are of one class; both are needed.")


def test_a_decision_names_the_code_that_made_it(decision: Decision) -> None:
    assert decision.code_version == code_version()
    assert set(code_version()) <= set("0123456789abcdef")
