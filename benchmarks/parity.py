"""Parity of both computations over a stream of events, and what reading a busy merchant's history costs.

Orders arrive one by one, some late, some delivered twice, some in the same microsecond, with labels and
corrections in between; each is told its inputs by the real statement, and the real worker moves the rollups
as its clock would. Then history gives the same inputs set-based. The second part fills one merchant's month
with a million orders and reads it beside a new merchant's, taking turns.
"""

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
from django.db import connection
from rich.progress import track

from benchmarks.harness import Report, Rows, Stopwatch, peak_rss_mb, stopwatch
from core.ids import new_id
from core.limits import TookTooLong
from core.refs import Ref
from merchants.models import Merchant, MerchantStatus
from orders.models import Order
from risk import rollups
from risk.busy import forget
from risk.datasets import compute_order_inputs
from risk.facts import history
from risk.facts.orders import ORDER_INPUT_NAMES, gather, keys_of, read_history
from risk.features.declarations import Entity, Source
from risk.models import Label, LabelSource, Rollup, RollupBucket, RollupPair
from risk.services import record_label

_BEGINS = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_TICK = timedelta(seconds=20)  # of the worker, as backoffice.celery has it
_SEED = 20_261_126
# Busy and quiet keys: each draws from so many, the first of them far more often.
_SIZES = {
    "buyer_key": 20_000,
    "device_key": 16_000,
    "card_key": 18_000,
    "address_key": 9_000,
    "ip_key": 6_000,
}
_MERCHANTS = 200
_CHUNK = 20_000  # vectors compared at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=100_000, help="streamed orders")
    parser.add_argument("--million", type=int, default=1_000_000, help="orders of the busy merchant")
    parser.add_argument("--reads", type=int, default=1_000, help="measured reads of each merchant")


def run(options: argparse.Namespace) -> Report:
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench parity measures PostgreSQL: set DATABASE_URL.")
    if Order.objects.exists():
        raise SystemExit("bin/bench parity wants a database without orders: it fills it itself.")
    stream = _Stream(options.events)
    with stopwatch() as streaming:
        online = stream.run()
    with stopwatch() as recomputing:
        mismatches = _compare(online, stream.ids)
    new_ms, busy_ms = _measure_reads(options)
    return _report(options, stream, mismatches, (streaming, recomputing), new_ms, busy_ms)


