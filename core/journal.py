"""One unit of work: one transaction whose new rows are written together at its end.

Every write leaves transition, audit and outbox rows beside it, and an arrival
is several rows by itself. Writing each at once would cost a round trip apiece;
here they wait in memory and leave in one multi-row INSERT per table, all of
them in one message to the database. A row that still waits is changed in
memory: what it is inserted with is its final state. A unit inside a unit joins
it; with `savepoint=True` its rows and its changes are dropped together when it
fails, and the outer unit goes on.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import models, transaction

from .rows import insert_all

Rows = dict[type[models.Model], list[models.Model]]


@dataclass(eq=False)
class _Unit:
    """What waits for the end of a unit, and how to take back its changes to rows that wait.

    undo    (row, attribute, value before), oldest first
    """

    outer: "_Unit | None"
    savepoint: bool
    rows: Rows = field(default_factory=lambda: defaultdict(list))
    undo: list[tuple[models.Model, str, object]] = field(default_factory=list)

    def __iter__(self) -> Iterator["_Unit"]:
        """Yield this unit and those around it, innermost first."""
        unit: _Unit | None = self
        while unit is not None:
            yield unit
            unit = unit.outer


_current: ContextVar[_Unit | None] = ContextVar("journal", default=None)


@contextmanager
def unit(*, savepoint: bool = False) -> Iterator[None]:
    """Run the block in one transaction, then write the rows that wait."""
    opened = _Unit(_current.get(), savepoint)
    outer = opened.outer
    token = _current.set(opened)
    try:
        with transaction.atomic(savepoint=savepoint or outer is None):
            yield
            if outer is None:
                _write(opened.rows)
    except BaseException:
        for row, name, before in reversed(opened.undo):
            setattr(row, name, before)
        raise
    finally:
        _current.reset(token)
    if outer is not None:
        outer.undo.extend(opened.undo)
        for model, entries in opened.rows.items():
            outer.rows[model].extend(entries)


def add(row: models.Model) -> None:
    """Let a row wait for the end of the unit. RuntimeError outside of one: the caller forgot it."""
    _required().rows[type(row)].append(row)


def waits(row: models.Model) -> bool:
    """Tell whether this very row is still to be written by a unit under way."""
    current = _current.get()
    if current is None or not row._state.adding:
        return False
    return any(row is waiting for unit in current for waiting in unit.rows.get(type(row), ()))


def change(row: models.Model, values: dict[str, object]) -> None:
    """Set attributes of a row that waits; if the unit fails, they are set back."""
    undo = _required().undo
    for name, value in values.items():
        undo.append((row, name, getattr(row, name)))
        setattr(row, name, value)


def flush() -> None:
    """Write now what waits in this unit and those around it.

    For who has to know at once whether a constraint refuses it. RuntimeError
    behind a savepoint: rolling back to it would lose rows of the units around.
    """
    units = list(_required())
    if any(unit.savepoint and unit.outer is not None for unit in units):
        raise RuntimeError("Rows that wait cannot be written behind a savepoint.")
    for unit in reversed(units):
        _write(unit.rows)
        unit.rows.clear()


def _required() -> _Unit:
    current = _current.get()
    if current is None:
        raise RuntimeError("A journal row needs an open core.journal.unit().")
    return current


def _write(rows: Rows) -> None:
    insert_all(rows.values())
