"""Explanations: what moved the score, computed once from the stored vector, then frozen."""

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from core.ids import moment_of
from orders.placing import Signals
from risk.decide import decide_order
from risk.explain import explain_by_id, explain_decision, explain_pending, explanation_of, frozen
from risk.models import Decision, Explanation, ModelVersion
from risk.replay import Archive
from risk.rules.engine import Effect
from risk.services import pull_brake
from tests.make import NOON, make_live_ruleset, make_order, make_rule
from tests.risk.guards import unguarded
from tests.risk.versions import alter, make_linear_model, make_tree_model

pytestmark = pytest.mark.django_db
WEIGHTS = {"order_amount_minor": 0.5, "device_orders_24h_count": 2.0, "order_item_count": -0.1}


@pytest.fixture
def model() -> ModelVersion:
    return make_linear_model(WEIGHTS, intercept=-3.0)


def held_order(**fields: object) -> Decision:
    """Return a decision that holds its order, as stored."""
    make_live_ruleset(make_rule("true", Effect.REVIEW))
    decision = decide_order(make_order(**fields), as_of=NOON)  # type: ignore[arg-type]
    return Decision.objects.get(pk=decision.pk)


def test_contributions_come_heaviest_first_with_the_value_that_gave_them(model: ModelVersion) -> None:
    found = explain_decision(held_order(total="49.90"))
    assert [one.name for one in found] == ["order_amount_minor", "order_item_count"]
    assert found[0].value == 4990
    assert found[0].log_odds == pytest.approx(0.5 * math.log1p(4990))
    assert found[1].log_odds < 0


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_contributions_and_base_are_the_log_odds_of_the_score(kind: str) -> None:
    if kind == "linear":
        make_linear_model(WEIGHTS)
    else:
        make_tree_model(tuple(WEIGHTS))
    decision = held_order()
    found = explain_decision(decision)
    stored = np.frombuffer(Explanation.objects.get().contributions, dtype="<f8")
    assert stored[:-1].sum() == pytest.approx(sum(one.log_odds for one in found))
    assert decision.score is not None
    if kind == "linear":  # it is not calibrated, so the log-odds can be read off the score
        assert stored.sum() == pytest.approx(math.log(decision.score / (1 - decision.score)))


def test_a_missing_input_is_shown_as_missing() -> None:
    make_tree_model(("device_orders_24h_count", "order_amount_minor"))
    found = {one.name: one for one in explain_decision(held_order(signals=Signals()))}
    assert math.isnan(found["device_orders_24h_count"].value)