class _Stream:
    """The events of some weeks, and what each order was told when it arrived."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.ids: list[int] = []
        self.late = self.repeated = self.labels = self.advances = self.asked_again = 0
        self._random = Random(_SEED)
        self._merchants = [_make_merchant() for _ in range(_MERCHANTS)]
        self._past: list[Order] = []

    def run(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return (n_events, n_inputs), the inputs read online."""
        online = np.empty((self.count, len(ORDER_INPUT_NAMES)))
        worker_at = _BEGINS
        for number, at in track(enumerate(self._moments()), "Streaming", total=self.count, transient=True):
            if at >= worker_at:
                self._work(at)
                worker_at = at + _TICK
            if number % 1_000 == 999:
                rollups.enlist(at=at)
            order = self._arrive(at)
            online[number] = self._ask(order, at)
            self.ids.append(order.pk)
            if self._random.random() < 0.3:
                self._tell(at)
        return online

    def _moments(self) -> Iterator[datetime]:
        at = _BEGINS
        for _ in range(self.count):
            yield at
            # Bursts of the same microsecond, a busy day, and now and then a night.
            pause = self._random.choice((0, 1, 300_000, 1_000_000, 3_000_000, 10_000_000))
            at += timedelta(microseconds=pause) + timedelta(hours=7) * (self._random.random() < 0.001)

    def _arrive(self, at: datetime) -> Order:
        """Write the next order; one in twenty comes late, and one in fifty is delivered again."""
        late_by = timedelta(0)
        if self._random.random() < 0.05:
            late_by = self._random.choice((timedelta(minutes=3), timedelta(hours=5), timedelta(days=3)))
            self.late += 1
        order = self._order(at, late_by)
        Order.objects.bulk_create([order])
        if self._random.random() < 0.02:
            Order.objects.bulk_create([order], ignore_conflicts=True)
            self.repeated += 1
        self._past.append(order)
        return order

    def _ask(self, order: Order, at: datetime) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the inputs of an order; a read over its limit, as on a busy machine, is asked again."""
        while True:
            try:
                return gather(order, as_of=at).vector
            except TookTooLong:
                self.asked_again += 1

    def _order(self, at: datetime, late_by: timedelta) -> Order:
        amount = self._random.choice((500, 4_990, 19_900, self._random.randrange(10**7)))
        keys = {name: self._draw(size) for name, size in _SIZES.items()}
        return Order(
            merchant=self._merchants[self._draw(_MERCHANTS - 1) or 0],
            external_id=f"P-{new_id()}",
            currency="CNY",
            total_minor=amount,
            base_total_minor=amount,
            fx_rate=1,
            card_country=self._random.choice(("", "CN", "CN", "US")),
            shipping_country=self._random.choice(("CN", "US")),
            occurred_at=at - late_by,
            known_at=at,
            **keys,
        )

    def _draw(self, size: int) -> int | None:
        """Draw a key: one in ten is missing, a third of the others fall on five."""
        if self._random.random() < 0.1:
            return None
        return self._random.randrange(5 if self._random.random() < 0.33 else size) + 1

    def _tell(self, at: datetime) -> None:
        """Let the truth of an earlier order come out, or be corrected."""
        order = self._random.choice(self._past)
        record_label(
            Ref("order", order.pk),
            is_bad=self._random.random() < 0.2,
            source=self._random.choice((LabelSource.VERDICT, LabelSource.CHARGEBACK)),
            occurred_at=at,
            known_at=at,
            order=order,
        )
        self.labels += 1

    def _work(self, at: datetime) -> None:
        self.advances += bool(rollups.advance(at=at))
        forget()  # twenty seconds have passed in the stream, if not here


def _make_merchant() -> Merchant:
    return Merchant.objects.create(
        name=f"Merchant {new_id()}", country="CN", status=MerchantStatus.ACTIVE, joined_at=_BEGINS
    )


def _compare(online: np.ndarray[tuple[int, int], np.dtype[np.float64]], ids: list[int]) -> int:
    """Return how many of the values differ from what history gives."""
    end = _BEGINS + timedelta(days=3_650)
    orders, labels = history.read_orders(before=end), history.read_order_labels(before=end)
    told = {id: number for number, id in enumerate(ids)}
    rows = np.array([told[id] for id in orders.events.ids.tolist()])
    mismatches = 0
    for start in range(0, len(rows), _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, len(rows)))
        computed = compute_order_inputs(orders, labels, chunk, ORDER_INPUT_NAMES)
        stored = online[rows[chunk]]
        mismatches += int(((stored != computed) & ~(np.isnan(stored) & np.isnan(computed))).sum())
    return mismatches


# ── What a read costs ────────────────────────────────────────────────────────────────────────────
def _measure_reads(options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Return the milliseconds of reading a new merchant's history and a busy one's, taking turns."""
    busy, new = _make_merchant(), _make_merchant()
    at = _fill(busy, options.million)
    orders = list(Order.objects.filter(merchant=busy).order_by("-pk")[: options.reads])
    samples: dict[int, list[float]] = {busy.pk: [], new.pk: []}
    for order in orders:
        for merchant in (new, busy):
            keys = keys_of(order) | {Entity.MERCHANT: merchant.pk}
            started = time.perf_counter()
            read_history(keys, as_of=at)
            samples[merchant.pk].append((time.perf_counter() - started) * 1_000)
    return samples[new.pk], samples[busy.pk]


