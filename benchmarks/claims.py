"""How fast reviewers are given their next case, whether ever twice the same, and what a long queue costs.

Fifty reviewers ask for the next case through `cases.services.claim_next`, each claim one committed
transaction. In the open loop arrivals are a Poisson process: a claim is timed from the moment it was due,
whether or not earlier ones are done, so that a queue in front of the database counts. Processes and threads
take the place of web workers; each thread has a connection of its own. The closed loop then asks without
pause, for the most there is.

The second part renders a queue's page, counters and frame included, in front of ten thousand open cases and
of a million, with the same signed-in client, in turns.
"""

import argparse
import multiprocessing
import random
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from accounts.services import grant_role
from benchmarks.harness import Report, Rows, percentiles
from cases.models import CaseStatus, Queue, ReviewCase
from cases.services import claim_next, ensure_default_queues
from core.actors import SYSTEM
from core.ids import new_ids
from core.models import TransitionRecord

_SEED = 20_261_126
_REVIEWERS = 50
_QUEUE = "orders"
_MARK = "Benchmark order"
_PAGE_SIZES = (10_000, 1_000_000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=100_000, help="claimed in the open loop")
    parser.add_argument("--rate", type=float, default=200.0, help="claims a second offered")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4, help="of each process")
    parser.add_argument("--warmup", type=int, default=400, help="claims before, which do not count")
    parser.add_argument("--closed", type=float, default=10.0, help="seconds of the closed loop")
    parser.add_argument("--page-turns", type=int, default=60)


@dataclass(frozen=True)
class _Done:
    """Claims of one loop.

    cases           of every claim, warming up included; 0 got no case
    latencies_ms    from the moment each was due
    per_s           claims a second, from the first that counts to the last
    """

    cases: list[int]
    latencies_ms: list[float]
    per_s: float


def run(options: argparse.Namespace) -> Report:
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench claims measures PostgreSQL: set DATABASE_URL.")
    reviewers = _prepare()
    _fill(options.warmup + options.cases + round(options.closed * 3_000))
    done = _open_loop(options, reviewers)
    _require_claimed(done)
    doubles = len(done.cases) - len(set(done.cases))
    lost = _count_lost(done)
    closed = _closed_loop(options, reviewers)
    pages = _measure_pages(options, reviewers[0])
    small, large = (statistics.median(pages[size]) for size in _PAGE_SIZES)
    spent = percentiles(done.latencies_ms)
    metrics = {
        "claims_per_s": round(done.per_s, 1),
        "p50_ms": round(spent["p50"], 2),
        "p99_ms": round(spent["p99"], 2),
        "doubles": doubles,
        "lost": lost,
        "closed_loop_per_s": round(closed.per_s, 1),
        "queue_page_ms": round(large, 2),
        "queue_page_growth": round(large / small, 3),
    }
    return Report(
        metrics=metrics,
        tables=[
            Rows(
                f"{len(done.cases):,} claims by {_REVIEWERS} reviewers, {options.rate:g} a second offered",
                ("", "claims/s", "p50 ms", "p99 ms"),
                [
                    ("open loop", metrics["claims_per_s"], *spent.values()),
                    (
                        "closed loop",
                        metrics["closed_loop_per_s"],
                        *percentiles(closed.latencies_ms).values(),
                    ),
                ],
            ),
            Rows(
                "A queue's page",
                ("open cases", "p50 ms"),
                [(f"{size:,}", statistics.median(pages[size])) for size in _PAGE_SIZES],
            ),
        ],
        notes={"workers": f"{options.processes} × {options.threads}", "offered_per_s": options.rate},
    )


# ── Setting up ───────────────────────────────────────────────────────────────────────────────────
def _prepare() -> list[User]:
    ensure_default_queues()
    emails = [f"bench-reviewer-{number}@example.com" for number in range(_REVIEWERS)]
    reviewers = [
        User.objects.filter(email=email).first() or User.objects.create_user(email) for email in emails
    ]
    for user in reviewers:
        grant_role(user, Role.REVIEWER, actor=SYSTEM)
    return reviewers


