"""Be the only one at something until the transaction ends."""

from hashlib import blake2b

from django.db import connection


def try_lock(name: str) -> bool:
    """Take the named lock, held to the end of the transaction; False while another transaction holds it.

    An advisory lock on PostgreSQL. SQLite's one write lock already lets writers in one by one: there the
    second has waited, and finds the first one's work.
    """
    if connection.vendor != "postgresql":
        return True
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])