def _fill(merchant: Merchant, count: int) -> datetime:
    """Give a merchant so many orders and labels within a month, roll them up; return the moment to read."""
    at = _BEGINS + timedelta(days=1_000)
    pace = timedelta(days=29) / count
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO orders_order (id, merchant_id, external_id, market_order_id, status, hold_kind,
                hold_reason, payment_status, currency, total_minor, base_total_minor, fx_rate, line_count,
                item_count, buyer_ref, buyer_key, device_key, card_key, address_key, ip_key, card_country,
                shipping_country, billing_country, occurred_at, known_at, created_at)
            SELECT %(first)s + n, %(merchant)s, 'M-' || n, '', 'completed', '', '', 'paid', 'CNY',
                n %% 90000, n %% 90000, 1, 1, 1, '', n * 7919 %% 400000, n * 104729 %% 300000,
                n * 15485863 %% 350000, n * 32452843 %% 250000, n * 49979687 %% 200000,
                CASE WHEN n %% 9 = 0 THEN 'US' ELSE 'CN' END, 'CN', 'CN',
                moment, moment + interval '1 second', moment
            FROM (SELECT n, %(at)s::timestamptz - %(pace)s::interval * n AS moment
                FROM generate_series(1::bigint, %(count)s) AS n) AS drawn""",
            {
                "first": new_id(),
                "merchant": merchant.pk,
                "at": at,
                "pace": f"{pace.total_seconds()} seconds",
                "count": count,
            },
        )
        cursor.execute(
            """
            INSERT INTO risk_label (id, subject_kind, subject_id, is_bad, source, weight, merchant_id,
                buyer_key, device_key, card_key, subject_occurred_at, occurred_at, known_at, created_at)
            SELECT id, 'order', id, id %% 50 = 0, 'matured_good', 1, merchant_id, buyer_key, device_key,
                card_key, occurred_at - interval '60 days', known_at, known_at, known_at
            FROM orders_order WHERE merchant_id = %(merchant)s""",
            {"merchant": merchant.pk},
        )
        cursor.execute("ANALYZE orders_order, risk_label")
    rollups.make_rollups(Source.ORDERS, Entity.MERCHANT, [merchant.pk])
    rollups.make_rollups(Source.LABELS, Entity.MERCHANT, [merchant.pk])
    rollups.make_rollups(Source.OUTCOMES, Entity.MERCHANT, [merchant.pk])
    rollups.advance(at=at)
    with connection.cursor() as cursor:
        # As autovacuum would have by the next minute.
        for table in (Order, Label, Rollup, RollupBucket, RollupPair):
            cursor.execute(f"VACUUM ANALYZE {table._meta.db_table}")
    forget()
    return at


def _report(
    options: argparse.Namespace,
    stream: _Stream,
    mismatches: int,
    spent: tuple[Stopwatch, Stopwatch],
    new_ms: list[float],
    busy_ms: list[float],
) -> Report:
    new, busy = float(np.median(new_ms)), float(np.median(busy_ms))
    streaming, recomputing = spent
    return Report(
        metrics={
            "events": stream.count,
            "mismatches": mismatches,
            "read_new_ms": round(new, 3),
            "read_million_ms": round(busy, 3),
            "read_ratio": round(busy / new, 2),
        },
        tables=[
            Rows(
                f"{stream.count:,} orders × {len(ORDER_INPUT_NAMES)} inputs, online and set-based",
                ("", ""),
                [
                    ("differing values", mismatches),
                    ("late orders", stream.late),
                    ("delivered twice", stream.repeated),
                    ("labels and corrections", stream.labels),
                    ("runs of the worker that moved rollups", stream.advances),
                    ("reads over their limit, asked again", stream.asked_again),
                    ("seconds online", streaming.seconds),
                    ("seconds set-based", recomputing.seconds),
                ],
            ),
            Rows(
                "Reading an order's history, ms",
                ("merchant", "p50", "p99"),
                [
                    ("new", new, float(np.percentile(new_ms, 99))),
                    (f"{options.million:,} orders and labels", busy, float(np.percentile(busy_ms, 99))),
                    ("ratio", busy / new, None),
                ],
            ),
        ],
        notes={"rollups": Rollup.objects.count(), "peak_rss_mb": peak_rss_mb()},
    )
