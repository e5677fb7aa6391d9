"""Django's PostgreSQL backend, in which BEGIN, SAVEPOINT and RELEASE travel with the statement that follows.

They return nothing, so nobody waits for their answer; sent one by one each
still costs a round trip, and on a busy machine a change of process twice.
They wait as the connection's `lead` and are put before the next statement in
the same message. COMMIT, ROLLBACK and ROLLBACK TO are sent at once: who asks
for those wants to know, or wants locks to end.

The driver is kept in autocommit mode, in which it adds nothing by itself.

Django asks a kept connection whether it is alive before the first statement of
every request, another round trip; this backend asks when it has not asked for
a while. Without any check, a restart of the server would break a request of
every thread, however long ago it was.
"""

import time
from typing import Any, cast

import psycopg2.extensions as driver
from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction

_BEGIN = "BEGIN"
# A connection that died since is found by its next statement: that request answers 503, and the next is well.
CHECK_EVERY_S = 5.0


class Connection(driver.connection):
    """A connection and the statements that wait to travel with the next one."""

    lead: list[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lead = []

    def take_lead(self) -> str:
        """Return the waiting statements as one text, "" if there are none; they no longer wait."""
        if not self.lead:
            return ""
        text = "; ".join(self.lead)
        self.lead.clear()
        return text


class Cursor(driver.cursor):
    """A cursor that sends the lead first."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the driver's name for it
        connection = cast("Connection", self.connection)
        if not connection.lead:
            return super().execute(query, vars)
        if self.name is not None or not isinstance(query, str | bytes):
            self._send_lead()
            return super().execute(query, vars)
        begins = connection.lead[0] == _BEGIN
        lead = connection.take_lead() + "; "
        try:
            super().execute(lead.encode() + query if isinstance(query, bytes) else lead + query, vars)
        except Exception:
            # A text that cannot be parsed is refused whole: its BEGIN was not carried out either.
            if begins and connection.info.transaction_status == driver.TRANSACTION_STATUS_IDLE:
                connection.lead.insert(0, _BEGIN)
            raise

    def executemany(self, query: Any, vars_list: Any) -> None:
        self._send_lead()
        super().executemany(query, vars_list)

    def callproc(self, procname: Any, parameters: Any = None) -> None:
        self._send_lead()
        super().callproc(procname, parameters or ())

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        self._send_lead()
        super().copy_expert(sql, file, size)

    def copy_from(self, *args: Any, **kwargs: Any) -> None:
        self._send_lead()
        super().copy_from(*args, **kwargs)

    def copy_to(self, *args: Any, **kwargs: Any) -> None:
        self._send_lead()
        super().copy_to(*args, **kwargs)

    def _send_lead(self) -> None:
        connection = cast("Connection", self.connection)
        if lead := connection.take_lead():
            with driver.connection.cursor(connection, cursor_factory=driver.cursor) as plain:
                plain.execute(lead)


class DatabaseWrapper(base.DatabaseWrapper):
    """The wrapper behind `django.db.connection`."""

    connection: Connection | None
    health_check_done: bool
    checked_at = float("-inf")  # of the monotonic clock

    def connect(self) -> None:
        super().connect()
        self.checked_at = time.monotonic()

    def close_if_health_check_failed(self) -> None:
        if self.health_check_done:
            return
        now = time.monotonic()
        if now - self.checked_at < CHECK_EVERY_S:
            # For the whole request: asking later, at the end of a transaction, would begin another.
            self.health_check_done = True
            return
        super().close_if_health_check_failed()
        self.checked_at = now

    def get_connection_params(self) -> dict[str, Any]:
        factories = {"connection_factory": Connection, "cursor_factory": Cursor}
        return {**super().get_connection_params(), **factories}

    def _start_transaction_under_autocommit(self) -> None:
        assert self.connection is not None
        self.connection.lead[:] = [_BEGIN]

    def _commit(self) -> None:
        self._end_transaction("COMMIT")

    def _rollback(self) -> None:
        self._end_transaction("ROLLBACK")

    def _end_transaction(self, statement: str) -> None:
        if self.connection is None:
            return
        has_begun = _BEGIN not in self.connection.lead
        self.connection.lead.clear()  # savepoints end with the transaction
        if has_begun:
            with (
                debug_transaction(self, statement),
                self.wrap_database_errors,
                self.connection.cursor() as cursor,
            ):
                cursor.execute(statement)

    def _savepoint(self, sid: str) -> None:
        assert self.connection is not None
        self.connection.lead.append(self.ops.savepoint_create_sql(sid))

    def _savepoint_commit(self, sid: str) -> None:
        assert self.connection is not None
        created = self.ops.savepoint_create_sql(sid)
        if created in self.connection.lead:
            self.connection.lead.remove(created)
        else:
            self.connection.lead.append(self.ops.savepoint_commit_sql(sid))

    def _savepoint_rollback(self, sid: str) -> None:
        assert self.connection is not None
        lead, created = self.connection.lead, self.ops.savepoint_create_sql(sid)
        if created in lead:
            del lead[lead.index(created) + 1 :]  # nothing was sent since
        else:
            lead.clear()  # savepoints within, which end with this one
            super()._savepoint_rollback(sid)  # type: ignore[misc]
