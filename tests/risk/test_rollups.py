"""Rollups: whatever a worker has rolled up by then, an order is told what its events say, to the last bit."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core.ids import new_id
from core.refs import Ref
from merchants.models import Merchant
from orders.models import Order
from risk import rollups
from risk.datasets import compute_order_inputs
from risk.facts import history
from risk.facts.orders import ORDER_INPUT_NAMES, gather, keys_of, read_history
from risk.features.declarations import DAY, ORDER_FEATURES, Entity, Source
from risk.features.windows import FOREVER, LEVELS, tile
from risk.models import Label, LabelSource, Rollup, RollupBucket, RollupPair
from risk.services import record_label
from tests.make import NOON, make_merchant

needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite reads history event by event."
)
LATE_BY = (timedelta(0),) * 6 + (timedelta(minutes=1), timedelta(minutes=50), timedelta(days=2, seconds=1))
PAUSES = (
    *(timedelta(0), timedelta(microseconds=1), timedelta(seconds=9), timedelta(minutes=7)) * 6,
    timedelta(hours=9),
    timedelta(days=2, minutes=3),
)
SIZES = {"buyer_key": 9, "device_key": 5, "card_key": 7, "address_key": 6, "ip_key": 3}


def make_event(random: Random, merchant: Merchant, at: datetime, late_by: timedelta) -> Order:
    keys = {name: random.choice((None, *range(1, size))) for name, size in SIZES.items()}
    amount = random.choice((0, 999, 1_000, 250_000, 10**12))
    return Order.objects.create(
        merchant=merchant,
        external_id=f"R-{new_id()}",
        currency="CNY",
        total_minor=amount,
        base_total_minor=amount,
        fx_rate=1,
        card_country=random.choice(("", "CN", "US")),
        shipping_country=random.choice(("CN", "US")),
        occurred_at=at - late_by,
        known_at=at,
        **keys,
    )


def tell(random: Random, order: Order, at: datetime) -> None:
    """Let the truth of an order come out, or be corrected."""
    record_label(
        Ref("order", order.pk),
        is_bad=random.random() < 0.5,
        source=random.choice((LabelSource.VERDICT, LabelSource.CHARGEBACK)),
        occurred_at=at,
        known_at=at,
        order=order,
    )


def work(at: datetime) -> None:
    """Do what the worker does at a moment."""
    rollups.enlist(at=at)
    rollups.advance(at=at)


def stream(random: Random, count: int) -> Iterator[tuple[Order, dict[str, float]]]:
    """Yield orders as they arrive with the inputs read online; labels and the worker come in between."""
    merchants, past, at = [make_merchant() for _ in range(3)], [], NOON
    for _ in range(count):
        at += random.choice(PAUSES)
        order = make_event(random, random.choice(merchants), at, random.choice(LATE_BY))
        facts = gather(order, as_of=at)
        yield order, dict(zip(ORDER_INPUT_NAMES, facts.vector.tolist(), strict=True))
        past.append(order)
        if random.random() < 0.5:
            tell(random, random.choice(past), at)
        if random.random() < 0.1:
            work(at)
        if random.random() < 0.02:
            rollups.prune(at=at)


def assert_parity(online: Mapping[int, Mapping[str, float]]) -> None:
    """Compare what each order was told with what history gives today."""
    end = NOON + timedelta(days=3_000)
    orders, labels = history.read_orders(before=end), history.read_order_labels(before=end)
    computed = compute_order_inputs(orders, labels, np.arange(len(orders)), ORDER_INPUT_NAMES)
    differing = set()
    for row, pk in enumerate(orders.events.ids.tolist()):
        told = np.array([online[pk][name] for name in ORDER_INPUT_NAMES])
        same = (told == computed[row]) | (np.isnan(told) & np.isnan(computed[row]))
        differing |= {ORDER_INPUT_NAMES[column] for column in np.flatnonzero(~same)}
    assert differing == set()


@pytest.fixture
def _few_are_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "HEAVY", dict.fromkeys(Entity, 3))


@pytest.mark.django_db
@pytest.mark.usefixtures("_few_are_heavy")
def test_a_stream_is_told_what_history_gives_whatever_the_worker_did_meanwhile() -> None:
    random = Random(5)
    online = {order.pk: told for order, told in stream(random, 1_500)}
    assert_parity(online)
    if connection.vendor == "postgresql":
        # The stream must have had what it is about: rollups of every kind, moved, and labels taken back.
        kinds = set(Rollup.objects.values_list("source", "entity"))
        assert kinds == {(feature.source, feature.entity) for feature in ORDER_FEATURES}
        assert RollupPair.objects.exists()
        assert set(RollupBucket.objects.values_list("level", flat=True)) == set(LEVELS)
    assert Label.objects.exclude(superseded_at=None).exists()
    silent = [
        name
        for name in (feature.name for feature in ORDER_FEATURES)
        if len({told[name] for told in online.values() if not np.isnan(told[name])}) < 2
    ]
    assert silent == []


class TestSmallStreams(TestCase):
    """Every example is a transaction of its own."""

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32), st.integers(1, 25))
    def test_small_streams_are_told_what_history_gives(self, seed: int, count: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rollups, "HEAVY", dict.fromkeys(Entity, 1))
            random = Random(seed)
            assert_parity({order.pk: told for order, told in stream(random, count)})


@pytest.mark.django_db
@pytest.mark.usefixtures("_few_are_heavy")
@needs_postgresql
class TestTheWorker:
    @staticmethod
    def count(order: Order, at: datetime) -> float:
        return read_history(keys_of(order), as_of=at).values["merchant_orders_7d_count"]

    @staticmethod
    def make_heavy(at: datetime = NOON) -> Order:
        merchant, random = make_merchant(), Random(1)
        return [make_event(random, merchant, at, timedelta(0)) for _ in range(5)][-1]

    def test_what_is_rolled_up_is_not_read_again(self) -> None:
        """The events could be gone: reading takes them from the buckets."""
        order = self.make_heavy()
        later = NOON + timedelta(hours=1)
        work(later)
        Order.objects.filter(merchant_id=order.merchant_id).update(merchant=make_merchant())
        assert self.count(order, later) == 5

    def test_a_moment_before_the_watermark_reads_the_events(self) -> None:
        order = self.make_heavy()
        work(NOON + timedelta(hours=1))
        assert self.count(order, NOON + timedelta(microseconds=1)) == 5
        assert self.count(order, NOON) == 0

    def test_the_watermark_stays_behind_what_may_still_be_committed(self) -> None:
        self.make_heavy()
        work(NOON + timedelta(seconds=59))
        assert set(Rollup.objects.values_list("watermark", flat=True)) == {NOON - timedelta(seconds=1)}

    def test_advancing_twice_adds_nothing(self) -> None:
        order = self.make_heavy()
        later = NOON + timedelta(hours=1)
        work(later)
        assert rollups.advance(at=later) == 0
        work(later + timedelta(minutes=1))
        assert self.count(order, later + timedelta(minutes=1)) == 5

    def test_history_with_old_moments_makes_its_keys_forget(self) -> None:
        order = self.make_heavy()
        later = NOON + timedelta(hours=1)
        work(later)
        make_event(Random(2), order.merchant, NOON, timedelta(0))
        assert self.count(order, later) == 5
        rollups.forget({Entity.MERCHANT: [order.merchant_id]}, since=NOON)
        assert self.count(order, later) == 6
        work(later + timedelta(minutes=1))
        assert self.count(order, later + timedelta(minutes=1)) == 6

    def test_what_is_newer_than_a_rollup_lets_it_stand(self) -> None:
        self.make_heavy()
        work(NOON + timedelta(hours=1))
        before = Rollup.objects.count()
        rollups.forget(since=NOON + timedelta(hours=1))
        assert Rollup.objects.count() == before
        rollups.forget()
        assert Rollup.objects.count() == 0

    def test_pruning_removes_what_no_window_reaches_and_what_lost_its_rollup(self) -> None:
        order = self.make_heavy()
        work(NOON + timedelta(hours=1))
        rollups.prune(at=NOON + timedelta(days=5))
        assert not RollupBucket.objects.filter(level=1).exists()
        assert RollupBucket.objects.filter(level=DAY).exists()
        assert self.count(order, NOON + timedelta(days=5)) == 5
        rollups.forget()
        rollups.prune(at=NOON)
        assert not RollupBucket.objects.exists()
        assert not RollupPair.objects.exists()

    def test_only_keys_seen_lately_are_enlisted_when_so_asked(self) -> None:
        order = self.make_heavy()
        assert rollups.enlist(at=NOON, since=NOON + timedelta(days=3_000)) == 0
        assert rollups.enlist(at=NOON, since=NOON - timedelta(days=3_000)) > 0
        assert Rollup.objects.filter(source=Source.ORDERS, key=order.merchant_id).exists()


@pytest.mark.parametrize(
    "boundaries",
    [(0, None), (59, 61, None), (1_439, 1_441, 4_321, None), (7, 10 * DAY + 61), (61, 62), (DAY, DAY)],
    ids=["all", "an hour's edge", "a day's edge", "closed", "one minute", "nothing"],
)
def test_buckets_tile_the_span_and_cross_no_boundary(boundaries: tuple[int | None, ...]) -> None:
    ends = [FOREVER if boundary is None else boundary for boundary in boundaries]
    bands = tile(boundaries)
    assert [band.since for band in bands] == sorted(band.since for band in bands)
    covered = ends[0]
    for band in bands:
        assert band.since == covered
        assert band.since % band.level == 0
        assert band.until == FOREVER or band.until % band.level == 0
        assert not any(band.since < end < band.until for end in ends)
        covered = band.until
    assert covered == ends[-1]
    for band in bands:
        if band.level < LEVELS[-1]:
            larger = LEVELS[LEVELS.index(band.level) + 1]
            assert (band.until - band.since) // band.level < 2 * larger // band.level
