"""Threads that start together, each with its own connection."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connection

from core.errors import DomainError

T = TypeVar("T")

# SQLite has one writer, so there is no race to lose there.
on_postgresql = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgresql,
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs DATABASE_URL on PostgreSQL"),
]


def at_once(racers: int, work: Callable[[int], T]) -> list[T | str]:
    """Run `work(number)` in threads that start together; return each one's result or code of refusal."""
    barrier = Barrier(racers)

    def run(number: int) -> T | str:
        barrier.wait()
        try:
            return work(number)
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(run, range(racers)))
