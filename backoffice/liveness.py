"""Signs of life of workers and beat: a file each touches while its loop turns, read by health checks.

A file was chosen over `celery inspect ping`: it works on both brokers, costs a stat instead of two seconds of
start-up, and answers for beat too.

    python -m backoffice.liveness decisions     exits 0 if that process showed life lately
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.beat import PersistentScheduler

# Processes touch every 5 s or more often; a missing touch for this long means stuck, not busy.
STALE_AFTER_S = 60.0
_TOUCH_EVERY_S = 5.0
# Set by `backoffice.processes`: under which name this process shows its life.
NAME_VARIABLE = "BACKOFFICE_PROCESS"


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
        path = _file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def is_alive(name: str, *, now: float) -> bool:
    """Tell whether the process `name` showed life within STALE_AFTER_S before `now` (epoch seconds)."""
    try:
        return now - _file(name).stat().st_mtime <= STALE_AFTER_S
    except FileNotFoundError:
        return False


def _file(name: str) -> Path:
    folder = os.environ.get("BACKOFFICE_ALIVE_DIR") or f"{tempfile.gettempdir()}/backoffice-{os.getuid()}"
    return Path(folder) / f"{name}.alive"


if __name__ == "__main__":
    sys.exit(0 if is_alive(sys.argv[1], now=time.time()) else 1)
