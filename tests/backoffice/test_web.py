"""The web server loads everything once, and nothing that must not be shared over a fork."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backoffice import processes

ROOT = Path(__file__).resolve().parents[2]
_SHOW = """
import gc, json, sys, threading
import backoffice.wsgi
from django.db import connections
print(json.dumps({
    "loaded": [name for name in ("api.v1.orders.views", "console.urls", "portal.urls", "lightgbm")
               if name in sys.modules],
    "connections": [one.connection is not None for one in connections.all(initialized_only=True)],
    "threads": [thread.name for thread in threading.enumerate()],
    "frozen": gc.get_freeze_count(),
}))
"""


@pytest.mark.slow
def test_what_workers_share_is_loaded_and_nothing_is_open(tmp_path: Path) -> None:
    environment = {**os.environ, "BACKOFFICE_VAR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", _SHOW], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["loaded"] == ["api.v1.orders.views", "console.urls", "portal.urls", "lightgbm"]
    assert not any(found["connections"])
    assert found["threads"] == ["MainThread"]
    assert found["frozen"] > 100_000


def test_the_web_server_loads_before_it_forks() -> None:
    assert "--preload" in processes.web().command


@pytest.mark.parametrize(("variable", "threads"), [(None, "4"), ("2", "2")])
def test_threads_of_the_web_server_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, threads: str
) -> None:
    monkeypatch.delenv("WEB_THREADS", raising=False)
    if variable:
        monkeypatch.setenv("WEB_THREADS", variable)
    command = processes.web().command
    assert command[command.index("--threads") + 1] == threads