def test_what_was_explained_once_stays(model: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = held_order()
    first = explain_decision(decision)
    before = Explanation.objects.values().get()
    monkeypatch.setattr(frozen, "find_flip", lambda *args, **kwargs: pytest.fail("computed again"))
    assert explain_decision(decision) == first
    explain_by_id(decision.pk)
    assert Explanation.objects.values().get() == before


def test_who_comes_second_at_the_same_time_reads_the_first_ones_and_changes_nothing(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = held_order()
    compute = frozen._parts

    def overtaken(*args: Any) -> dict[str, Any]:
        Explanation.objects.get_or_create(
            pk=decision.pk, defaults={"contributions": b"", "feature_hash": "x"}
        )
        return compute(*args)

    monkeypatch.setattr(frozen, "_parts", overtaken)
    explanation = frozen.freeze(decision, Archive())
    assert explanation is not None
    assert explanation.feature_hash == "x"
    assert Explanation.objects.get().feature_hash == "x"


def test_the_worker_explains_what_holds_or_declines_and_leaves_approvals(model: ModelVersion) -> None:
    held = held_order()
    make_live_ruleset()
    approved = decide_order(make_order(total="0.01", signals=Signals()), as_of=NOON)
    assert approved.outcome == "approve"
    assert explain_pending(at=moment_of(held.pk) + timedelta(minutes=1)) == 1
    assert Explanation.objects.get().pk == held.pk
    assert explain_pending(at=moment_of(held.pk) + timedelta(minutes=1)) == 0


def test_older_decisions_wait_until_somebody_opens_them(model: ModelVersion) -> None:
    held = held_order()
    assert explain_pending(at=moment_of(held.pk) + timedelta(days=3)) == 0
    assert explain_decision(held)


def test_without_a_score_the_rules_are_explained() -> None:
    decision = held_order()
    assert explain_decision(decision) == []
    assert explain_pending(at=moment_of(decision.pk)) == 1
    view = explanation_of(decision)
    assert view is not None
    assert (view.contributions, view.probability, view.band) == ((), None, "")
    assert [rule.effect for rule in view.rules] == ["review"]
    assert view.flip_words == "Nothing is approved without a score."


def test_a_vector_whose_schema_is_no_longer_declared_breaks_no_page(model: ModelVersion) -> None:
    decision = held_order()
    explain_decision(decision)
    with unguarded("risk_modelversion"):
        for row in (Decision, ModelVersion, Explanation):
            row.objects.update(feature_hash="0" * 64)
    decision.refresh_from_db()
    assert explain_decision(decision) == []
    Explanation.objects.all().delete()
    assert explain_decision(decision) == []
    assert explain_pending(at=moment_of(decision.pk)) == 0


def test_a_damaged_model_file_breaks_no_page_and_holds_back_no_other_decision(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = held_order()
    ModelVersion.objects.update(status="retired")
    make_linear_model(WEIGHTS)
    good = held_order()
    alter(model)
    assert explain_decision(broken) == []
    assert explain_pending(at=moment_of(good.pk)) == 1
    assert Explanation.objects.get().pk == good.pk


def test_a_damaged_champion_holds_back_no_decision_of_an_older_model(model: ModelVersion) -> None:
    older = held_order()
    ModelVersion.objects.update(status="retired")
    alter(make_linear_model(WEIGHTS))
    assert explain_decision(older)


def test_a_braked_champion_holds_back_no_explanation(model: ModelVersion) -> None:
    decision = held_order()
    assert decision.model_id == model.pk
    pull_brake("order", by=None, at=NOON)
    assert explain_decision(decision)


def test_a_decision_that_does_not_exist_is_no_error() -> None:
    explain_by_id(5)
    assert not Explanation.objects.exists()


def test_the_rules_that_decided_are_told_apart_from_those_that_only_hit(model: ModelVersion) -> None:
    rules = (
        make_rule("order.amount > 1", Effect.POINTS, points=10, reason_code="velocity_buyer"),
        make_rule("order.amount > 2", Effect.REVIEW, reason_code="amount_unusual"),
        make_rule("order.amount > 3", Effect.DECLINE, reason_code="bad_history"),
        make_rule("order.amount > 4", Effect.TAG, tag="large"),
        make_rule("order.amount > 5000", Effect.DECLINE, reason_code="card_testing"),
    )
    make_live_ruleset(*rules)
    view = explanation_of(decide_order(make_order(), as_of=NOON))
    assert view is not None
    assert [(rule.code, rule.is_decisive) for rule in view.rules] == [
        (rules[2].code, True),
        (rules[1].code, False),
        (rules[0].code, False),
    ]
    assert view.points == 10


@pytest.mark.parametrize(
    ("intercept", "band"), [(-4.0, "low"), (-0.5, "elevated"), (3.0, "high")], ids=["low", "elevated", "high"]
)
def test_probability_band_and_thresholds_are_frozen_with_it(intercept: float, band: str) -> None:
    make_linear_model({}, intercept=intercept)
    view = explanation_of(held_order())
    assert view is not None
    assert view.probability == pytest.approx(1 / (1 + math.exp(-intercept)))
    assert view.band == band
    assert (view.thresholds["review_at"], view.thresholds["points_decline_at"]) == (0.3, 100)


def test_a_row_frozen_before_there_were_parts_still_shows_contributions(model: ModelVersion) -> None:
    decision = held_order()
    explain_by_id(decision.pk)
    Explanation.objects.update(parts={})
    view = explanation_of(decision)
    assert view is not None
    assert view.contributions
    assert (view.rules, view.flip, view.flip_words) == ((), None, "")
