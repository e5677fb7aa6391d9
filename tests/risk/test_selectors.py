"""Reads on decisions, rulesets, models, labels and alerts."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from core.errors import NotFound
from core.ids import first_id_at
from core.refs import Ref
from merchants.models import Merchant
from risk import selectors
from risk.decide import decide_order
from risk.models import AccountScore, Alert, Decision, LabelSource
from risk.services import record_label
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_order

pytestmark = pytest.mark.django_db


def decide(merchant: Merchant | None = None) -> Decision:
    return decide_order(make_order(merchant), as_of=NOON)


@pytest.mark.parametrize("get", [selectors.get_decision, selectors.get_ruleset, selectors.get_model])
def test_what_does_not_exist_is_not_found(get: Callable[[int], object]) -> None:
    with pytest.raises(NotFound):
        get(5)


def test_the_newest_decision_on_a_subject_counts() -> None:
    order = make_order()
    decide_order(order, as_of=NOON)
    second = decide_order(order, as_of=NOON)
    assert selectors.find_decision(Ref("order", order.pk)) == second
    assert selectors.find_decision(Ref("listing", order.pk)) is None


def test_decisions_are_listed_for_the_given_merchants_only() -> None:
    mine, other = make_merchant(), make_merchant()
    first, second, foreign = decide(mine), decide(mine), decide(other)
    assert list(selectors.list_decisions(merchant_ids=frozenset({mine.pk}))) == [second, first]
    assert list(selectors.list_decisions()) == [foreign, second, first]
    assert list(selectors.list_decisions(merchant_ids=frozenset())) == []
    assert list(selectors.list_decisions(subject="listing")) == []


def test_model_inputs_are_read_by_name() -> None:
    values = selectors.features_of(Decision.objects.get(pk=decide().pk))
    assert values["order_amount_minor"] == 4990
    with pytest.raises(ValueError, match="not in tuple"):
        values["no_such_input"]


def test_rulesets_and_models_are_listed_newest_first_by_subject() -> None:
    first, second = make_live_ruleset(), make_live_ruleset()
    listing = make_live_ruleset(subject="listing")
    assert list(selectors.list_rulesets("order")) == [second, first]
    assert list(selectors.list_rulesets()) == [listing, second, first]
    assert selectors.find_live("order") == second
    assert selectors.find_live("application") is None
    old, new = make_model(), make_model(status="shadow")
    assert list(selectors.list_models("order")) == [new, old]
    assert [run.pk for run in selectors.list_training_runs("order")] == [new.training_id, old.training_id]


def test_labels_are_listed_in_the_order_in_which_they_became_known() -> None:
    for days, source in ((9, LabelSource.CHARGEBACK), (1, LabelSource.VERDICT)):
        record_label(
            Ref("order", 5),
            is_bad=True,
            source=source,
            occurred_at=NOON,
            known_at=NOON + timedelta(days=days),
        )
    assert [label.source for label in selectors.list_labels(Ref("order", 5))] == ["verdict", "chargeback"]


def test_alerts_stay_open_until_somebody_has_seen_to_them() -> None:
    merchant = make_merchant()
    seen, fresh = (
        Alert.objects.create(
            merchant=merchant, code="account_risk_high", score=0.9, created_at=NOON, acknowledged_at=done
        )
        for done in (NOON, None)
    )
    assert list(selectors.list_open_alerts()) == [fresh]
    assert list(selectors.list_alerts_of(merchant.pk)) == [fresh, seen]
    assert list(selectors.list_alerts_of(make_merchant().pk)) == []


def test_account_scores_are_listed_from_a_moment_on() -> None:
    merchant = make_merchant()
    for day in range(3):
        AccountScore.objects.create(
            merchant=merchant, score=0.1 * day, band="low", as_of=NOON + timedelta(days=day)
        )
    scores = selectors.list_account_scores(merchant.pk, since=NOON + timedelta(days=1))
    assert [score.score for score in scores] == [0.1, 0.2]


def test_latency_is_told_by_day_and_step_in_values_that_occurred() -> None:
    for day in range(2):
        for number in range(1, 101):
            make_timed(day, {"score": 10 * number, "facts": number, "rules": 1})
    make_timed(1, {})  # an older row without steps
    make_timed(1, {"facts": 9}, subject_kind="listing")
    first, second = selectors.latency_by_day("order", NOON)
    assert (first.day, first.count, second.count) == (NOON.date(), 100, 100)
    assert list(first.steps) == ["facts", "rules", "score"]
    assert first.steps["facts"] == selectors.Latency(p50=50, p95=95, p99=99)
    assert first.total == selectors.Latency(p50=551, p95=1046, p99=1090)
    assert [day.count for day in selectors.latency_by_day("order", NOON + timedelta(days=1))] == [100]
    assert selectors.latency_by_day("application", NOON) == []


def make_timed(day: int, latency: dict[str, int], **fields: object) -> Decision:
    moment = NOON + timedelta(days=day, seconds=1)
    made = {"subject_kind": "order", "subject_id": 1, "as_of": moment, "outcome": "review", "features": b""}
    return Decision.objects.create(
        id=first_id_at(moment) + next(_numbers),
        snapshot={},
        latency_us=latency,
        created_at=moment,
        **{**made, **fields},
    )


_numbers = count(1)
