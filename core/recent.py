"""What was found a moment ago, kept in this process so that it need not be asked for again."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers what was found; what became of it since is seen when its life is over.

    Nothing is kept of what was not found: a stranger's guesses take no memory,
    and what comes into being is seen at once.

    most    entries before all are dropped; bounds the memory, whoever calls
    """

    def __init__(self, *, most: int = 10_000) -> None:
        self._most = most
        self._found: dict[K, tuple[datetime, V]] = {}

    def find(self, key: K, read: Callable[[], V | None], *, at: datetime, life: timedelta) -> V | None:
        """Return what was found less than `life` before that moment, else what `read` finds now."""
        known = self._found.get(key)
        # A clock that was set back must not lengthen a life.
        if known is not None and timedelta() <= at - known[0] < life:
            return known[1]
        found = read()
        if found is None:
            self._found.pop(key, None)
            return None
        if len(self._found) >= self._most:
            self._found.clear()
        self._found[key] = (at, found)
        return found
