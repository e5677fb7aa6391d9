"""Signs of life of workers and beat: a file each touches while its loop turns, read by health checks.

A file was chosen over `celery inspect ping`: it works on both brokers, costs a stat instead of two seconds of
start-up, and answers for beat too.

    python -m backoffice.liveness decisions     exits 0 if that worker showed life lately; likewise beat
    python -m backoffice.liveness web           exits 0 if the web server answers
"""

import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.beat import PersistentScheduler

# Processes touch every 5 s or more often; a missing touch for this long means stuck, not busy.
STALE_AFTER_S = 60.0
_TOUCH_EVERY_S = 5.0
# Set by backoffice.processes: under which name, and where, a process shows its life.
NAME_VARIABLE = "BACKOFFICE_PROCESS"
FOLDER_VARIABLE = "BACKOFFICE_ALIVE_DIR"
# Where the web server listens, "address:port".
BIND_VARIABLE = "WEB_BIND"
DEFAULT_BIND = "127.0.0.1:8000"


class Heartbeat(bootsteps.StartStopStep):
    """Touches the worker's file from the timer of its consumer, as long as it is connected to the broker."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._entry: Any = None

    def start(self, parent: Any) -> None:
        touch()
        self._entry = parent.timer.call_repeatedly(_TOUCH_EVERY_S, touch)

    def stop(self, parent: Any) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None


class Scheduler(PersistentScheduler):
    """Celery's scheduler, which remembers when an entry last ran, with a sign of life at every tick."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        delay: float = super().tick(*args, **kwargs)
        touch()
        return min(delay, _TOUCH_EVERY_S)


def touch() -> None:
    """Show that this process lives; does nothing for one that was started under no name."""
    if name := os.environ.get(NAME_VARIABLE):
        path = _folder() / f"{name}.alive"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def is_alive(name: str, *, now: float, folder: Path | None = None) -> bool:
    """Tell whether the process `name` showed life within STALE_AFTER_S before `now` (epoch seconds)."""
    try:
        return now - ((folder or _folder()) / f"{name}.alive").stat().st_mtime <= STALE_AFTER_S
    except FileNotFoundError:
        return False


def answers(bind: str) -> bool:
    """Tell whether the web server listening at `bind` answers 200 within five seconds."""
    # Asked by address, but under a name it accepts: production refuses requests for unknown hosts.
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    url = f"http://{bind.replace('0.0.0.0', '127.0.0.1')}/healthz"  # noqa: S104 - replaced, not listened on
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _folder() -> Path:
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"backoffice-{os.getuid()}"


def _main(subject: str) -> int:
    if subject == "web":
        is_well = answers(os.environ.get(BIND_VARIABLE, DEFAULT_BIND))
    else:
        is_well = is_alive(subject, now=time.time())
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
