"""Kill −9 of the worker in mid-stream, with the real broker, worker and database of the suite's engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def own_database(tmp_path):
    """An environment with a database and a broker namespace that only this test uses."""
    environment = {**os.environ, "BACKOFFICE_VAR": str(tmp_path / "var"), "LOG_LEVEL": "WARNING"}
    if connection.vendor != "postgresql":
        environment.pop("DATABASE_URL", None)
        yield environment
        return
    name = f"bo_crash_{os.getpid()}"
    given = connection.settings_dict
    server = psycopg2.connect(
        host=given["HOST"],
        port=given["PORT"] or 5432,
        user=given["USER"],
        password=given["PASSWORD"],
        dbname="postgres",
    )
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    user = f"{given['USER']}:{given['PASSWORD']}@" if given["PASSWORD"] else f"{given['USER']}@"
    port = f":{given['PORT']}" if given["PORT"] else ""
    yield {**environment, "DATABASE_URL": f"postgres://{user}{given['HOST']}{port}/{name}"}
    with server.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    server.close()


@pytest.mark.slow
def test_a_killed_worker_loses_no_order_and_decides_none_twice(own_database):
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks", "crash", "--orders", "300", "--kills", "2"],
        cwd=ROOT,
        env=own_database,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert finished.returncode == 0, finished.stderr[-2_000:]
    report = json.loads(finished.stdout.splitlines()[-1])
    assert report["metrics"] == {"orders": 300, "decisions": 300, "lost": 0, "doubles": 0}
    assert report["notes"]["kills"] == 2
