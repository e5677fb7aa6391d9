"""The comparison of both computations: it finds what differs, and tells an overlap from a mistake."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from core.refs import Ref
from orders.models import Order
from orders.placing import Signals
from risk import parity
from risk.decide import decide_order
from risk.facts.orders import ORDER_INPUT_NAMES, gather
from risk.models import Decision, LabelSource, ParityRun
from risk.services import record_label
from risk.visibility import Mark
from tests.make import NOON, make_live_ruleset, make_merchant, make_order

MINUTE = timedelta(minutes=1)


def decide(at: datetime, **fields: Any) -> tuple[Order, Decision]:
    """Place and decide an order, and keep the mark of what its history could see."""
    order = make_order(at=at, **fields)
    mark = gather(order, as_of=at).mark
    decision = decide_order(order, as_of=at)
    decision.snapshot["mark"] = mark
    decision.save(update_fields=["snapshot"])
    return order, decision


def measure() -> ParityRun:
    now = timezone.now()
    return parity.measure(since=now - timedelta(days=1), until=now + timedelta(days=1), at=now, chunk=2)


@pytest.mark.django_db(transaction=True)
class TestMeasuring:
    @pytest.fixture(autouse=True)
    def _stream(self) -> None:
        """Five orders of one buyer, and what the first proved to be, corrected later."""
        make_live_ruleset()
        merchant = make_merchant()
        for number in range(5):
            order, self.last = decide(NOON + number * MINUTE, merchant=merchant)
            if number == 0:
                self.first = order
            if number in (0, 2):
                self.label(is_bad=number == 0, known_at=NOON + number * MINUTE)

    def label(self, *, is_bad: bool, known_at: datetime) -> None:
        record_label(
            Ref("order", self.first.pk),
            is_bad=is_bad,
            source=LabelSource.VERDICT,
            occurred_at=known_at,
            known_at=known_at,
            order=self.first,
        )

    def test_what_agrees_is_counted_as_that(self) -> None:
        run = measure()
        assert (run.events, run.mismatches, run.overlapping) == (5, 0, 0)
        assert run.features == len(ORDER_INPUT_NAMES)
        assert run.finished_at is not None
        assert ParityRun.objects.get() == run

    def test_a_stored_value_that_differs_is_a_mismatch_with_an_example(self) -> None:
        at = ORDER_INPUT_NAMES.index("buyer_orders_24h_count")
        vector = np.frombuffer(self.last.features, dtype="<f8").copy()
        vector[at] += 1
        Decision.objects.filter(pk=self.last.pk).update(features=vector.tobytes())
        run = measure()
        assert (run.mismatches, run.overlapping) == (1, 0)
        assert run.detail["features"] == {"buyer_orders_24h_count": 1}
        assert run.detail["examples"] == [
            {"decision": self.last.pk, "feature": "buyer_orders_24h_count", "stored": 5.0, "computed": 4.0}
        ]

    def test_an_order_that_was_committed_after_the_decision_is_an_overlap(self) -> None:
        make_order(at=NOON + 3.5 * MINUTE)
        run = measure()
        assert run.mismatches == 0
        assert run.detail["overlapping_features"]["buyer_orders_24h_count"] == 1
        assert run.overlapping > 10

    def test_an_overlap_explains_no_other_difference(self) -> None:
        make_order(at=NOON + 3.5 * MINUTE)
        at = ORDER_INPUT_NAMES.index("buyer_orders_24h_count")
        vector = np.frombuffer(self.last.features, dtype="<f8").copy()
        vector[at] -= 1
        Decision.objects.filter(pk=self.last.pk).update(features=vector.tobytes())
        assert measure().detail["features"] == {"buyer_orders_24h_count": 1}

    def test_a_label_and_a_correction_that_came_too_late_are_overlaps(self) -> None:
        self.label(is_bad=True, known_at=NOON + 3.5 * MINUTE)
        run = measure()
        assert run.mismatches == 0
        assert run.detail["overlapping_features"]["buyer_bad_labels_7d_count"] == 1

    def test_decisions_of_another_schema_are_left_out(self) -> None:
        Decision.objects.filter(pk=self.last.pk).update(feature_hash="0" * 64)
        assert measure().events == 4

    def test_the_command_fails_where_values_differ(self) -> None:
        said, since = StringIO(), (timezone.now() - timedelta(days=1)).isoformat()
        call_command("measure_parity", "--since", since, stdout=said)
        assert "5 decisions" in said.getvalue()
        Decision.objects.filter(pk=self.last.pk).update(
            features=np.zeros(len(ORDER_INPUT_NAMES), dtype="<f8").tobytes()
        )
        with pytest.raises(CommandError, match="order_amount_minor: 1"):
            call_command("measure_parity", "--since", since, stdout=StringIO())


@pytest.mark.parametrize(
    ("xid", "is_covered"),
    [(9, True), (10, True), (12, False), (13, True), (19, True), (20, False), (25, False)],
    ids=["ended", "the first", "in progress", "ended in between", "the last", "next", "later"],
)
def test_a_mark_covers_what_had_been_committed(xid: int, is_covered: bool) -> None:
    assert Mark.read("10:20:12,14").covers(xid) is is_covered


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no snapshots.")
def test_the_history_statement_tells_its_snapshot() -> None:
    order = make_order(signals=Signals(buyer="b"))
    mark = gather(order, as_of=NOON).mark
    assert mark is not None
    assert Mark.read(mark).first <= Mark.read(mark).end
