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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import IntegrityError, models, transaction

from .errors import DomainError
from .rows import insert_all

Rows = dict[type[models.Model], list[models.Model]]


@dataclass(frozen=True)
class Refusal:
    """What it means when a constraint refuses a row that waited.

    constraint    its name, by which PostgreSQL reports it
    columns       "table.column, table.column", by which SQLite does
    error         what to raise then
    """

    constraint: str
    columns: str
    error: Callable[[], DomainError]

    def explains(self, error: IntegrityError) -> bool:
        return self.constraint in str(error) or self.columns in str(error)


@dataclass(eq=False)
class _Unit:
    """What waits for the end of a unit, and how to take back its changes to rows that wait.

    undo    (row, attribute, value before), oldest first
    """

    outer: "_Unit | None"
    rows: Rows = field(default_factory=lambda: defaultdict(list))
    refusals: list[Refusal] = field(default_factory=list)
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
    opened = _Unit(_current.get())
    outer = opened.outer
    token = _current.set(opened)
    try:
        with transaction.atomic(savepoint=savepoint or outer is None):
            yield
            if outer is None:
                _write(opened)
                # What runs on commit still runs inside this block, and opens units of its own.
                _current.set(None)
    except BaseException:
        for row, name, before in reversed(opened.undo):
            setattr(row, name, before)
        raise
    finally:
        _current.reset(token)
    if outer is not None:
        outer.undo.extend(opened.undo)
        outer.refusals.extend(opened.refusals)
        for model, entries in opened.rows.items():
            outer.rows[model].extend(entries)


def add(row: models.Model, *, refusal: Refusal | None = None) -> None:
    """Let a row wait for the end of the unit. RuntimeError outside of one: the caller forgot it.

    refusal    what the outermost unit raises if the constraint that it names is violated
    """
    current = _required()
    current.rows[type(row)].append(row)
    if refusal is not None:
        current.refusals.append(refusal)


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


def _required() -> _Unit:
    current = _current.get()
    if current is None:
        raise RuntimeError("A journal row needs an open core.journal.unit().")
    return current


def _write(unit: _Unit) -> None:
    try:
        insert_all(unit.rows.values())
    except IntegrityError as error:
        for refusal in unit.refusals:
            if refusal.explains(error):
                raise refusal.error() from error
        raise
