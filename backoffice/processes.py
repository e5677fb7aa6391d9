"""The processes of an installation and the exact command line of each; one place for every way to start them.

    python -m backoffice.processes web
    python -m backoffice.processes worker decisions|default|training … [--concurrency N]
    python -m backoffice.processes beat

Each command replaces this process, so that signals of the container or supervisor reach it directly.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backoffice.celery import QUEUES_VARIABLE, TASK_MODULES, queue_name
from backoffice.liveness import BIND_VARIABLE, DEFAULT_BIND, NAME_VARIABLE


@dataclass(frozen=True)
class Program:
    """One process to start: its name in logs and health checks, its command, its additional environment."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _QueueClass:
    """How the worker of a queue class runs. Time limits in seconds; the soft one raises inside the task."""

    concurrency: int
    prefetch: int
    soft_limit_s: int
    hard_limit_s: int
    tasks_per_process: int


_QUEUE_CLASSES: Mapping[str, _QueueClass] = {
    # A decision takes milliseconds; one that takes a minute hangs on something that will not come.
    "decisions": _QueueClass(2, 4, soft_limit_s=60, hard_limit_s=90, tasks_per_process=10_000),
    "default": _QueueClass(2, 4, soft_limit_s=600, hard_limit_s=660, tasks_per_process=5_000),
    # Below the broker's visibility timeout of an hour, after which Redis hands the task out a second time.
    # Few tasks per process: a training's memory returns to the system only when its process ends.
    "training": _QueueClass(1, 1, soft_limit_s=3_000, hard_limit_s=3_300, tasks_per_process=5),
}

# Django's checks import every door with all it needs; `setup` and the web server have run them.
_NO_CHECKS = {"CELERY_SKIP_CHECKS": "1"}


def web(*, bind: str | None = None) -> Program:
    """Return the web server.

    WEB_BIND says where it listens, WEB_CONCURRENCY with how many processes,
    WEB_THREADS how many requests each has under way: more ride out slow
    requests, fewer spend less on taking turns (two instead of four: 7 % less
    processor time for a decision).
    """
    bind = bind or os.environ.get(BIND_VARIABLE, DEFAULT_BIND)
    options = {
        "--bind": bind,
        "--threads": os.environ.get("WEB_THREADS", "4"),
        "--timeout": "60",
        "--graceful-timeout": "20",
        # Bounds the growth of long-lived processes; spread, so that they do not restart together.
        "--max-requests": "100000",
        "--max-requests-jitter": "10000",
    }
    # Loaded once and forked: a worker that is replaced answers at once, and all share what is loaded.
    # Its control socket would lie in a home folder, which a container's user has not.
    flags = ("--preload", "--no-control-socket")
    command = _python("gunicorn", "backoffice.wsgi:application", *flags, *_flat(options))
    return Program("web", command, {BIND_VARIABLE: bind})


def worker(queues: Sequence[str], *, concurrency: int | None = None) -> Program:
    """Return a worker of one or more queue classes; with several, the most patient limits apply."""
    classes = [_QUEUE_CLASSES[queue] for queue in queues]
    name = "-".join(queues)
    options = {
        "--queues": ",".join(queue_name(queue) for queue in queues),
        "--hostname": f"{name}@%h",
        "--concurrency": str(concurrency or max(item.concurrency for item in classes)),
        "--prefetch-multiplier": str(min(item.prefetch for item in classes)),
        "--soft-time-limit": str(max(item.soft_limit_s for item in classes)),
        "--time-limit": str(max(item.hard_limit_s for item in classes)),
        "--max-tasks-per-child": str(min(item.tasks_per_process for item in classes)),
        "--loglevel": "INFO",
    }
    # Workers need not know of each other: fewer messages, and a faster start.
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    command = _python("celery", "--app", "backoffice", "worker", *_flat(options), *alone)
    return Program(name, command, {NAME_VARIABLE: name, QUEUES_VARIABLE: " ".join(queues), **_NO_CHECKS})


def beat(*, schedule: Path | None = None) -> Program:
    """Return the clock. It must run once; `schedule` is where it remembers what ran last."""
    from django.conf import settings

    path = schedule or Path(settings.VAR_DIR) / "beat" / "schedule"
    path.parent.mkdir(parents=True, exist_ok=True)
    # No pid file: one left by a killed process would keep the next from starting.
    options = {"--schedule": str(path), "--loglevel": "INFO"}
    command = _python("celery", "--app", "backoffice", "beat", "--pidfile=", *_flat(options))
    # It sends tasks by name and loads none.
    return Program("beat", command, {NAME_VARIABLE: "beat", QUEUES_VARIABLE: "", **_NO_CHECKS})


def everything(*, bind: str | None = None) -> tuple[Program, ...]:
    """Return what one machine runs for the demo: one-process workers, because SQLite has one writer."""
    workers = (worker([queue], concurrency=1) for queue in TASK_MODULES)
    return (*workers, beat(), web(bind=bind))


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _flat(options: Mapping[str, str]) -> list[str]:
    return [word for option in options.items() for word in option]


def _parse(arguments: Sequence[str] | None = None) -> Program:
    parser = argparse.ArgumentParser(prog="python -m backoffice.processes")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("web", help="the web server")
    worker_parser = commands.add_parser("worker", help="a worker for one or more queue classes")
    worker_parser.add_argument("queues", nargs="+", choices=list(TASK_MODULES))
    worker_parser.add_argument("--concurrency", type=int)
    commands.add_parser("beat", help="the clock that sends periodic tasks")
    chosen = parser.parse_args(arguments)
    if chosen.command == "web":
        return web()
    if chosen.command == "worker":
        return worker(chosen.queues, concurrency=chosen.concurrency)
    return beat()


def _become(program: Program) -> None:
    os.execve(program.command[0], program.command, {**os.environ, **program.environment})  # noqa: S606


if __name__ == "__main__":
    _become(_parse())
