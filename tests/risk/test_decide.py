"""Decisions: made whatever fails, never approved when something did, and complete enough to be replayed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.services import begin_screening
from core.actors import SYSTEM
from intake.pipeline import submit_application
from merchants.models import MerchantApplication
from orders.placing import Signals
from risk import live, selectors
from risk.decide import decide_application, decide_order, decide_revision
from risk.facts import orders as order_facts
from risk.models import Decision, Rule, RuleSet
from risk.policy import Outcome, OutcomeKind, choose_outcome, is_sampled
from risk.rules.engine import Effect, Mode
from risk.rulesets import compile_rows
from tests.make import (
    NOON,
    make_application,
    make_live_ruleset,
    make_order,
    make_revision,
    make_rule,
)
from tests.risk.guards import unguarded
from tests.risk.versions import alter, make_linear_model, make_model, make_tree_model

pytestmark = pytest.mark.django_db


def replay(stored: Decision) -> tuple[str, list[str], float | None, dict[str, bool | None]]:
    """Rebuild outcome, reasons, score and rule results from the stored row and what it names."""
    assert stored.ruleset_id is not None
    ruleset = compile_rows(RuleSet.objects.get(pk=stored.ruleset_id))
    assert ruleset.content_hash == stored.ruleset_hash
    inputs = selectors.features_of(stored)
    facts = {**dict(zip(inputs.names, inputs.vector.tolist(), strict=True)), **stored.snapshot["values"]}
    evaluation = ruleset.rules.evaluate(facts)
    score = None
    if stored.model_id is not None and "score" not in stored.degraded:
        model = live.load_version(selectors.get_model(stored.model_id))
        assert model.sha256 == stored.model_hash
        score = model.score(inputs.vector, stored.feature_hash)
    outside = [name for name in stored.degraded if name != "rules"]
    outcome = choose_outcome(evaluation, score, ruleset.policy.thresholds, degraded=bool(outside))
    return outcome.kind.value, [str(reason) for reason in outcome.reasons], score, evaluation.results


def assert_replays(decision: Decision) -> None:
    stored = Decision.objects.get(pk=decision.pk)  # what the database kept, not what was in memory
    outcome, reasons, score, results = replay(stored)
    assert (outcome, reasons) == (stored.outcome, stored.reason_codes)
    assert score == stored.score
    assert results == stored.snapshot["evaluation"]["results"]


RULES = [
    make_rule("device_orders_24h_count >= 2", Effect.POINTS, points=40, reason_code="velocity_device"),
    make_rule("order.amount > 1000", Effect.REVIEW, reason_code="amount_unusual"),
    make_rule("card_bad_labels_30d_count > 0", Effect.DECLINE, reason_code="bad_history"),
    make_rule("order.shipping_country != order.billing_country", Effect.POINTS, points=35),
    make_rule("order.has_card == false", mode=Mode.SHADOW),
    make_rule("buyer_account_age_hours < 24 and order.amount > 300", Effect.TAG, tag="new_buyer"),
]


class TestReplay:
    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"total": "2500.10"},
            {"signals": Signals()},
            {"signals": Signals(buyer="b", card="c")},
            {"shipping_country": "DE", "billing_country": "CN", "total": "999.99"},
            {"buyer_signed_up_at": NOON - timedelta(minutes=17), "total": "312.00"},
            {"currency": "USD", "total": "0.33"},
        ],
        ids=["plain", "large", "no signals", "some signals", "countries", "new buyer", "other currency"],
    )
    def test_an_orders_outcome_follows_from_the_stored_row_alone(self, fields: dict[str, Any]) -> None:
        make_live_ruleset(*RULES)
        make_tree_model(("order_amount_minor", "device_orders_24h_count", "buyer_account_age_hours"))
        for minute in range(3):
            decide_order(make_order(at=NOON - timedelta(minutes=minute + 1)), as_of=NOON)
        assert_replays(decide_order(make_order(**fields), as_of=NOON))

    def test_a_listings_outcome_follows_from_the_stored_row_alone(self) -> None:
        make_live_ruleset(
            make_rule("price_to_median > 0 or listing.is_new", Effect.REVIEW), subject="listing"
        )
        make_linear_model({}, subject="listing")
        revision = make_revision(submitted=True)
        begin_screening(revision)
        assert_replays(decide_revision(revision, as_of=NOON))

    def test_an_applications_outcome_follows_from_the_stored_row_alone(self) -> None:
        make_live_ruleset(make_rule("application.country == 'CN'", Effect.REVIEW), subject="application")
        make_linear_model({}, subject="application")
        application = make_application()
        submit_application(application, actor=SYSTEM, at=NOON, wait=False)
        assert_replays(decide_application(MerchantApplication.objects.get(pk=application.pk), as_of=NOON))

    def test_a_degraded_outcome_replays_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(*RULES)
        make_model()
        monkeypatch.setattr("risk.scoring.LiveModel.score", _fall_over)
        decision = decide_order(make_order(), as_of=NOON)
        monkeypatch.undo()
        assert decision.degraded == ["score"]
        assert_replays(decision)

    def test_later_versions_and_orders_do_not_change_a_replay(self) -> None:
        make_live_ruleset(*RULES)
        make_model(probability=0.1)
        decision = decide_order(make_order(), as_of=NOON)
        for _ in range(3):
            make_order()
        make_live_ruleset(make_rule("order.amount >= 0", Effect.DECLINE))
        assert_replays(decision)

    def test_a_sampled_approval_is_drawn_the_same_way_again(self) -> None:
        make_live_ruleset(review_share=0.5)
        make_model()
        decisions = [decide_order(make_order(), as_of=NOON) for _ in range(40)]
        drawn = [decision.is_sampled for decision in decisions]
        assert 5 < sum(drawn) < 35
        approve = Outcome(OutcomeKind.APPROVE)
        assert drawn == [
            is_sampled(f"order:{decision.subject_id}", approve, decision.snapshot["review_share"])
            for decision in decisions
        ]


class TestWhenSomethingFails:
    def test_no_model_yet_is_absence_and_degrades_nothing(self) -> None:
        make_live_ruleset()
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded, decision.score) == ("review", [], None)
        assert decision.reason_codes == ["no_score"]

    def test_no_ruleset_degrades(self) -> None:
        make_model()
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["ruleset"])
        assert decision.score == pytest.approx(0.01)

    def test_a_model_that_raises_degrades(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset()
        make_model()
        monkeypatch.setattr("risk.scoring.LiveModel.score", _fall_over)
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["score"])

    @pytest.mark.parametrize("damage", ["removed", "altered"])
    def test_a_model_whose_file_is_damaged_degrades_instead_of_stopping_every_order(
        self, damage: str
    ) -> None:
        make_live_ruleset()
        version = make_model()
        if damage == "altered":
            alter(version)
        else:
            Path(version.artifact.path).unlink()
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["model"])
        assert (decision.model_id, decision.score) == (None, None)

    def test_a_champion_whose_input_is_gone_degrades_says_which_and_stays(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_live_ruleset()
        champion = make_tree_model(("order_amount_minor", "order_gone_count"))
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["model"])
        assert "no longer computed: order_gone_count" in caplog.text
        champion.refresh_from_db()
        assert champion.status == "champion"

    def test_a_model_trained_on_other_definitions_degrades(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset()
        make_model()
        monkeypatch.setattr(order_facts, "ORDER_FEATURE_HASH", "0" * 64)
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["score"])

    def test_a_ruleset_that_can_no_longer_be_read_degrades(self) -> None:
        ruleset = make_live_ruleset(make_rule("order.amount > 1"))
        make_model()
        with unguarded("risk_rule"):
            Rule.objects.filter(ruleset=ruleset).update(condition="order.gone > 1")
        live.forget()
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["ruleset"])

    def test_a_rule_that_meets_a_fact_of_another_type_degrades(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(make_rule("order.amount > 1000"))
        make_model()
        gather = order_facts.gather

        def misfit(order: Any, **kwargs: Any) -> Any:
            facts = gather(order, **kwargs)
            return replace(facts, values={**facts.values, "order.amount": "a lot"})

        monkeypatch.setattr(order_facts, "gather", misfit)
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["rules"])
        assert decision.snapshot["evaluation"]["misfit_facts"].keys() == {"order.amount"}

    def test_a_source_that_failed_degrades(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset()
        make_model()
        gather = order_facts.gather
        monkeypatch.setattr(
            order_facts,
            "gather",
            lambda order, **kwargs: replace(gather(order, **kwargs), failed=("blocklist",)),
        )
        decision = decide_order(make_order(), as_of=NOON)
        assert (decision.outcome, decision.degraded) == ("review", ["blocklist"])

    def test_a_forced_decline_stands_in_a_degraded_decision(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(make_rule("order.amount > 1", Effect.DECLINE))
        make_model()
        monkeypatch.setattr("risk.scoring.LiveModel.score", _fall_over)
        assert decide_order(make_order(), as_of=NOON).outcome == "decline"


class TestWhatIsStored:
    def test_the_row_names_everything_that_judged(self) -> None:
        ruleset = make_live_ruleset(make_rule("order.amount > 10", Effect.REVIEW, queue="high_value"))
        version = make_model()
        order = make_order()
        stored = Decision.objects.get(pk=decide_order(order, as_of=NOON).pk)
        assert (stored.subject_kind, stored.subject_id) == ("order", order.pk)
        assert (stored.merchant_id, stored.as_of) == (order.merchant_id, NOON)
        assert (stored.ruleset_id, stored.ruleset_hash) == (
            ruleset.pk,
            RuleSet.objects.get(pk=ruleset.pk).content_hash,
        )
        assert (stored.model_id, stored.model_hash) == (version.pk, version.sha256)
        assert stored.queue_code == "high_value"
        assert len(stored.code_version) == 16
        assert stored.latency_us.keys() == {"facts", "lists", "rules", "score"}

    def test_model_inputs_are_stored_exactly_missing_ones_included(self) -> None:
        make_live_ruleset()
        order = make_order(signals=Signals(buyer="b"))
        facts = order_facts.gather(order, as_of=NOON)
        stored = Decision.objects.get(pk=decide_order(order, as_of=NOON).pk)
        np.testing.assert_array_equal(selectors.features_of(stored).vector, facts.vector)
        assert np.isnan(selectors.features_of(stored)["device_orders_24h_count"])
        assert selectors.features_of(stored)["buyer_orders_24h_count"] == 0

    def test_nothing_known_at_or_after_as_of_is_seen(self) -> None:
        make_live_ruleset()
        make_order(at=NOON - timedelta(microseconds=1))
        make_order(at=NOON)
        make_order(at=NOON + timedelta(seconds=1))
        order = make_order(at=NOON)
        decision = decide_order(order, as_of=NOON)
        assert selectors.features_of(decision)["device_orders_1h_count"] == 1

    def test_no_personal_data_is_in_the_snapshot(self) -> None:
        make_live_ruleset()
        decision = decide_order(make_order(), as_of=NOON)
        assert "buyer-1" not in str(decision.snapshot)
        assert "192.0.2.1" not in str(decision.snapshot)

    def test_a_decision_costs_one_read_of_history_and_one_write(self) -> None:
        make_live_ruleset(*RULES)
        make_model()
        decide_order(make_order(), as_of=NOON)  # loads the versions, prepares the statement
        order = make_order()
        with CaptureQueriesContext(connection) as queries:
            decide_order(order, as_of=NOON)
        works = ("SELECT", "EXECUTE", "INSERT")
        read, write = (q["sql"] for q in queries if any(verb in q["sql"] for verb in works))
        assert "INSERT" in write
        assert "INSERT" not in read


def _fall_over(*args: object, **kwargs: object) -> float:
    raise RuntimeError("the model fell over")
