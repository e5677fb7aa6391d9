"""Queues of messages as files: the storage under the embedded broker.

One folder holds everything, on one file system, so that every step is one atomic rename:

    draft/    being written; nobody reads here
    ready/    <queue>/<message>                waiting, oldest name first
    claimed/  <consumer>/<queue>@<message>     taken and not yet finished, plus the consumer's lock
    broken/   what could not be read back; kept for a person, never delivered again

A message exists in exactly one of these places at any moment, also when a process is killed. A consumer's
files are safe while it lives because it holds a record lock on `claimed/<consumer>/lock`; the system drops
that lock with the process, whatever ended it. Record locks were chosen over pid files (a pid is reused) and
over flock (a forked pool process would keep its dead parent's lock).
"""

import contextlib
import fcntl
import itertools
import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

_QUEUE_NAME = re.compile(r"\A[A-Za-z0-9_-][A-Za-z0-9_.-]*\Z")
_LOCK = "lock"
# A producer writes a draft in milliseconds; one this old was left by a killed process.
_DRAFT_KEPT_S = 3600.0


@dataclass(frozen=True)
class Claim:
    """A message this process has taken: it finishes it or gives it back."""

    queue: str
    name: str
    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()


class Spool:
    """The queues in one folder. Threads and processes may share the folder, threads also the object."""

    def __init__(self, folder: str | Path) -> None:
        root = Path(folder)
        self._draft, self._ready, self._claimed, self._broken = (
            root / name for name in ("draft", "ready", "claimed", "broken")
        )
        for part in (self._draft, self._ready, self._claimed, self._broken):
            part.mkdir(parents=True, exist_ok=True)
        # Names seen by the last listing of a queue, so that a long queue is not listed once per message.
        self._listed: dict[str, deque[str]] = {}

    def put(self, queue: str, payload: bytes) -> None:
        """Add a message; it is complete on disk before anybody can see it."""
        folder = self._queue_folder(queue)
        name = _new_name()
        draft = self._draft / name
        with draft.open("xb") as file:
            file.write(payload)
            file.flush()
            # The rename itself is not synced: after a power cut the sender's sweeper sends again, which is
            # cheaper than a second sync per message.
            os.fsync(file.fileno())
        try:
            draft.rename(folder / name)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            draft.rename(folder / name)

    def take(self, queue: str) -> Claim | None:
        """Claim the oldest waiting message, or return None. Of several consumers exactly one gets it."""
        folder = self._queue_folder(queue)
        for name in self._waiting(queue):
            claim = Claim(queue, name, self._own_folder() / f"{queue}@{name}")
            try:
                (folder / name).rename(claim.path)
            except FileNotFoundError:
                continue  # another consumer or a purge was faster
            return claim
        return None

    def finish(self, claim: Claim) -> None:
        """Forget a claimed message: its work is done."""
        claim.path.unlink(missing_ok=True)

    def give_back(self, claim: Claim) -> None:
        """Let a claimed message wait again, at its old place in the order."""
        with contextlib.suppress(FileNotFoundError):  # finished by another thread in the meantime
            claim.path.rename(self._queue_folder(claim.queue) / claim.name)

    def set_aside(self, claim: Claim) -> None:
        """Keep an unreadable message out of the queue, for a person to look at."""
        claim.path.rename(self._broken / claim.path.name)

    def size(self, queue: str) -> int:
        """Count the waiting messages; claimed ones are not waiting."""
        try:
            return len(os.listdir(self._queue_folder(queue)))  # noqa: PTH208 - names only, no Path per message
        except FileNotFoundError:
            return 0

    def has(self, queue: str) -> bool:
        return self._queue_folder(queue).is_dir()

    def purge(self, queue: str) -> int:
        """Remove the waiting messages and return how many; claimed ones stay with their consumer."""
        removed = 0
        for name in _names(self._queue_folder(queue)):
            with contextlib.suppress(FileNotFoundError):
                (self._queue_folder(queue) / name).unlink()
                removed += 1
        return removed

    def reclaim(self) -> int:
        """Give back what dead consumers had claimed and return how many messages that were."""
        own = _own_folders.get((os.getpid(), self._claimed))
        others = (self._claimed / name for name in _names(self._claimed))
        return sum(self._reclaim_from(folder) for folder in others if folder != own)

    def remove_old_drafts(self, *, now: float) -> None:
        """Remove what killed producers left half written. `now` is in seconds since the epoch."""
        for path in self._draft.iterdir():
            with contextlib.suppress(
                OSError
            ):  # published or removed meanwhile; a folder is a starting consumer
                if now - path.stat().st_mtime > _DRAFT_KEPT_S:
                    path.unlink()

    def _queue_folder(self, queue: str) -> Path:
        if not _QUEUE_NAME.match(queue):
            raise ValueError(f"{queue!r} is no queue name: letters, digits, dot, dash and underscore only.")
        return self._ready / queue

    def _waiting(self, queue: str) -> Iterator[str]:
        """Yield names from the last listing, then, if that gave nothing, from one new listing."""
        listed = self._listed.setdefault(queue, deque())
        for refill in (False, True):
            if refill:
                listed.extend(sorted(_names(self._queue_folder(queue))))
            while listed:
                with contextlib.suppress(IndexError):  # another thread emptied it
                    yield listed.popleft()

    def _own_folder(self) -> Path:
        """Return this process's claim folder, made and locked at the first claim (again after a fork)."""
        key = (os.getpid(), self._claimed)
        with _own_folders_guard:
            if key not in _own_folders:
                _own_folders[key] = self._enlist()
            return _own_folders[key]

    def _enlist(self) -> Path:
        """Make the claim folder with its lock held before it becomes visible: none is ever unlocked."""
        draft = self._draft / f"consumer-{_new_name()}"
        draft.mkdir()
        lock = os.open(draft / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        fcntl.lockf(lock, fcntl.LOCK_EX)  # never closed: closing any descriptor of the file drops the lock
        return draft.rename(self._claimed / draft.name)

    def _reclaim_from(self, folder: Path) -> int:
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0  # just removed by another reclaimer
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0  # its consumer lives
        else:
            return self._empty(folder)
        finally:
            os.close(lock)

    def _empty(self, folder: Path) -> int:
        """Move a dead consumer's messages back; safe to repeat, should this process die half-way."""
        returned = 0
        for name in _names(folder):
            queue, at, message = name.partition("@")
            if at:
                self.give_back(Claim(queue, message, folder / name))
                returned += 1
        (folder / _LOCK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
        return returned


# One claim folder per process and spool, shared by all its channels: a process drops its record lock when it
# closes any descriptor of the file, so two owners in one process would unlock each other.
_own_folders: dict[tuple[int, Path], Path] = {}
_own_folders_guard = threading.Lock()
os.register_at_fork(after_in_child=_own_folders.clear)

_serial = itertools.count()


def _new_name() -> str:
    """Return a name that sorts by time and that no other process or thread makes."""
    return f"{time.time_ns():020d}-{os.getpid()}-{next(_serial):06d}"


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names only, no Path per message
    except FileNotFoundError:
        return []
