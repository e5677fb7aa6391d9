"""Labelled rows: what is learnt from, as of when, and of how many subjects each row speaks."""

from datetime import timedelta

import numpy as np
import pytest

from core import journal
from core.actors import SYSTEM
from orders.models import Order
from orders.placing import Signals
from orders.services import place_order
from risk.datasets import build_training_set, read_labelled
from risk.decide import decide_order
from risk.inputs import current_inputs
from risk.models import Decision, LabelSource
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_new_order
from tests.risk.trained import AS_OF, label, place

pytestmark = pytest.mark.django_db


class TestTrainingSet:
    def test_only_what_was_labelled_before_as_of_is_learnt_from(self) -> None:
        merchant = make_merchant()
        known, unlabelled, later = (place(merchant, number, is_bad=False) for number in range(3))
        label(known, is_bad=True, known_at=AS_OF - timedelta(seconds=1))
        label(later, is_bad=True, known_at=AS_OF)
        data = build_training_set("order", as_of=AS_OF)
        assert len(data) == 1
        assert data.is_bad.tolist() == [True]
        assert data.at.tolist() == [round(known.known_at.timestamp() * 1e6)]
        assert unlabelled.pk

    def test_an_order_is_bad_if_any_source_says_so_and_weighs_as_much_as_the_best(self) -> None:
        order = place(make_merchant(), 1, is_bad=False)
        label(order, is_bad=False, source=LabelSource.MATURED_GOOD, weight=0.4)
        label(order, is_bad=True, source=LabelSource.CHARGEBACK, weight=0.9)
        data = build_training_set("order", as_of=AS_OF)
        assert data.is_bad.tolist() == [True]
        assert data.weight is not None
        assert data.weight.tolist() == [0.9]

    def test_inputs_are_as_of_the_orders_arrival_and_not_as_of_the_training(self) -> None:
        merchant = make_merchant()
        for number in (0, 3, 6):
            label(place(merchant, number, is_bad=True), is_bad=True)
        data = build_training_set("order", as_of=AS_OF)
        column = data.features.index("device_orders_24h_count")
        assert data.matrix[:, column].tolist() == [0, 1, 2]
        bad = data.features.index("device_bad_labels_7d_count")
        assert data.matrix[:, bad].tolist() == [0, 0, 0]

    def test_what_a_decision_stored_is_taken_as_it_is(self) -> None:
        make_live_ruleset()
        make_model()
        order = place(make_merchant(), 1, is_bad=False)
        decision = decide_order(order, as_of=order.known_at)
        seen = np.arange(len(current_inputs("order")[0]), dtype="<f8")
        Decision.objects.filter(pk=decision.pk).update(features=seen.tobytes())
        label(order, is_bad=False)
        data = build_training_set("order", as_of=AS_OF)
        np.testing.assert_array_equal(data.matrix[0], seen)

    def test_what_was_stored_under_another_schema_is_computed_anew(self) -> None:
        make_live_ruleset()
        order = place(make_merchant(), 1, is_bad=False)
        decision = decide_order(order, as_of=order.known_at)
        Decision.objects.filter(pk=decision.pk).update(features=b"", feature_hash="0" * 64)
        label(order, is_bad=False)
        data = build_training_set("order", as_of=AS_OF)
        assert data.matrix[0, data.features.index("order_amount_minor")] == order.base_total_minor

    def test_without_orders_the_set_is_empty(self) -> None:
        assert len(build_training_set("order", as_of=AS_OF)) == 0

    def test_good_needs_maturity_and_bad_counts_at_once(self) -> None:
        merchant = make_merchant()
        old, young, young_bad = (place(merchant, number, is_bad=False) for number in (1, 400, 401))
        label(old, is_bad=False, known_at=AS_OF - timedelta(days=1))
        label(young, is_bad=False, known_at=AS_OF - timedelta(hours=1))
        label(young_bad, is_bad=True, known_at=AS_OF - timedelta(hours=1))
        ripe = build_training_set("order", as_of=AS_OF, maturity=timedelta(days=10))
        assert ripe.is_bad.tolist() == [False, True]
        assert len(build_training_set("order", as_of=AS_OF)) == 3

    def test_a_sampled_approval_that_only_a_reviewer_judged_stands_for_the_others(self) -> None:
        make_live_ruleset(review_share=1.0)
        make_model()
        merchant = make_merchant()
        sampled, told, held = (place(merchant, number, is_bad=False) for number in range(3))
        for order in (sampled, told):
            decision = decide_order(order, as_of=order.known_at)
            assert (decision.outcome, decision.is_sampled) == ("approve", True)
        snapshot = {**Decision.objects.earliest("pk").snapshot, "review_share": 0.05}
        Decision.objects.update(snapshot=snapshot)
        label(sampled, is_bad=False, source=LabelSource.VERDICT, weight=0.5)
        label(told, is_bad=False, source=LabelSource.VERDICT)
        label(told, is_bad=False, source=LabelSource.MATURED_GOOD)
        label(held, is_bad=True, source=LabelSource.VERDICT)
        data = build_training_set("order", as_of=AS_OF)
        assert data.weight is not None
        assert data.weight.tolist() == [0.5 * 20, 1.0, 1.0]

    def test_one_row_never_stands_for_more_than_a_hundred(self) -> None:
        make_live_ruleset(review_share=1.0)
        make_model()
        order = place(make_merchant(), 1, is_bad=False)
        decision = decide_order(order, as_of=order.known_at)
        Decision.objects.update(snapshot={**decision.snapshot, "review_share": 0.001})
        label(order, is_bad=False, source=LabelSource.VERDICT)
        data = build_training_set("order", as_of=AS_OF)
        assert data.weight is not None
        assert data.weight.tolist() == [100.0]

    def test_a_buyer_is_one_group_from_the_first_bad_order_on(self) -> None:
        merchant = make_merchant()
        with journal.unit():
            orders = [
                place_order(
                    merchant,
                    make_new_order(at=NOON + timedelta(hours=number), signals=Signals(buyer="mallory")),
                    actor=SYSTEM,
                    at=NOON + timedelta(hours=number),
                )
                for number in range(4)
            ]
            for number, order in enumerate(orders):
                label(order, is_bad=number == 1)
        group = build_training_set("order", as_of=AS_OF).group
        assert group is not None
        assert len(set(group[:2].tolist())) == 2
        assert len(set(group[1:].tolist())) == 1

    def test_what_is_too_young_to_be_known_good_is_not_judged(self) -> None:
        merchant = make_merchant()
        with journal.unit():
            for number in range(50):
                label(place(merchant, number, is_bad=False), is_bad=number >= 40)
        rows = read_labelled("order", as_of=AS_OF)
        assert (len(rows), len(rows.ripe())) == (50, 40)

    def test_segments_stand_beside_the_rows(self) -> None:
        merchant = make_merchant(country="DE", joined_at=NOON - timedelta(days=400))
        label(place(merchant, 1, is_bad=False), is_bad=False)
        rows = read_labelled("order", as_of=AS_OF)
        assert {name: codes.tolist() for name, codes in rows.segments.items()} == {
            "merchant_size": ["small"],
            "country": ["DE"],
            "merchant_tenure": ["over_1_year"],
            "buyer_age": [""],
        }
        assert rows.amount_minor.tolist() == [Order.objects.get().base_total_minor]
        assert rows.sources == {"chargeback": 1}
