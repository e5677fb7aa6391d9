"""A limit on how long the database may take for a block of reads."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection

# SQLite asks after so many steps of its machine whether to go on: a few times a millisecond.
_STEPS = 2_000


class TookTooLong(Exception):
    """The database gave up on a statement because its time was over."""


@contextmanager
def at_most(milliseconds: int) -> Iterator[None]:
    """Let the database give up on any statement of the block after that long, with TookTooLong.

    On PostgreSQL the block belongs into a transaction, behind a savepoint if
    the transaction is to go on afterwards; the limit travels with the
    statement and costs no round trip.
    """
    limit = _postgresql if connection.vendor == "postgresql" else _sqlite
    with limit(milliseconds):
        yield


@contextmanager
def _postgresql(milliseconds: int) -> Iterator[None]:
    connection.ensure_connection()
    lead: list[str] = connection.connection.lead
    lead.append(f"SET LOCAL statement_timeout = {milliseconds}")
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != "57014":  # query_canceled
            raise
        raise TookTooLong(f"The database took more than {milliseconds} ms.") from error
    # After a failure the savepoint takes the setting back with everything else.
    lead.append("SET LOCAL statement_timeout TO DEFAULT")


@contextmanager
def _sqlite(milliseconds: int) -> Iterator[None]:
    connection.ensure_connection()
    raw, ends_at = connection.connection, time.monotonic() + milliseconds / 1_000
    raw.set_progress_handler(lambda: time.monotonic() > ends_at, _STEPS)
    try:
        yield
    except OperationalError as error:
        if "interrupted" not in str(error):
            raise
        raise TookTooLong(f"The database took more than {milliseconds} ms.") from error
    finally:
        raw.set_progress_handler(None, _STEPS)
