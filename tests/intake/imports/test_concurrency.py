"""Two imports of the same source at the same time, and one that is killed, leave every order once."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection

from core.actors import SYSTEM
from intake.imports import import_frames, running
from intake.models import ImportBatch, ImportStatus
from merchants.models import Merchant
from orders.models import Order, OrderKey, OrderLine
from risk.models import Label
from simulation import write_marketplace
from tests.intake.imports.sources import AT, known_bad, native_frames

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Imports a folder in small chunks and says after each how many orders it has seen.
_CHILD = """
import sys
from pathlib import Path
import django
django.setup()
from django.utils import timezone
from core.actors import SYSTEM
from intake.imports import run_import, running
running.CHUNK_ORDERS = 500
batch = run_import(Path(sys.argv[1]), "backoffice", actor=SYSTEM, at=timezone.now(),
                   progress=lambda done, total: print(done, flush=True))
print("known", batch.rows_known, "applied", batch.rows_applied, "refused", batch.rows_failed)
"""


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time anyway")
def test_two_imports_of_one_source_do_not_double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CHUNK_ORDERS", 50)
    frames = native_frames(*[known_bad(merchant_ref=f"m{number % 7}") for number in range(400)])
    start = Barrier(2)

    def load(_: int) -> ImportBatch:
        try:
            start.wait()
            return import_frames(frames, "backoffice", actor=SYSTEM, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        batches = list(pool.map(load, range(2)))
    assert [batch.status for batch in batches] == [ImportStatus.COMPLETED] * 2
    assert sum(batch.rows_applied for batch in batches) == 400
    assert sum(batch.rows_known for batch in batches) == 400
    tables = (Order, OrderKey, OrderLine, Label)
    assert [model.objects.count() for model in tables] == [400] * 4
    assert Merchant.objects.count() == 7


def test_an_import_killed_in_the_middle_is_completed_by_running_it_again(tmp_path: Path) -> None:
    write_marketplace(tmp_path / "sample", 3_000, seed=5, end=AT)
    url, read = _reach_from_outside(tmp_path)
    child = _start(tmp_path / "sample", url)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "500"
    child.kill()
    child.wait()
    left = _settled(lambda: read("SELECT count(*) FROM orders_order"))
    assert 500 <= left < 3_000
    assert left == read("SELECT count(*) FROM orders_orderkey")

    out, _ = _start(tmp_path / "sample", url).communicate()
    assert out.splitlines()[-1] == f"known {left} applied {3_000 - left} refused 0"
    assert read("SELECT count(*) FROM orders_order") == 3_000
    assert read("SELECT count(*) FROM orders_orderkey") == 3_000
    assert read("SELECT count(DISTINCT order_id) FROM orders_orderline") == 3_000
    assert read("SELECT count(*) FROM orders_order WHERE line_count = 0") == 0


def _reach_from_outside(folder: Path) -> tuple[str, Callable[[str], int]]:
    """Return a URL of the test database for another process, and how to read one number from it."""
    if connection.vendor == "postgresql":
        known = connection.settings_dict
        login = f"{known['USER']}:{known['PASSWORD']}@{known['HOST']}:{known['PORT']}"

        def read(sql: str) -> int:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return int(cursor.fetchone()[0])

        return f"postgres://{login}/{known['NAME']}", read
    # The test database is in memory: the other process gets a copy of it as a file.
    file = sqlite3.connect(folder / "copy.sqlite3")
    connection.ensure_connection()
    connection.connection.backup(file)
    return f"sqlite:///{folder / 'copy.sqlite3'}", lambda sql: int(file.execute(sql).fetchone()[0])


def _start(sample: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(sample)],
        stdout=subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "backoffice.settings"},
        cwd=settings.BASE_DIR,
        text=True,
    )


def _settled(count: Callable[[], int]) -> int:
    """Return a count once it stands still: a killed client's last commit may land a moment later."""
    before = -1
    while before != (before := count()):
        time.sleep(0.3)
    return before
