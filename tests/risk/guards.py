"""The triggers of published rows: which there are, what they refuse, and a moment without them."""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

import risk.migrations


@contextmanager
def refused(name: str) -> Iterator[None]:
    """Expect the database to refuse the block by the name of a constraint or guard."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    assert name in str(caught.value)


def guards() -> list[Any]:
    """Return what stands after all migrations, whatever their numbers; of one name the latest."""
    names = sorted(module.name for module in pkgutil.iter_modules(risk.migrations.__path__))
    found: dict[str, Any] = {}
    for name in names:
        if name.endswith("_triggers"):
            migration: Any = importlib.import_module(f"risk.migrations.{name}")
            found.update({guard.trigger: guard for guard in migration.GUARDS})
    return list(found.values())


def standing_triggers() -> set[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        return {name for (name,) in cursor.fetchall()}


@contextmanager
def unguarded(*tables: str) -> Iterator[None]:
    """Take the guards of these tables down for a moment, as somebody with the database's password could."""
    chosen = [guard for guard in guards() if guard.table in tables]
    with connection.cursor() as cursor:
        for guard in chosen:
            for statement in guard.drop(connection.vendor):
                cursor.execute(statement)
        yield
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for guard in chosen:
            for statement in guard.create(connection.vendor):
                cursor.execute(statement)
