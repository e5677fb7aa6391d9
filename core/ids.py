"""Time-ordered 63-bit ids, and the prefixed text that the outside world sees.

An id is (milliseconds since 2000-01-01 UTC) << 21 | 21 random bits: 41 bits of
milliseconds last until 2069, large tables can be partitioned by time on the id
alone, and no process has to ask another for the next one. Two processes that
draw the same 21 bits in the same millisecond collide; the primary key refuses
the second row and the caller's retry with its idempotency key succeeds.
"""

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from .errors import NotFound

EPOCH_MS = 946_684_800_000  # 2000-01-01T00:00:00Z in Unix milliseconds
RANDOM_BITS = 21
_RANDOM_MASK = (1 << RANDOM_BITS) - 1
# Crockford's base32: no I, L, O, U, so an id survives being read out aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_TEXT_LENGTH = 13  # ceil(63 / 5)
_LARGEST = (1 << 63) - 1

_lock = threading.Lock()
_last = 0


def new_id() -> int:
    """Return a new id, larger than every earlier one of this process."""
    global _last
    candidate = (_now_ms() - EPOCH_MS) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
    with _lock:
        _last = candidate if candidate > _last else _last + 1
        return _last


def new_ids(unix_ms: NDArray[np.int64], seed: int | None = None) -> NDArray[np.int64]:
    """Return distinct ids, shape (n,), ordered like the given moments (Unix milliseconds).

    A millisecond has room for two million ids; ValueError for more than half of that.
    """
    _require_room(unix_ms)
    random = np.random.default_rng(seed)
    moments = (unix_ms.astype(np.int64) - EPOCH_MS) << RANDOM_BITS
    ids = moments | random.integers(0, _RANDOM_MASK + 1, len(moments))
    while len(again := _repeats(ids)):
        # Drawn anew, not counted up: adding could carry an id over into the next millisecond.
        ids[again] = moments[again] | random.integers(0, _RANDOM_MASK + 1, len(again))
    return ids


def encode(prefix: str, id: int) -> str:
    """Return the public form.

    >>> encode("ord", 1_780_000_000_000_000_000)
    'ord_1hcymj6t34000'
    """
    letters = []
    for _ in range(_TEXT_LENGTH):
        id, digit = divmod(id, 32)
        letters.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(letters))}"


def decode(prefix: str, text: str) -> int:
    """Return the id behind a public form; NotFound for anything else, so that probing tells nothing."""
    head, _, body = text.partition("_")
    if head != prefix or len(body) != _TEXT_LENGTH or not set(body) <= _VALUES.keys():
        raise NotFound("No such object.", extra={"id": text[:40]})
    id = 0
    for letter in body:
        id = id * 32 + _VALUES[letter]
    if id > _LARGEST:  # 13 letters hold 65 bits; a database refuses what does not fit its column
        raise NotFound("No such object.", extra={"id": text[:40]})
    return id


def moment_of(id: int) -> datetime:
    """Return when the id was made, to the millisecond."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=(id >> RANDOM_BITS) + EPOCH_MS)


def first_id_at(at: datetime) -> int:
    """Return the smallest id of that moment, for ranges over time-ordered tables."""
    return (int(at.timestamp() * 1000) - EPOCH_MS) << RANDOM_BITS


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _require_room(unix_ms: NDArray[np.int64]) -> None:
    """Refuse what drawing at random would take for ever to keep apart."""
    most = int(np.unique(unix_ms, return_counts=True)[1].max()) if len(unix_ms) > _RANDOM_MASK // 2 else 0
    if most > _RANDOM_MASK // 2:
        raise ValueError(f"{most} ids in one millisecond are too many to be told apart.")


def _repeats(ids: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the positions of all but the first of equal ids."""
    order: NDArray[np.intp] = np.argsort(ids, kind="stable")
    is_repeat: NDArray[np.bool_] = np.diff(ids[order], prepend=-1) == 0
    return order[is_repeat]
