"""Starts, watches and stops the processes of one machine; for the demo, the benchmarks and the tests.

    with Supervisor(folder, processes.everything()) as supervisor:
        supervisor.wait_until_ready(timeout_s=60)
        supervisor.watch()                       # until Ctrl-C or SIGTERM; starts again what dies

Production uses containers or systemd instead.
"""

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from backoffice import liveness
from backoffice.processes import Program

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
# A worker finishes the task it is at; after this long it is killed, which loses nothing either.
_STOP_TIMEOUT_S = 15.0
_LOG_TAIL_LINES = 15


class NotReady(Exception):
    """A process ended or stayed silent instead of becoming ready; the message ends with its last words."""


class Supervisor:
    """A set of running programs with their logs, locks and signs of life in one folder."""

    def __init__(self, folder: Path, programs: Sequence[Program]) -> None:
        self._folder = folder
        self._programs = {program.name: program for program in programs}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._alive = folder / "alive"

    def __enter__(self) -> Self:
        try:
            for name in self._programs:
                self.start(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str) -> None:
        """Start one program, after ending what an earlier, killed supervisor left running of it."""
        program = self._programs[name]
        self._alive.mkdir(parents=True, exist_ok=True)
        (self._alive / f"{name}.alive").unlink(missing_ok=True)
        with self._lock(name) as lock, self.log_path(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - commands come from backoffice.processes
                program.command,
                cwd=ROOT,
                env={**os.environ, **program.environment, liveness.FOLDER_VARIABLE: str(self._alive)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops them in order
                pass_fds=(lock,),
            )
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(self._processes[name].pid).encode(), 0)

    def stop(self) -> None:
        """Stop all, the last started first: the web server before the workers its requests need."""
        for name in reversed(self._processes):
            self._signal(name, signal.SIGTERM)
        ends_at = time.monotonic() + _STOP_TIMEOUT_S
        for name, process in self._processes.items():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, ends_at - time.monotonic()))
            self._signal(name, signal.SIGKILL)  # also ends pool processes that outlived their parent
            process.wait()
        self._processes.clear()

    def kill(self, name: str) -> None:
        """Kill one program and its pool processes without warning, as a crash does."""
        self._signal(name, signal.SIGKILL)
        self._processes[name].wait()

    def wait_until_ready(self, *, timeout_s: float) -> None:
        """Return when workers and beat show life and the web server answers; raise NotReady otherwise."""
        ends_at = time.monotonic() + timeout_s
        waiting = list(self._programs)
        while waiting:
            for name in waiting:
                self._refuse_if_ended(name)
            waiting = [name for name in waiting if not self._is_ready(name)]
            if waiting and time.monotonic() > ends_at:
                raise NotReady(
                    f"{waiting[0]} did not start within {timeout_s:.0f} s. {self._log_tail(waiting[0])}"
                )
            time.sleep(0.1)

    def watch(self) -> None:
        """Keep everything running until Ctrl-C or SIGTERM; a program that ends is started again."""
        over = threading.Event()

        def end(_signal: int, _frame: FrameType | None) -> None:
            over.set()

        previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not over.wait(1.0):  # also the pause between attempts of a program that cannot start
                self._revive()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def log_path(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def _revive(self) -> None:
        for name, process in self._processes.copy().items():
            if (code := process.poll()) is not None:
                logger.warning("process_restarted", extra={"program": name, "exit_code": code})
                self.start(name)

    def _is_ready(self, name: str) -> bool:
        if name == "web":
            return liveness.answers(self._programs[name].environment[liveness.BIND_VARIABLE])
        return liveness.is_alive(name, now=time.time(), folder=self._alive)

    def _refuse_if_ended(self, name: str) -> None:
        code = self._processes[name].poll()
        if code is not None:
            raise NotReady(f"{name} ended with exit code {code}. {self._log_tail(name)}")

    def _log_tail(self, name: str) -> str:
        lines = self.log_path(name).read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"The end of {self.log_path(name)}:", *lines])

    def _signal(self, name: str, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: a group of zombies
            os.killpg(self._processes[name].pid, number)

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[int]:
        """Yield a locked file the program inherits: the lock lasts as long as any of its processes."""
        lock = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT)
        try:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if _locked(lock, timeout_s=0.0):
                    break
                with contextlib.suppress(ProcessLookupError, ValueError):
                    os.killpg(int(os.pread(lock, 20, 0)), number)
                _locked(lock, timeout_s=_STOP_TIMEOUT_S)
            if not _locked(lock, timeout_s=0.0):
                raise NotReady(f"An earlier {name} process still runs and could not be ended.")
            yield lock
        finally:
            os.close(lock)


def _locked(lock: int, *, timeout_s: float) -> bool:
    ends_at = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends_at:
                return False
            time.sleep(0.05)
        else:
            return True
