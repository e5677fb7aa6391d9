"""How long `submit_order` takes, committed, beside bare psycopg2 inserts of the same rows and one prediction.

The floor is what no design can avoid: the rows that the walk leaves behind,
one multi-row INSERT per table into the same tables, one commit, and one
`Booster.predict` of the same model on numpy. Both sides take turns, ten orders
each, so that a change of the machine's speed hits both, and each runs as a
server does, order after order: what the benchmark itself reads in between lies
outside of both. With `--grow-to` the history is then filled up and the walk
measured again.
"""

import argparse
import gc
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import lightgbm
import numpy as np
import psycopg2
from django.db import connection
from django.utils import timezone

from benchmarks.harness import Report, Rows, percentiles
from benchmarks.marketplace import grow_marketplace, prepare_marketplace
from core.actors import SYSTEM
from core.ids import new_id
from orders.models import Order
from orders.placing import Contact, NewLine, NewOrder, Signals

# Table → which of its rows belong to an order, in the order of insertion. Each is found by an index: reading
# through a table between two measurements would push what is measured out of the cache.
_OF_KEY = (
    "(merchant_id, external_id) = (SELECT merchant_id, external_id FROM orders_order WHERE id = %(order)s)"
)
_TABLES = {
    "core_statement": "subject_id = %(order)s",
    "orders_orderkey": _OF_KEY,
    "orders_order": "id = %(order)s",
    "orders_orderline": "order_id = %(order)s",
    "orders_ordercontact": "order_id = %(order)s",
    "risk_decision": "subject_id = %(order)s",
    "cases_reviewcase": "subject_id = %(order)s",
    "core_transitionrecord": "subject_id = %(order)s",
    # Made after the order was, with ids in the order of time; it has no index of subjects.
    "core_outboxevent": "subject_id = %(order)s AND id > %(order)s",
}
_SEED = 20_261_122
_TURN = 10
_TableRows = dict[str, list[dict[str, Any]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=2_000, help="measured orders")
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--history", type=int, default=100_000, help="orders already in the database")
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--grow-to", type=int, default=0, help="then fill the history up to this many orders")


@dataclass(frozen=True)
class _Measured:
    """Milliseconds of each order, ours and the floor's, and the microseconds of each step of ours."""

    history: int
    ours: list[float]
    floor: list[float]
    steps: list[dict[str, int]]

    @property
    def p50(self) -> float:
        return percentiles(self.ours)["p50"]


def run(options: argparse.Namespace) -> Report:
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench decide measures PostgreSQL: set DATABASE_URL.")
    merchants = _prepare(options)
    measured = [_measure(options, merchants)]
    if options.grow_to:
        grow_marketplace(to=options.grow_to, seed=_SEED + 1)
        measured.append(_measure(options, merchants))
    return _report(options, measured)


def _measure(options: argparse.Namespace, merchants: list[Any]) -> _Measured:
    found = _Measured(Order.objects.count(), [], [], [])
    orders = enumerate(_orders(options.warmup + options.orders))
    gc.collect()
    gc.freeze()  # as the web server does before its first request
    with _Floor() as bare:
        while turn := list(islice(orders, _TURN)):
            done = [_submit(merchants[number % len(merchants)], new) for number, new in turn]
            copies = [bare.copy(submission) for _, submission in done]
            floor = [bare.repeat(copy) for copy in copies]
            if turn[0][0] >= options.warmup:
                found.ours.extend(elapsed for elapsed, _ in done)
                found.floor.extend(floor)
                found.steps.extend(submission.decision.latency_us for _, submission in done)
    return found


def _submit(merchant: Any, new: NewOrder) -> tuple[float, Any]:
    from intake.pipeline import submit_order

    started = time.perf_counter()
    submission = submit_order(merchant, new, actor=SYSTEM, at=new.placed_at)
    elapsed = (time.perf_counter() - started) * 1_000
    if submission.decision is None:
        raise SystemExit("An order was not decided: the measurement would be of something else.")
    return elapsed, submission


class _Floor:
    """A plain psycopg2 connection that writes the same rows again under new ids."""

    def __enter__(self) -> "_Floor":
        self._connection = psycopg2.connect(**_connection_arguments())
        self._booster = _champion_booster()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def copy(self, submission: Any) -> tuple[_TableRows, Any]:
        """Return the submission's rows under new ids, and the vector that was scored."""
        rows = {table: _rows(table, condition, submission.order.pk) for table, condition in _TABLES.items()}
        _renumber(rows, submission.order.pk)
        return rows, np.frombuffer(submission.decision.features, dtype="<f8")[np.newaxis, :]

    def repeat(self, copy: tuple[_TableRows, Any]) -> float:
        """Return the milliseconds of inserting the rows, predicting the vector and committing."""
        rows, vector = copy
        with self._connection.cursor() as cursor:
            started = time.perf_counter()
            for table, found in rows.items():
                if found:
                    names = ", ".join(found[0])
                    mark = f"({', '.join(['%s'] * len(found[0]))})"
                    values = [value for row in found for value in row.values()]
                    cursor.execute(
                        f"INSERT INTO {table} ({names}) VALUES {', '.join([mark] * len(found))}", values
                    )
            self._booster.predict(vector)
            self._connection.commit()
            return (time.perf_counter() - started) * 1_000


def _rows(table: str, condition: str, order_id: int) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE {condition} ORDER BY 1", {"order": order_id})
        names = [description.name for description in cursor.description]
        return [dict(zip(names, map(_sendable, row), strict=True)) for row in cursor.fetchall()]


def _sendable(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _renumber(rows: _TableRows, order_id: int) -> None:
    """Give every row a new identity, so that it fits beside the original."""
    fresh = new_id()
    others = {row["id"]: new_id() for table in ("risk_decision", "core_statement") for row in rows[table]}
    for table, found in rows.items():
        for row in found:
            for name, value in row.items():
                if value == order_id:
                    row[name] = fresh
                elif name == "decision_id" or (name.endswith("_statement_id") and value is not None):
                    row[name] = others[value]
                elif name == "id":
                    row[name] = others.get(value) or new_id()
                elif name == "external_id":
                    row[name] = f"{value}-floor"
                elif table == "cases_reviewcase" and name == "status":
                    row[name] = "cancelled"


def _orders(count: int) -> Iterator[NewOrder]:
    """Honest orders of returning buyers at usual prices, so that nearly all are approved."""
    random.seed(_SEED)
    # Buyers of this run alone: those of an earlier run would look like a burst by now.
    run = new_id()
    for number in range(count):
        buyer = random.randint(0, 4_000)
        at = timezone.now()  # before it is submitted, and at most a turn earlier
        lines = tuple(
            NewLine(f"Item {item}", random.randint(1, 3), random.randint(900, 30_000))
            for item in range(random.choice((1, 1, 2, 3)))
        )
        yield NewOrder(
            external_id=f"bench-{at.timestamp():.6f}-{number}",
            currency="CNY",
            lines=lines,
            placed_at=at,
            signals=Signals(
                *(f"{kind}-{run}-{buyer}" for kind in ("buyer", "device", "card", "address", "ip"))
            ),
            contact=Contact("Ann Lee", "ann@example.com", "+86 10 5555 0100", "1 Tea Street, Hangzhou"),
            buyer_signed_up_at=at - timedelta(days=400),
            card_country="CN",
            shipping_country="CN",
            billing_country="CN",
        )


def _prepare(options: argparse.Namespace) -> list[Any]:
    """Import history, train and promote a model, publish the rules; reused when it is there already."""
    from merchants.models import Merchant

    prepare_marketplace(orders=options.history, rules=options.rules, seed=_SEED)
    return list(Merchant.objects.filter(status="active").order_by("id")[:50])


def _champion_booster() -> lightgbm.Booster:
    from risk.live import find_champion

    champion = find_champion("order")
    assert champion is not None
    return lightgbm.Booster(model_str=champion.artifact.estimator.as_json()["models"][0])


def _connection_arguments() -> dict[str, Any]:
    settings = connection.get_connection_params()
    return {
        name: settings[name] for name in ("dbname", "user", "password", "host", "port") if settings.get(name)
    }


def _report(options: argparse.Namespace, measured: list[_Measured]) -> Report:
    first, last = measured[0], measured[-1]
    mine, bare = percentiles(first.ours), percentiles(first.floor)
    metrics = {
        "p50_ms": round(mine["p50"], 3),
        "p99_ms": round(mine["p99"], 3),
        "floor_p50_ms": round(bare["p50"], 3),
        "p50_over_floor": round(mine["p50"] / bare["p50"], 2),
        "p99_over_p50": round(mine["p99"] / mine["p50"], 2),
    }
    if last is not first:
        metrics |= {"grown_p50_ms": round(last.p50, 3), "growth": round(last.p50 / first.p50, 3)}
    return Report(
        metrics=metrics,
        tables=[_table(options, found) for found in measured],
        notes={"history_orders": first.history, "grown_to": last.history, "rules": options.rules},
    )


def _table(options: argparse.Namespace, found: _Measured) -> Rows:
    mine, bare = percentiles(found.ours), percentiles(found.floor)
    medians = {step: float(np.median([row[step] for row in found.steps])) / 1_000 for step in found.steps[0]}
    return Rows(
        f"submit_order, {options.orders:,} orders on {found.history:,}, {options.rules} rules, committed",
        ("", "p50 ms", "p99 ms"),
        [
            ("submit_order", mine["p50"], mine["p99"]),
            ("floor: same rows by psycopg2 + one predict", bare["p50"], bare["p99"]),
            ("ratio", mine["p50"] / bare["p50"], mine["p99"] / bare["p99"]),
            *((f"of which {step}", value, None) for step, value in medians.items()),
        ],
    )
