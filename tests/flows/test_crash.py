"""Kill −9 of the worker in mid-stream, with the real broker, worker and database of the suite's engine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
