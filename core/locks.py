"""Be the only one at something until the transaction ends."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from django.db import connection


def try_lock(name: str) -> bool:
    """Take the named lock, held to the end of the transaction; False while another transaction holds it.

    An advisory lock on PostgreSQL. SQLite's one write lock already lets writers in one by one: there the
    second has waited, and finds the first one's work.
    """
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_number(name)])
        return bool(cursor.fetchone()[0])


def try_lock_and_read(name: str, query: str, parameters: Sequence[int | str]) -> tuple[bool, tuple[Any, ...]]:
    """Take the named lock as `try_lock` does and read one row under it, in one round trip.

    Returns whether the lock was taken, and the row; () if there is none. The
    row's first column may not be null.
    """
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute(query, parameters)
            return True, cursor.fetchone() or ()
        cursor.execute(_LOCK_AND_READ.format(query=query), [_number(name), *parameters])
        is_mine, *row = cursor.fetchone()
        return bool(is_mine), () if row[0] is None else tuple(row)


# Two statements of one message. Each has a snapshot of its own (READ COMMITTED), so that the second sees what
# the lock's last holder committed just before it let go; as one statement it would see what was there before.
_LOCK_AND_READ = """
    SELECT set_config('backoffice.is_mine', pg_try_advisory_xact_lock(%s)::text, true);
    SELECT current_setting('backoffice.is_mine')::boolean, found.*
    FROM (VALUES (1)) AS one LEFT JOIN ({query}) AS found ON true
"""


def share_lock(name: str) -> None:
    """Wait until nobody has the named lock, and keep others from taking it until the transaction ends."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_number(name)])


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
