"""One unit of work: one transaction whose journal rows are written together at its end.

Every write leaves transition, audit and outbox rows beside it. Writing each at
once would double the statements of a decision; here they wait in memory and
leave in one multi-row INSERT per table just before the commit. A unit inside a
unit joins it; with `savepoint=True` its rows and its journal are dropped
together when it fails, and the outer unit goes on.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import models, transaction

from .rows import insert

Rows = dict[type[models.Model], list[models.Model]]
_pending: ContextVar[Rows | None] = ContextVar("journal", default=None)


@contextmanager
def unit(*, savepoint: bool = False) -> Iterator[None]:
    """Run the block in one transaction, then write what it journalled."""
    outer = _pending.get()
    rows: Rows = defaultdict(list)
    token = _pending.set(rows)
    try:
        with transaction.atomic(savepoint=savepoint or outer is None):
            yield
            if outer is None:
                _write(rows)
    finally:
        _pending.reset(token)
    if outer is not None:
        for model, entries in rows.items():
            outer[model].extend(entries)


def add(row: models.Model) -> None:
    """Journal a row; it is written with the unit. RuntimeError outside of one: the caller forgot it."""
    rows = _pending.get()
    if rows is None:
        raise RuntimeError("A journal row needs an open core.journal.unit().")
    rows[type(row)].append(row)


def _write(rows: Rows) -> None:
    for entries in rows.values():
        insert(*entries)
