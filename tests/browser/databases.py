"""A database of its own for each walk, a copy that test and server open as separate connections.

The test database of SQLite lives in memory and has one connection; a browser opens many. And a copy of a
prepared marketplace costs milliseconds where making it costs seconds.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from django.db import connection, connections

_numbers = count(1)


@contextmanager
def copied_database(folder: Path) -> Iterator[None]:
    """Let every thread of this process use a copy of the present database; it is gone afterwards."""
    copy = _copy_to_file(folder) if connection.vendor == "sqlite" else _copy_on_server()
    try:
        with _switched_to(copy):
            yield
    finally:
        if connection.vendor != "sqlite":
            _drop_on_server(copy)


@contextmanager
def _switched_to(name: str) -> Iterator[None]:
    """Point the default connection of all threads at another database, and back."""
    settings = connections.settings["default"]
    # Kept, not closed: an in-memory database ends with its last connection.
    held, before = connections["default"], settings["NAME"]
    del connections["default"]
    settings["NAME"] = name
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = held
        settings["NAME"] = before


def _copy_to_file(folder: Path) -> str:
    path = folder / f"walk-{next(_numbers)}.sqlite3"
    connection.ensure_connection()
    target = sqlite3.connect(path)
    try:
        connection.connection.backup(target)
    finally:
        target.close()
    return str(path)


def _copy_on_server() -> str:
    source = connection.settings_dict["NAME"]
    copy = f"{source}_walk_{next(_numbers)}"
    connection.close()  # a template may have no other session
    with connection._nodb_cursor() as cursor:
        # Nor one of a thread that has outlived its test: a request nobody waits for any more, or a connection
        # that only the garbage collector will close.
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source])
        cursor.execute(f'DROP DATABASE IF EXISTS "{copy}"')
        cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{source}"')
    return copy


def _drop_on_server(name: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
