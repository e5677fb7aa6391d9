"""Import 1,754,155 orders from file to table, beside COPY of the same rows. Needs PostgreSQL."""
# ruff: noqa: N999 - the module's name is the benchmark's: `bin/bench import`

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.utils import timezone
from rich.progress import Progress

from benchmarks import harness
from core.actors import SYSTEM
from core.models import AuditEntry
from intake.imports import run_import
from intake.models import ImportBatch
from merchants.models import Merchant
from orders.models import Order, OrderKey, OrderLine
from risk.models import Label
from simulation import write_marketplace

HANDBOOK = harness.ROOT.parent / "shared" / "data" / "fraud_handbook" / "transactions.parquet"
# What an import writes, in an order in which foreign keys hold.
TABLES = tuple(
    model._meta.db_table for model in (ImportBatch, AuditEntry, Merchant, OrderKey, Order, OrderLine, Label)
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=HANDBOOK, help="the Handbook's transactions.parquet")
    parser.add_argument("--simulated", type=int, metavar="ORDERS", help="use the sample marketplace instead")


def run(options: argparse.Namespace) -> harness.Report:
    """Import into empty copies of the tables, in a schema of their own; the given tables stay as they are."""
    if connection.vendor != "postgresql":
        raise SystemExit("bin/bench import compares with COPY: set DATABASE_URL to a PostgreSQL database.")
    with tempfile.TemporaryDirectory() as folder:
        path, mapping = _source(options, Path(folder))
        with _empty_tables("bench_import"):
            seconds, orders, tables = _import(path, mapping)
            peak_mb = harness.peak_rss_mb()
            dumps = _dump(Path(folder))
        with _empty_tables("bench_copy"), harness.stopwatch() as copying:
            for table, dump in dumps.items():
                _copy(table, dump)
    return _report(orders, seconds, copying.seconds, peak_mb, tables)


def _source(options: argparse.Namespace, folder: Path) -> tuple[Path, str]:
    if options.simulated:
        midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        write_marketplace(folder, options.simulated, seed=1, end=midnight)
        return folder, "backoffice"
    if not options.data.is_file():
        raise SystemExit(
            f"Skipped: {options.data} is not here. Give its place with --data, or measure on the"
            " sample marketplace with --simulated 1754155."
        )
    return options.data, "fraud_handbook"


def _import(path: Path, mapping: str) -> tuple[float, int, dict[str, int]]:
    """Return the seconds, the orders applied and the rows per table."""
    with Progress(transient=True) as bar, harness.stopwatch() as watch:
        task = bar.add_task("Importing", total=None)
        batch = run_import(
            path,
            mapping,
            actor=SYSTEM,
            at=timezone.now(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    return watch.seconds, batch.rows_applied, {table: _count(table) for table in TABLES}


@contextmanager
def _empty_tables(schema: str) -> Iterator[None]:
    """Stand empty copies of the tables, with their indexes and foreign keys, before the real ones."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
        for table in TABLES:
            cursor.execute(f"CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING ALL)")
        cursor.execute(f"SET search_path TO {schema}, public")
        for table, name, definition in _foreign_keys(TABLES):
            cursor.execute(f"ALTER TABLE {schema}.{table} ADD CONSTRAINT {name} {definition}")
        try:
            yield
        finally:
            cursor.execute(f"SET search_path TO DEFAULT; DROP SCHEMA {schema} CASCADE")


def _foreign_keys(tables: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return table, name and definition; a definition names tables as the search path finds them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT relname, conname, replace(pg_get_constraintdef(c.oid), 'REFERENCES public.', 'REFERENCES ')
            FROM pg_constraint c JOIN pg_class t ON t.oid = conrelid
            WHERE contype = 'f' AND relname = ANY(%s) AND connamespace = 'public'::regnamespace
            """,
            [list(tables)],
        )
        return list(cursor.fetchall())


def _dump(folder: Path) -> dict[str, Path]:
    """Write every table as COPY's own text."""
    dumps = {table: folder / f"{table}.copy" for table in TABLES}
    for table, dump in dumps.items():
        with dump.open("wb") as stream, connection.cursor() as cursor:
            cursor.copy_expert(f"COPY {table} TO STDOUT", stream)
    return dumps


def _copy(table: str, dump: Path) -> None:
    with dump.open("rb") as stream, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} FROM STDIN", stream)


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def _report(
    orders: int, seconds: float, copy_seconds: float, peak_mb: float, tables: dict[str, int]
) -> harness.Report:
    ours, theirs = orders / seconds, orders / copy_seconds
    rows = sum(tables.values())
    cells = [
        ("read, check, fingerprint, write", seconds, ours, rows / seconds),
        ("COPY of the same rows", copy_seconds, theirs, rows / copy_seconds),
    ]
    return harness.Report(
        metrics={
            "rows_per_s": round(ours),
            "copy_rows_per_s": round(theirs),
            "share_of_copy": round(ours / theirs, 3),
            "peak_rss_mb": peak_mb,
        },
        tables=[
            harness.Rows(f"Import of {orders:,} orders", ("", "seconds", "orders/s", "table rows/s"), cells)
        ],
        notes={
            "orders": orders,
            "seconds": round(seconds, 1),
            "copy_seconds": round(copy_seconds, 1),
            **tables,
        },
    )
