"""Kill −9 of a process that runs a backtest, and what the next one makes of it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(environment: Mapping[str, str], *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.backtest_process", *map(str, arguments)],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(environment: Mapping[str, str], *arguments: object) -> Any:
    """Return what a process says last."""
    process = start(environment, *arguments)
    said, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-2_000:]
    return json.loads(said.splitlines()[-1])


@pytest.mark.slow
def test_a_killed_backtest_is_finished_by_the_next_worker_with_the_same_result(
    own_database: Mapping[str, str],
) -> None:
    undisturbed, killed = ask(own_database, "prepare")
    assert ask(own_database, "run", undisturbed) is True

    process = start(own_database, "run", killed)
    assert process.stdout is not None
    reported = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.kill()
    process.wait(timeout=30)
    assert reported[1][0] < reported[1][1]

    left = ask(own_database, "show", killed)
    assert (left["status"], left["result"], len(left["parts"])) == ("running", None, 2)
    assert ask(own_database, "resume") == [killed]
    assert ask(own_database, "run", killed) is True

    expected, found = ask(own_database, "show", undisturbed), ask(own_database, "show", killed)
    assert found["parts"][:2] == left["parts"]  # finished parts were not repeated
    assert found["done_rows"] == expected["done_rows"] == sum(rows for _, rows in found["parts"])
    assert len(found["parts"]) == len(expected["parts"]) > 3
    assert found["result"] == expected["result"]
