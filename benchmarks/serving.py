"""The web server as production runs it, for benchmarks, and the processor time that each part of it takes."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from benchmarks.harness import ROOT

_START_S = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running gunicorn: the port it listens on, its master's process id, and its log."""

    port: int
    pid: int
    log: Path

    def pids(self) -> list[int]:
        """Return the master and its workers."""
        return [self.pid, *(pid for pid, parent in _parents() if parent == self.pid)]


@contextlib.contextmanager
def web_server(log: Path, **variables: str) -> Iterator[Server]:
    """Run the command of docker-compose.yml in the production environment on a free port of this machine."""
    port = _free_port()
    environment = {**os.environ, **_production(), "WEB_BIND": f"127.0.0.1:{port}", **variables}
    command = (sys.executable, "-m", "backoffice.processes", "web")  # which becomes gunicorn
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_ready(process, port, log)
        yield Server(port, process.pid, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _production() -> Mapping[str, str]:
    """Return what production needs. Keys of its own: local ones are refused, and nobody reads these rows."""
    return {
        "BACKOFFICE_ENV": "production",
        "BACKOFFICE_VAR": str(settings.VAR_DIR),  # where the trained model is
        "BACKOFFICE_NAMESPACE": settings.NAMESPACE,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FINGERPRINT_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ENCRYPTION_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "127.0.0.1",
        "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        "BEHIND_PROXY": "true",  # the client says that it came over TLS
    }


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response,
        ):
            if response.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"The web server did not start: {log.read_text()[-2_000:]}")


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# ── Processor time ───────────────────────────────────────────────────────────────────────────────
def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Return user and system seconds that each living process has used; {} where there is no /proc."""
    found = {}
    for pid in pids:
        if (fields := _stat(pid)) is not None:
            found[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def database_pids() -> list[int]:
    """Return the server processes of PostgreSQL that serve this database, if they run on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        pids = [int(pid) for (pid,) in cursor.fetchall()]
    return [pid for pid in pids if (Path("/proc") / str(pid) / "comm").exists()]


def used_between(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Return the seconds that the processes of `after` used since `before`; a new one counts from zero."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*"):
        if (fields := _stat(int(path.name))) is not None:
            yield int(path.name), int(fields[1])


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the command's name: state, parent, …"""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
