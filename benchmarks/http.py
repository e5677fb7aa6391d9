"""Synchronous decisions a second over HTTP, by an open-loop client on the same machine.

The real gunicorn in the production environment, PostgreSQL, 50 rules, velocity
features and a trained model; every answer carries its committed decision. The
offered rate rises step by step, and each step is judged by itself: it is
sustained when 99 % of the answers come within the limit, counted from the
moment their request was due, none is an error, and nothing is left behind. One
request in five repeats an earlier key.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from benchmarks.harness import ROOT, Report, Rows, percentiles
from benchmarks.load import Outcome, Plan
from benchmarks.serving import Server, cpu_seconds, database_pids, used_between, web_server
from core.actors import SYSTEM
from core.ids import encode, new_id

_SEED = 20_261_122
_LIMIT_MS = 250.0
# A step that answers fewer of its requests by its end has fallen behind.
_LEAST_IN_TIME = 0.98


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rates", default="50,100,150,200,250,300", help="offered requests a second, one step each"
    )
    parser.add_argument("--rate", type=float, help="one step at this rate instead")
    parser.add_argument("--seconds", type=float, default=20, help="of each step, after two to warm up")
    parser.add_argument("--workers", type=int, default=2, help="gunicorn processes, as in docker-compose.yml")
    parser.add_argument("--threads", type=int, default=2, help="of each, as in docker-compose.yml")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--history", type=int, default=100_000, help="orders already in the database")
    parser.add_argument("--rules", type=int, default=50)


@dataclass(frozen=True)
class Step:
    """One offered rate and what came of it. CPU in milliseconds per request sent, warm-up included."""

    rate: float
    outcome: Outcome
    p50_ms: float
    p99_ms: float
    achieved: float
    cpu_ms: dict[str, float]

    @property
    def errors(self) -> int:
        return sum(self.outcome.errors.values())

    @property
    def is_sustained(self) -> bool:
        is_complete = self.outcome.in_time >= _LEAST_IN_TIME * self.outcome.sent
        return self.p99_ms <= _LIMIT_MS and self.errors == 0 and is_complete


def run(options: argparse.Namespace) -> Report:
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench http measures PostgreSQL: set DATABASE_URL.")
    merchants, token = _prepare(options)
    first_id, run_name = new_id(), f"http-{new_id()}"
    rates = [options.rate] if options.rate else [float(rate) for rate in options.rates.split(",")]
    steps = []
    with _own_namespace(run_name) as namespace:
        # So high that the client is never refused; the bucket itself is looked at as always.
        variables = {
            "API_QUOTA": "10000000",
            "BACKOFFICE_NAMESPACE": namespace,
            "WEB_CONCURRENCY": str(options.workers),
            "WEB_THREADS": str(options.threads),
        }
        with web_server(settings.VAR_DIR / "bench-web.log", **variables) as server:
            plan = Plan(server.port, token, merchants, run_name, 0, options.seconds)
            plan = replace(plan, connections=options.connections)
            for number, rate in enumerate(rates):
                steps.append(_run_step(replace(plan, rate=rate, run=f"{run_name}-{number}"), server))
    return _report(options, steps, _count_duplicates(first_id, steps), _count_undecided(first_id))


def _prepare(options: argparse.Namespace) -> tuple[list[str], str]:
    """Return the public ids of merchants and the token of an operator's key; history is reused if there."""
    from accounts.services import create_api_key
    from benchmarks.marketplace import prepare_marketplace
    from merchants.models import Merchant

    prepare_marketplace(orders=options.history, rules=options.rules, seed=_SEED)
    _key, token = create_api_key(name="Benchmark", audience="operator", scopes=["orders:write"], actor=SYSTEM)
    active = Merchant.objects.filter(status="active").order_by("id")[:50]
    return [encode("mer", merchant.pk) for merchant in active], token


@contextlib.contextmanager
def _own_namespace(name: str) -> Iterator[str]:
    """Keep the run's messages and buckets apart from anybody's, and take them away afterwards."""
    try:
        yield name
    finally:
        if settings.REDIS_URL:
            with contextlib.closing(redis.Redis.from_url(settings.REDIS_URL)) as client:
                for key in client.scan_iter(match=f"*{name}*", count=1_000):
                    client.delete(key)


