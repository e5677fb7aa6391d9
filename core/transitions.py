"""Declared state machines: the one source for services, buttons, `available_actions[]` and docs."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models
from django.utils import timezone

from . import journal, requests
from .actors import Actor
from .errors import InvalidTransition
from .models import TransitionRecord
from .refs import Ref


@dataclass(frozen=True)
class Move:
    """One declared move.

    action    its verb, stable: "accept"
    sources   states it may leave; "" is "before the row existed"
    target    the state it reaches
    by        actor letters of the state tables: M merchant, B buyer, R reviewer, S staff, P partner, X system
    """

    action: str
    sources: tuple[str, ...]
    target: str
    by: str


class Machine:
    """The moves of one kind of object, e.g. every way an order's `status` may change."""

    def __init__(self, kind: str, moves: Iterable[Move]) -> None:
        self.kind = kind
        self.moves = tuple(moves)
        self._by_action: dict[str, list[Move]] = {}
        for move in self.moves:
            self._by_action.setdefault(move.action, []).append(move)

    @property
    def states(self) -> list[str]:
        """Every state, in the order the table names them."""
        return list(
            dict.fromkeys(state for move in self.moves for state in (*move.sources, move.target) if state)
        )

    def actions(self, state: str, by: str) -> list[str]:
        """Return the actions that actor letter may take from a state, in table order."""
        return list(dict.fromkeys(m.action for m in self.moves if state in m.sources and by in m.by))

    def find(self, state: str, action: str) -> Move:
        """Return the move, or raise InvalidTransition with the actions that exist from here."""
        for move in self._by_action.get(action, ()):
            if state in move.sources:
                return move
        allowed = list(dict.fromkeys(m.action for m in self.moves if state in m.sources))
        raise InvalidTransition(
            f"“{action}” is not possible while the {self.kind} is {state.replace('_', ' ')}.",
            extra={"allowed": allowed, "state": state, "action": action},
        )

    def enter(self, row: models.Model, *, actor: Actor, state: str, action: str = "create") -> None:
        """Journal the birth of a row that is about to be, or has just been, inserted in `state`."""
        self._journal(row, "", state, action, actor, "", "")

    def move(
        self,
        row: models.Model,
        action: str,
        *,
        actor: Actor,
        reason_code: str = "",
        comment: str = "",
        **changes: object,
    ) -> None:
        """Move `row.status`, write it with the other changed columns, journal the transition.

        The update carries the old state in its WHERE, so of two callers who
        both read it one is refused, whatever locks they took. A row that still
        waits for its INSERT is moved in memory and inserted as it then is.
        """
        before: str = row.status  # type: ignore[attr-defined]
        target = self.find(before, action).target
        values = {"status": target, **changes}
        self._write(row, before, values)
        self._journal(row, before, target, action, actor, reason_code, comment)

    def mark(
        self, row: models.Model, action: str, *, actor: Actor, reason_code: str = "", **changes: object
    ) -> None:
        """Change an overlay (a hold, a flag) without leaving the state; journalled like a move."""
        state: str = row.status  # type: ignore[attr-defined]
        self._write(row, state, changes)
        self._journal(row, state, state, action, actor, reason_code, "")

    def _write(self, row: models.Model, state: str, values: dict[str, object]) -> None:
        if journal.waits(row):
            journal.change(row, values)
            return
        if not type(row)._default_manager.filter(pk=row.pk, status=state).update(**values):
            raise InvalidTransition(f"The {self.kind} has changed meanwhile.", code="stale_state")
        for name, value in values.items():
            setattr(row, name, value)

    def _journal(
        self,
        row: models.Model,
        before: str,
        after: str,
        action: str,
        actor: Actor,
        reason_code: str,
        comment: str,
    ) -> None:
        subject = Ref(self.kind, row.pk)
        journal.add(
            TransitionRecord(
                actor_kind=actor.kind,
                actor_id=actor.id,
                subject_kind=subject.kind,
                subject_id=subject.id,
                from_state=before,
                to_state=after,
                action=action,
                reason_code=reason_code,
                comment=comment,
                request_id=requests.current_id(),
                created_at=timezone.now(),
            )
        )
