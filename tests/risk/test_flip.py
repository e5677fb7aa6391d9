"""The nearest flip: verified by deciding with it, near, and never a suggestion of more fraud."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from accounts.models import Role
from orders.placing import Signals
from risk.decide import decide_account, decide_order, decide_revision
from risk.explain import explanation_of
from risk.explain.flip import MAX_DECISIONS, NoFlip, _Search, find_flip
from risk.explain.frozen import freeze
from risk.explain.words import value_words
from risk.facts import orders as order_facts
from risk.inputs import input_names_of
from risk.list_files import NewEntry
from risk.models import AccountScore, Decision
from risk.policy import Thresholds
from risk.replay import Archive, find_differences, seen_by
from risk.rules.engine import Effect
from risk.schemas import schema_of
from risk.services import add_entries, create_list
from tests.make import (
    NOON,
    make_listing,
    make_live_ruleset,
    make_merchant,
    make_model,
    make_order,
    make_revision,
    make_rule,
    make_user,
)
from tests.risk.versions import make_linear_model, make_tree_model

pytestmark = pytest.mark.django_db


def decide(**fields: Any) -> Decision:
    return Decision.objects.get(pk=decide_order(make_order(**fields), as_of=NOON).pk)


def parts_of(decision: Decision) -> Mapping[str, Any]:
    explanation = freeze(decision, Archive())
    assert explanation is not None
    return dict(explanation.parts)


def only_change(decision: Decision) -> tuple[str, Any, Any, str, str]:
    """Return field, from, to, bound and outcome of a flip by one change."""
    flip = parts_of(decision)["flip"]
    assert flip is not None
    (change,) = flip["changes"]
    return change["field"], change["from"], change["to"], change["bound"], flip["outcome"]


def words_of(decision: Decision) -> str:
    view = explanation_of(decision)
    assert view is not None
    return view.flip_words


class TestRules:
    @pytest.mark.parametrize(
        ("condition", "to"),
        [
            ("order.amount > 480", 480.0),
            ("order.amount >= 480", 479.99),
            ("480 < order.amount", 480.0),
            ("not (order.amount <= 480)", 480.0),
            ("order_amount_minor > 48000", 480.0),
            ("default(order.amount, 0) > 480", 480.0),
            ("order.amount > 480 and order.currency == 'CNY'", 480.0),
            ("order.amount / 2 > 240", 480.0),
        ],
    )
    def test_the_amount_falls_to_where_the_rule_no_longer_holds(self, condition: str, to: float) -> None:
        make_live_ruleset(make_rule(condition))
        make_model()
        field, now, found, bound, outcome = only_change(decide(total="512.00"))
        assert (field, now, bound, outcome) == ("order.amount", 512.0, "at_most", "approve")
        assert found == pytest.approx(to, abs=0 if "/" not in condition else 6)
        assert decide(total=f"{found:.2f}").outcome == "approve"

    def test_it_reads_as_a_sentence_in_both_languages(self) -> None:
        make_live_ruleset(make_rule("order.amount > 480"))
        make_model()
        decision = decide(total="512.00")
        assert words_of(decision) == (
            "Would be approved if: Order total at most 480.00 CNY (now 512.00 CNY)."
        )
        with translation.override("zh-hans"):
            assert words_of(decision) == "若订单总额不超过 480.00 CNY（现为 512.00 CNY），则会通过。"

    def test_lengths_of_time_are_told_in_their_units_and_are_enough(self) -> None:
        wait = value_words("order", "device_order_30d_since", 100_000)
        up = value_words("order", "device_order_30d_since", 100_000, up=True)
        assert (wait, up) == ("1 d 3 h", "1 d 4 h")

    def test_the_amount_rises_where_that_is_nearer(self) -> None:
        make_live_ruleset(make_rule("order.amount > 10 and order.amount < 60"))
        make_model()
        assert only_change(decide(total="59.00"))[1:4] == (59.0, 60.0, "at_least")

    def test_a_decline_flips_to_what_is_left_of_it(self) -> None:
        make_live_ruleset(
            make_rule("order.amount > 1000", Effect.DECLINE), make_rule("order.amount > 3", Effect.REVIEW)
        )
        make_model()
        assert only_change(decide(total="1200.00"))[2:] == (1000.0, "at_most", "review")

    def test_points_need_only_fall_below_the_threshold(self) -> None:
        make_live_ruleset(
            make_rule("order.amount > 400", Effect.POINTS, points=20),
            make_rule("order.amount > 200", Effect.POINTS, points=20),
        )
        make_model()
        assert only_change(decide(total="500.00"))[2] == 400.0

    def test_countries_that_differ_are_made_equal(self) -> None:
        make_live_ruleset(make_rule("order.shipping_country != order.billing_country"))
        make_model()
        decision = decide(shipping_country="DE", billing_country="CN")
        assert only_change(decision)[2:] in {("CN", "exactly", "approve"), ("DE", "exactly", "approve")}

    def test_a_country_that_only_the_model_knows_is_moved_with_it(self) -> None:
        make_live_ruleset()
        make_linear_model({"order_countries_differ": 5.0}, intercept=-3.0)
        decision = decide(shipping_country="DE", billing_country="CN")
        assert only_change(decision) == ("order.shipping_country", "DE", "CN", "exactly", "approve")

    def test_a_text_in_a_list_of_the_rule_leaves_it(self) -> None:
        make_live_ruleset(make_rule("order.shipping_country in ['DE', 'FR']"))
        make_model()
        decision = decide(shipping_country="DE")
        assert only_change(decision)[1:4] == ("DE", ["DE", "FR"], "none_of")
        assert words_of(decision).endswith("none of DE, FR (now DE).")

    def test_an_answer_of_a_list_is_taken_back(self) -> None:
        analyst = make_user(Role.RISK_ANALYST)
        blocked = create_list("blocked_ips", "Blocked", kind="ip", author=analyst)
        add_entries(blocked, [NewEntry("192.0.2.1")], author=analyst)
        make_live_ruleset(make_rule('order.ip in list("blocked_ips")'))
        make_model()
        decision = decide()
        probe = 'order.ip in list("blocked_ips")'
        assert only_change(decision) == (probe, True, False, "exactly", "approve")
        assert words_of(decision) == ("Would be approved if: not on the list “blocked_ips” (now it is).")

    def test_a_text_that_a_list_was_asked_about_is_not_replaced_by_one_it_was_not(self) -> None:
        analyst = make_user(Role.RISK_ANALYST)
        watched = create_list("watched", "Watched", kind="text", author=analyst)
        add_entries(watched, [NewEntry("DE")], author=analyst)
        condition = 'order.shipping_country in list("watched") and order.shipping_country == "DE"'
        make_live_ruleset(make_rule(condition))
        make_model()
        assert only_change(decide(shipping_country="DE"))[0].endswith('in list("watched")')

    def test_two_rules_are_flipped_by_a_pair(self) -> None:
        make_live_ruleset(make_rule("order.amount > 480"), make_rule("order_item_count >= 1"))
        make_model()
        decision = decide(total="512.00")
        flip = parts_of(decision)["flip"]
        found = {change["field"]: change["to"] for change in flip["changes"]}
        assert found == {"order.amount": 480.0, "order_item_count": 0.0}
        assert " and " in words_of(decision)


class TestHistory:
    def test_fewer_orders_on_the_device_flip_it(self) -> None:
        make_live_ruleset(make_rule("device_orders_24h_count >= 2"))
        make_model()
        for minute in range(3):
            make_order(at=NOON - timedelta(minutes=minute + 1))
        decision = decide()
        assert only_change(decision) == ("device_orders_24h_count", 3.0, 1.0, "at_most", "approve")

    def test_shorter_windows_fall_with_a_longer_one(self) -> None:
        """Otherwise the hour would hold more orders than the day, and this rule would still hold."""
        make_live_ruleset(make_rule("device_orders_24h_count >= 2 or device_orders_1h_count >= 2"))
        make_model()
        for minute in range(3):
            make_order(at=NOON - timedelta(minutes=minute + 1))
        field, *rest = only_change(decide())
        assert (field, rest[1]) == ("device_orders_24h_count", 1.0)

    def test_more_bad_outcomes_are_never_suggested(self) -> None:
        make_live_ruleset()
        make_linear_model({"card_bad_labels_30d_count": -50.0}, intercept=3.0)
        assert parts_of(decide())["no_flip"] == "not_found"

    def test_a_longer_pause_is_suggested_and_never_a_shorter_one(self) -> None:
        make_live_ruleset(make_rule("card_order_30d_since < 600"))
        make_model()
        make_order(at=NOON - timedelta(minutes=2))
        field, now, to, bound, outcome = only_change(decide())
        assert (field, now, to, bound, outcome) == (
            "card_order_30d_since",
            120.0,
            600.0,
            "at_least",
            "approve",
        )

    @pytest.mark.parametrize(
        "condition", ["card_order_30d_since > 60", "card_small_orders_24h_count < 5"], ids=["pause", "small"]
    )
    def test_nothing_that_looks_like_fraud_is_suggested(self, condition: str) -> None:
        make_live_ruleset(make_rule(condition))
        make_model()
        make_order(at=NOON - timedelta(minutes=2))
        assert parts_of(decide())["no_flip"] == "not_found"

    @pytest.mark.parametrize("fixed", ["order_hour", "order_weekday", "order_is_night"])
    def test_another_hour_is_never_suggested(self, fixed: str) -> None:
        make_live_ruleset(make_rule(f"{fixed} >= 0"))
        make_model()
        assert parts_of(decide())["no_flip"] == "not_found"

    def test_what_the_order_says_comes_before_the_past(self) -> None:
        make_live_ruleset(make_rule("order_item_count >= 1 and merchant_orders_30d_count >= 0"))
        make_model()
        assert only_change(decide())[0] == "order_item_count"


class TestModel:
    def test_trees_are_flipped_where_they_divide(self) -> None:
        make_live_ruleset()
        make_tree_model(("order_item_count", "order_line_count"))
        decision = decide(total="49.90", lines=_lines(20))
        assert decision.outcome != "approve"
        field, now, to, bound, outcome = only_change(decision)
        assert (field, now, bound) == ("order_item_count", 20.0, "at_most")
        assert to == int(to) < 20
        assert decide(total="49.90", lines=_lines(int(to))).outcome == outcome
        assert decide(total="49.90", lines=_lines(int(to) + 1)).outcome == decision.outcome

    def test_a_smooth_model_is_flipped_to_the_cent(self) -> None:
        make_live_ruleset()
        make_linear_model({"order_amount_minor": 1.0}, intercept=-11.5)
        decision = decide(total="900.00")
        field, _, to, bound, outcome = only_change(decision)
        assert (field, bound) == ("order.amount", "at_most")
        assert decide(total=f"{to:.2f}").outcome == outcome
        assert decide(total=f"{to + 0.01:.2f}").outcome == decision.outcome

    def test_ratios_move_with_the_amount(self) -> None:
        make_live_ruleset(make_rule("order_amount_to_buyer_mean_30d > 2"))
        make_model()
        for minute in range(2):
            make_order(total="100.00", at=NOON - timedelta(minutes=minute + 1))
        decision = decide(total="512.00")
        assert only_change(decision)[:3] == ("order.amount", 512.0, 200.0)
        assert decide(total="200.00").outcome == "approve"

    def test_an_approval_is_flipped_the_other_way(self) -> None:
        make_live_ruleset(make_rule("order.amount > 480"))
        make_model()
        assert only_change(decide(total="49.90")) == (
            "order.amount",
            49.9,
            480.01,
            "at_least",
            "review",
        )


class TestNone:
    def test_a_degraded_decision_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(make_rule("order.amount > 480"))
        make_model()
        gather = order_facts.gather
        failing = lambda order, **when: replace(gather(order, **when), failed=("lists",))  # noqa: E731
        monkeypatch.setattr(order_facts, "gather", failing)
        parts = parts_of(decide(total="512.00"))
        assert (parts["flip"], parts["no_flip"]) == (None, "degraded")

    def test_a_degraded_decline_still_flips_to_a_review(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_live_ruleset(make_rule("order.amount > 480", Effect.DECLINE))
        make_model()
        gather = order_facts.gather
        failing = lambda order, **when: replace(gather(order, **when), failed=("lists",))  # noqa: E731
        monkeypatch.setattr(order_facts, "gather", failing)
        assert only_change(decide(total="512.00"))[4] == "review"

    def test_without_a_ruleset_it_is_degraded(self) -> None:
        make_model()
        assert parts_of(decide())["no_flip"] == "degraded"

    def test_without_a_score_it_says_so(self) -> None:
        make_live_ruleset(make_rule("order.amount > 480"))
        assert parts_of(decide(total="512.00"))["no_flip"] == "no_score"

    def test_what_nothing_moves_is_not_found(self) -> None:
        make_live_ruleset(make_rule("not order.has_card"))
        make_model()
        decision = decide(signals=Signals())
        assert parts_of(decision)["no_flip"] == "not_found"
        assert words_of(decision).startswith("No one or two changes")


def test_a_listing_is_flipped_by_its_price() -> None:
    make_live_ruleset(make_rule("price_to_median > 1.5"), subject="listing")
    make_model("listing")
    make_listing()
    revision = make_revision(price_minor=19_600, submitted=True)
    decision = decide_revision(revision, as_of=NOON + timedelta(minutes=1))
    assert decision.outcome == "review"
    assert only_change(decision) == ("listing.price", 196.0, 147.0, "at_most", "approve")


def test_a_merchant_account_is_flipped_by_what_it_did_and_never_by_more_harm() -> None:
    make_live_ruleset(make_rule("chargebacks_60d_count >= 0 and account_age_days < 200"), subject="merchant")
    merchant = make_merchant()
    AccountScore.objects.create(merchant=merchant, score=0.05, band="low", as_of=NOON - timedelta(hours=1))
    decision = decide_account(merchant, as_of=NOON)
    assert (decision.outcome, decision.score) == ("review", 0.05)
    assert find_differences(Decision.objects.get(pk=decision.pk), Archive()) == ()
    assert only_change(decision) == ("account_age_days", 90.0, 200.0, "at_least", "approve")


def test_the_search_is_bounded_and_the_same_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("order.amount", "order_item_count", "order_line_count", "buyer_account_age_hours")
    limits = Thresholds(
        review_at=0.3,
        decline_at=0.8,
        points_review_at=30,
        points_decline_at=100,
        may_decline_on_score=False,
    )
    rules = [make_rule(f"{name} > 0 or {name} <= 0") for name in names]
    make_live_ruleset(*rules, thresholds=limits)
    make_tree_model(("order_amount_minor", "buyer_orders_7d_count", "device_orders_24h_count"))
    decision, archive = decide(), Archive()
    asked: list[object] = []
    changed = _Search._changed

    def count(search: _Search, changes: Mapping[str, object]) -> Any:
        asked.append(changes)
        return changed(search, changes)

    monkeypatch.setattr(_Search, "_changed", count)
    ruleset, model = archive.ruleset_of(decision), archive.model_of(decision)
    assert ruleset is not None
    seen, inputs, schema = seen_by(decision), _names(decision), schema_of("order")
    found = [find_flip(seen, inputs, ruleset, model, schema, heaviest=inputs) for _ in range(2)]
    assert found == [NoFlip.NOT_FOUND] * 2
    assert MAX_DECISIONS // 4 < len(asked) // 2 <= MAX_DECISIONS
    assert asked[: len(asked) // 2] == asked[len(asked) // 2 :]


def _names(decision: Decision) -> tuple[str, ...]:
    return input_names_of(decision.subject_kind, decision.feature_hash)


def _lines(count: int) -> Any:
    from orders.placing import NewLine

    return (NewLine("Tea pot", count, 4990 // count if count else 0),)