def _run_step(plan: Plan, server: Server) -> Step:
    before = cpu_seconds(server.pids()), cpu_seconds(database_pids())
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        cwd=ROOT, input=json.dumps(asdict(plan)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if process.returncode:
        raise SystemExit(f"The client failed: {process.stderr[-2_000:]}")
    outcome = Outcome(**json.loads(process.stdout))
    after = cpu_seconds(server.pids()), cpu_seconds(database_pids())
    sent = outcome.sent * (plan.seconds + plan.warmup_s) / plan.seconds or 1
    spent = (used_between(before[0], after[0]), used_between(before[1], after[1]), outcome.cpu_s)
    names = ("web", "PostgreSQL", "client")
    latency = percentiles(outcome.latencies_ms or [float("inf")])
    time.sleep(1)  # what a step left behind must not burden the next
    return Step(
        rate=plan.rate,
        outcome=outcome,
        p50_ms=latency["p50"],
        p99_ms=latency["p99"],
        achieved=outcome.in_time / plan.seconds,
        cpu_ms={name: seconds * 1_000 / sent for name, seconds in zip(names, spent, strict=True)},
    )


# ── What is in the database afterwards ───────────────────────────────────────────────────────────
def _count_duplicates(first_id: int, steps: Sequence[Step]) -> int:
    """Count orders beyond one per number, decisions beyond one per order, and repeats answered otherwise."""
    twice_placed = _count(
        "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM orders_order WHERE id >= %s"
        " GROUP BY merchant_id, external_id) AS numbers", first_id,
    )  # fmt: skip
    twice_decided = _count(
        "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM risk_decision"
        " WHERE subject_kind = 'order' AND subject_id >= %s GROUP BY subject_id) AS orders", first_id,
    )  # fmt: skip
    return twice_placed + twice_decided + sum(step.outcome.different for step in steps)


def _count_undecided(first_id: int) -> int:
    return _count("SELECT count(*) FROM orders_order WHERE id >= %s AND decided_at IS NULL", first_id)


def _count(query: str, first_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, [first_id])
        return int(cursor.fetchone()[0])


# ── The report ───────────────────────────────────────────────────────────────────────────────────
def _report(options: argparse.Namespace, steps: Sequence[Step], duplicates: int, undecided: int) -> Report:
    sustained = max((step for step in steps if step.is_sustained), key=lambda step: step.rate, default=None)
    shown = sustained or steps[0]
    up_to = [step for step in steps if step.rate <= shown.rate]
    errors: dict[str, int] = {}
    for step in steps:
        for what, count in step.outcome.errors.items():
            errors[what] = errors.get(what, 0) + count
    repeats, sent = (sum(getattr(step.outcome, name) for step in steps) for name in ("repeats", "sent"))
    return Report(
        metrics={
            "sustained_rps": sustained.rate if sustained else 0,
            "p50_ms": round(shown.p50_ms, 1),
            "p99_ms": round(shown.p99_ms, 1),
            "errors": sum(step.errors for step in up_to),
            "duplicates": duplicates,
        },
        tables=[_table(steps, options)],
        notes={
            "history_orders": options.history,
            "rules": options.rules,
            "web_processes": options.workers,
            "web_threads": options.threads,
            "connections": options.connections,
            "seconds_per_step": options.seconds,
            "repeated_share": round(repeats / max(sent, 1), 3),
            "undecided": undecided,
            "errors_of_all_steps": json.dumps(errors) if errors else "none",
            "synchronous_commit": _setting("synchronous_commit"),
            "fsync": _setting("fsync"),
            "quota": "raised for the run, so that the client is never refused",
        },
    )  # fmt: skip


def _table(steps: Sequence[Step], options: argparse.Namespace) -> Rows:
    cpu_names = list(steps[0].cpu_ms)
    return Rows(
        f"Decisions over HTTP, {options.seconds:g} s a step, {options.rules} rules, committed",
        (
            "offered/s", "answered/s", "p50 ms", "p99 ms", "errors",
            *(f"{name} CPU ms" for name in cpu_names), "sustained",
        ),
        [
            (
                f"{step.rate:g}", step.achieved, step.p50_ms, step.p99_ms, step.errors,
                *(step.cpu_ms[name] for name in cpu_names), "yes" if step.is_sustained else "no",
            )
            for step in steps
        ],
    )  # fmt: skip


def _setting(name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return cursor.fetchone()[0]
