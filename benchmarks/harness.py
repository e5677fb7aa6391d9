"""What every benchmark needs: conditions, percentiles, time, memory, and one way to report."""

import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
_LIBRARIES = ("django", "celery", "numpy", "lightgbm", "polars", "scikit-learn", "psycopg2-binary")

Value = str | int | float | None


@dataclass(frozen=True)
class Rows:
    """A table for people: a title, the headings, and one tuple of cells per line."""

    title: str
    headings: tuple[str, ...]
    cells: Sequence[tuple[Value, ...]]


@dataclass(frozen=True)
class Report:
    """What a benchmark found. `metrics` have stable names that docs/benchmarks.md and later runs compare."""

    metrics: Mapping[str, float | int]
    tables: Sequence[Rows] = ()
    notes: Mapping[str, Value] = field(default_factory=dict)


@dataclass
class Stopwatch:
    """Seconds measured by `stopwatch()`; zero until the block ends."""

    seconds: float = 0.0


@contextlib.contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure the wall time of a block."""
    watch, started = Stopwatch(), time.perf_counter()
    try:
        yield watch
    finally:
        watch.seconds = time.perf_counter() - started


def percentiles(samples: ArrayLike, points: Sequence[float] = (50, 99)) -> dict[str, float]:
    """Return the given percentiles of samples in any unit.

    >>> percentiles([1.0, 2.0, 3.0, 4.0])
    {'p50': 2.5, 'p99': 3.97}
    """
    values = np.percentile(np.asarray(samples, dtype=np.float64), list(points))
    return {f"p{point:g}": round(float(value), 6) for point, value in zip(points, values, strict=True)}


def peak_rss_mb() -> float:
    """Return the most memory this process has held, in MB of 10⁶ bytes. Child processes do not count."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)  # Linux counts in KiB


def conditions() -> dict[str, Value]:
    """Return what a number means nothing without: machine, database, broker, versions, commit and date."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _commit(),
        "cores": _cores(),
        "load_before": round(os.getloadavg()[0], 2),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "database": _database(),
        "broker": _broker(),
        **{name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def print_report(bench: str, report: Report) -> None:
    """Print the tables for people, then one line of JSON for programs: always the last line."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    for rows in report.tables:
        console.print(_table(rows))
    print(json.dumps(_document(bench, report), ensure_ascii=False))


def _document(bench: str, report: Report) -> dict[str, object]:
    document: dict[str, object] = {
        "bench": bench,
        "metrics": dict(report.metrics),
        "conditions": conditions(),
    }
    return document | ({"notes": dict(report.notes)} if report.notes else {})


def _table(rows: Rows) -> Table:
    table = Table(title=rows.title, title_justify="left")
    for number, heading in enumerate(rows.headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    for line in rows.cells:
        table.add_row(*(_cell(value) for value in line))
    return table


def _cell(value: Value) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def _cores() -> int:
    """Return the cores this process may use, which a container limits below those of the machine."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _commit() -> str | None:
    try:
        output = subprocess.check_output(["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.strip()


def _database() -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW server_version")
            return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"
        cursor.execute("SELECT sqlite_version()")
        return f"SQLite {cursor.fetchone()[0]}"


def _broker() -> str:
    from celery import current_app

    return str(current_app.connection_for_write().transport.driver_name)
