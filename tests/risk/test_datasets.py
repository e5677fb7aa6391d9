"""Parity: what a decision saw online is what history gives for the same order, to the last bit."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import numpy as np
import pytest

from cases.services import ensure_default_queues
from core.actors import SYSTEM
from core.ids import new_id
from core.refs import Ref
from intake.pipeline import submit_order
from orders.models import Order
from orders.placing import NewLine, NewOrder, Signals
from risk import datasets
from risk.facts import history
from risk.facts.orders import ORDER_INPUT_NAMES
from risk.models import Decision, LabelSource
from risk.services import record_label
from tests.make import NOON, make_live_ruleset, make_merchant, make_model, make_new_order

pytestmark = pytest.mark.django_db
COUNT = 300
# Bursts within one microsecond, quiet half days, and now and then a gap after which outcomes have matured.
PAUSES = (timedelta(0), timedelta(microseconds=1), timedelta(minutes=7), timedelta(hours=9)) * 5 + (
    timedelta(days=3),
)
END = NOON + timedelta(days=90)


def make_stream(random: Random) -> Iterator[tuple[datetime, NewOrder]]:
    """Yield (known_at, order): few entities, so that they meet; some late, some with nothing supplied."""
    at = NOON
    for number in range(COUNT):
        # Bursts within the same second and quiet days both occur, and so do equal microseconds.
        at += random.choice(PAUSES)
        late_by = random.choice((timedelta(0),) * 6 + (timedelta(minutes=50), timedelta(days=2, seconds=1)))
        yield (
            at,
            make_new_order(
                external_id=f"S-{number}",
                at=at - late_by,
                currency=random.choice(("CNY", "CNY", "USD")),
                fx_rate=Decimal("7.123456789"),
                lines=tuple(
                    NewLine("Pot", random.randint(1, 3), random.choice((0, 1, 999, 250_000)))
                    for _ in range(random.randint(1, 3))
                ),
                signals=Signals(
                    **{
                        name: random.choice((None, *(f"{name}-{value}" for value in range(values))))
                        for name, values in (
                            ("buyer", 9), ("device", 5), ("card", 7), ("address", 6), ("ip", 3)
                        )
                    }
                ),
                buyer_signed_up_at=random.choice((None, at - timedelta(days=30, microseconds=7))),
                billing_country=random.choice(("", "CN", "DE")),
                shipping_country=random.choice(("", "CN")),
                card_country=random.choice(("", "CN", "US")),
            ),
        )  # fmt: skip


def maybe_label(random: Random, order: Order) -> None:
    """Let the truth of some orders come out, at once or weeks later."""
    if random.random() < 0.4:
        known_at = order.known_at + random.choice((timedelta(0), timedelta(hours=30), timedelta(days=12)))
        record_label(
            Ref("order", order.pk),
            is_bad=random.random() < 0.5,
            source=random.choice((LabelSource.CHARGEBACK, LabelSource.VERDICT)),
            occurred_at=known_at,
            known_at=known_at,
            order=order,
        )


@pytest.fixture
def _submitted() -> None:
    ensure_default_queues()
    make_live_ruleset()
    make_model()
    random, merchants = Random(11), [make_merchant() for _ in range(3)]
    for known_at, new in make_stream(random):
        order = submit_order(random.choice(merchants), new, actor=SYSTEM, at=known_at).order
        maybe_label(random, order)


@pytest.mark.usefixtures("_submitted")
def test_stored_vectors_equal_what_history_gives() -> None:
    orders, labels = history.read_orders(before=END), history.read_order_labels(before=END)
    assert len(orders) == COUNT
    computed = datasets.compute_order_inputs(orders, labels, np.arange(COUNT), ORDER_INPUT_NAMES)

    stored = dict(Decision.objects.values_list("subject_id", "features"))
    online = np.stack([np.frombuffer(stored[id], dtype="<f8") for id in orders.events.ids.tolist()])
    differing = [
        name
        for column, name in enumerate(ORDER_INPUT_NAMES)
        if not np.array_equal(online[:, column], computed[:, column], equal_nan=True)
    ]
    assert differing == []
    # The stream must have put something into every column, or the claim would be empty.
    silent = [
        name
        for column, name in enumerate(ORDER_INPUT_NAMES)
        if len(np.unique(online[:, column][~np.isnan(online[:, column])])) < 2
    ]
    assert silent == []
    assert np.isnan(online).any(axis=1).sum() > COUNT / 2
    # Some orders alone are given what all together are.
    rows = np.array([COUNT - 1, 5, 70])
    alone = datasets.compute_order_inputs(orders, labels, rows, ORDER_INPUT_NAMES)
    np.testing.assert_array_equal(alone, computed[rows])


def test_history_is_read_between_two_moments() -> None:
    merchant = make_merchant()
    for day in range(4):
        at = NOON + timedelta(days=day)
        submit_order(merchant, make_new_order(at=at), actor=SYSTEM, at=at)
    assert len(history.read_orders(before=NOON + timedelta(days=3))) == 3
    assert len(history.read_orders(before=NOON + timedelta(days=3), since=NOON + timedelta(days=1))) == 2
    assert len(history.read_orders(before=NOON)) == 0


def test_labels_of_other_subjects_are_not_read() -> None:
    for subject in ("order", "listing"):
        record_label(
            Ref(subject, new_id()), is_bad=True, source=LabelSource.VERDICT, occurred_at=NOON, known_at=NOON
        )
    assert len(history.read_order_labels(before=END).events.ids) == 1
    assert len(history.read_order_labels(before=NOON).events.ids) == 0
