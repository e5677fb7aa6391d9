"""Kill −9 the worker while orders stream in: are any lost, or decided twice?

Orders are submitted without waiting, through the real pipeline and broker. The
worker of the decisions queue is killed without warning several times and
started again, as a machine's supervisor would. At the end every order must
have exactly one decision.
"""

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from backoffice import processes
from backoffice.supervisor import Supervisor
from benchmarks.harness import Report, Rows
from cases.services import ensure_default_queues
from core.actors import SYSTEM
from core.ids import new_id
from intake.pipeline import submit_order
from merchants.models import Merchant
from orders.placing import NewLine, NewOrder, Signals
from risk.models import Decision, Subject

_SILENCE_S = 90.0  # without a new decision for this long, what is left is lost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=5)


def run(options: argparse.Namespace) -> Report:
    ensure_default_queues()
    merchant = Merchant.objects.create(name="Crash test", status="active", joined_at=timezone.now())
    first_id = new_id()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        placed, kills = _stream(merchant, options.orders, options.kills, Path(folder), first_id)
    counts = _decisions_per_order(first_id)
    lost = [order_id for order_id in placed if order_id not in counts]
    doubles = [order_id for order_id, count in counts.items() if count > 1]
    seconds = time.monotonic() - started
    return Report(
        metrics={
            "orders": len(placed),
            "decisions": sum(counts.values()),
            "lost": len(lost),
            "doubles": len(doubles),
        },
        tables=[
            Rows(
                f"{options.orders:,} orders while the worker was killed {kills} times",
                ("", "count"),
                [
                    ("orders placed", len(placed)),
                    ("decisions", sum(counts.values())),
                    ("lost", len(lost)),
                    ("decided twice", len(doubles)),
                    ("seconds", round(seconds, 1)),
                ],
            )
        ],
        notes={"kills": kills},
    )


def _stream(
    merchant: Merchant, orders: int, kills: int, folder: Path, first_id: int
) -> tuple[Sequence[int], int]:
    """Place the orders while killing the worker at even steps; return the order ids and the kills."""
    programs = (processes.worker(["decisions"], concurrency=2), processes.beat(schedule=folder / "schedule"))
    placed: list[int] = []
    with Supervisor(folder, programs) as supervisor:
        supervisor.wait_until_ready(timeout_s=120)
        submitter = threading.Thread(target=_submit_all, args=(merchant, orders, placed))
        submitter.start()
        done_kills = _kill_along(supervisor, orders, kills, first_id)
        submitter.join()
        _wait_until_quiet(orders, first_id)
    return placed, done_kills


def _submit_all(merchant: Merchant, orders: int, placed: list[int]) -> None:
    try:
        for number in range(orders):
            order = submit_order(merchant, _order(number), actor=SYSTEM, at=timezone.now(), wait=False).order
            placed.append(order.pk)
    finally:
        connection.close()


def _order(number: int) -> NewOrder:
    now = timezone.now()
    buyer = f"b{random.randint(0, 500)}"
    return NewOrder(
        external_id=f"crash-{now.timestamp():.6f}-{number}",
        currency="CNY",
        lines=(NewLine("Tea pot", 1, 4_990),),
        placed_at=now,
        signals=Signals(buyer, f"d-{buyer}", f"c-{buyer}"),
    )


def _kill_along(supervisor: Supervisor, orders: int, kills: int, first_id: int) -> int:
    """Kill the worker each time another share of the orders is decided; return how often it was at work."""
    done = 0
    deadline = time.monotonic() + _SILENCE_S * (kills + 1)
    while done < kills and time.monotonic() < deadline:
        if _count_decisions(first_id) >= orders * (done + 1) // (kills + 2):
            supervisor.kill("decisions")
            supervisor.start("decisions")
            done += 1
        time.sleep(0.02)
    return done


def _wait_until_quiet(orders: int, first_id: int) -> None:
    """Return when every order is decided, or when nothing has happened for long."""
    last, since = -1, time.monotonic()
    while (count := _count_decisions(first_id)) < orders and time.monotonic() - since < _SILENCE_S:
        if count != last:
            last, since = count, time.monotonic()
        time.sleep(0.2)
    # A moment more: a double would come now.
    time.sleep(2)


def _count_decisions(first_id: int) -> int:
    return Decision.objects.filter(subject_kind=Subject.ORDER, id__gte=first_id).count()


def _decisions_per_order(first_id: int) -> dict[int, int]:
    found = Decision.objects.filter(subject_kind=Subject.ORDER, id__gte=first_id).order_by()
    return dict(found.values_list("subject_id").annotate(Count("pk")))