def _fill(count: int) -> None:
    """Leave exactly that many queued cases of the benchmark, spread over value and due time."""
    _clear()
    now = timezone.now()
    ids = np.sort(new_ids(np.full(count, int(now.timestamp() * 1_000)) - np.arange(count) // 100, seed=_SEED))
    columns = (
        "id, queue_id, status, subject_kind, subject_id, title, value_minor, is_blind, sort_key, due_at,"
        " evidence_version, claim_token, purpose, created_at"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(
            f"""INSERT INTO {ReviewCase._meta.db_table} ({columns})
            SELECT id, (SELECT id FROM {Queue._meta.db_table} WHERE code = %s), 'queued', 'order', id,
                   %s, value, false, extract(epoch FROM due) - 1800 * ln(1 + value), due, 1, 0, 'work',
                   due - interval '12 hours'
            FROM (SELECT id, (random() * 1000000)::bigint AS value,
                         now() + random() * interval '24 hours' AS due
                  FROM unnest(%s::bigint[]) AS id) AS made""",
            [_QUEUE, _MARK, ids.tolist()],
        )
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {ReviewCase._meta.db_table}")


def _clear() -> None:
    mine = ReviewCase.objects.filter(title=_MARK)
    TransitionRecord.objects.filter(subject_kind="case", subject_id__in=mine.values("pk")).delete()
    mine._raw_delete(mine.db)


# ── Claiming ─────────────────────────────────────────────────────────────────────────────────────
def _open_loop(options: argparse.Namespace, reviewers: Sequence[User]) -> _Done:
    gaps = np.random.default_rng(_SEED).exponential(1 / options.rate, options.warmup + options.cases)
    due_s = np.cumsum(gaps).tolist()
    return _in_processes(options, reviewers, due_s)


def _closed_loop(options: argparse.Namespace, reviewers: Sequence[User]) -> _Done:
    return _in_processes(options, reviewers, [], seconds=options.closed)


def _in_processes(
    options: argparse.Namespace, reviewers: Sequence[User], due_s: list[float], seconds: float = 0.0
) -> _Done:
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    start_at = time.monotonic() + 1.0
    pipes: list[Connection] = []
    workers = []
    for number in range(options.processes):
        ours, theirs = fork.Pipe(duplex=False)
        share = due_s[number :: options.processes]
        arguments = (
            theirs,
            reviewers[number :: options.processes],
            share,
            seconds,
            start_at,
            options.threads,
        )
        worker = fork.Process(target=_work, args=arguments)
        worker.start()
        pipes.append(ours)
        workers.append(worker)
    found = [pipe.recv() for pipe in pipes]
    for worker in workers:
        worker.join()
    elapsed = time.monotonic() - start_at
    claims = sorted(claim for claims in found for claim in claims)
    counted = claims[options.warmup :] if due_s else claims
    first_due_at = counted[0][0] if due_s else start_at
    return _Done(
        [case for _, case, _ in claims],
        [spent for *_, spent in counted],
        len(counted) / max(start_at + elapsed - first_due_at, 1e-9),
    )


def _work(
    pipe: Connection,
    reviewers: Sequence[User],
    due_s: Sequence[float],
    seconds: float,
    start_at: float,
    threads: int,
) -> None:
    """One worker process: its threads share the arrivals, and send home what they claimed."""
    claims: list[tuple[float, int, float]] = []  # when it was due, the case, milliseconds
    arrivals = iter(due_s) if due_s else iter(lambda: 0.0, None)
    lock = threading.Lock()

    def claim(thread: int) -> None:
        whose = random.Random(f"{_SEED}-{thread}")
        while True:
            with lock:
                due = next(arrivals, None)
            if due is None or (seconds and time.monotonic() > start_at + seconds):
                break
            due_at = start_at + due if due_s else max(time.monotonic(), start_at)
            time.sleep(max(due_at - time.monotonic(), 0.0))
            case = claim_next(whose.choice(reviewers), at=timezone.now())
            spent = (time.monotonic() - due_at) * 1_000
            with lock:
                claims.append((due_at, case.pk if case else 0, spent))
        connections.close_all()

    running = [threading.Thread(target=claim, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    pipe.send(claims)


def _require_claimed(done: _Done) -> None:
    if 0 in done.cases:
        raise SystemExit("A reviewer was given nothing although cases were waiting.")


def _count_lost(done: _Done) -> int:
    """Count claims that the database does not know, and cases that it says are claimed by nobody's claim."""
    held = dict(
        ReviewCase.objects.filter(title=_MARK, status=CaseStatus.CLAIMED).values_list("pk", "claim_token")
    )
    unknown = sum(case not in held for case in done.cases)
    again = sum(token != 1 for token in held.values())
    return unknown + again + len(held.keys() - set(done.cases))


# ── The queue's page ─────────────────────────────────────────────────────────────────────────────
def _measure_pages(options: argparse.Namespace, reviewer: User) -> dict[int, list[float]]:
    """Return milliseconds of each rendering, by open cases; the first ones warm up and do not count."""
    client = Client()
    found: dict[int, list[float]] = {}
    href = reverse("console:queue", args=[_QUEUE])
    with override_settings(ALLOWED_HOSTS=["*"], SECURE_SSL_REDIRECT=False):
        client.force_login(reviewer, backend="allauth.account.auth_backends.AuthenticationBackend")
        for size in _PAGE_SIZES:
            _fill(size)
            spent = []
            for _ in range(options.page_turns + 10):
                started = time.perf_counter()
                answer: Any = client.get(href)
                spent.append((time.perf_counter() - started) * 1_000)
                if answer.status_code != 200 or _MARK not in answer.content.decode():
                    raise SystemExit("The page does not show the queue.")
            found[size] = spent[10:]
    return found
