"""What a merchant reads about a decision against them: why, by whom, how to put it right, how to appeal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.ids import encode
from core.models import Statement
from core.refs import Ref
from core.statements import find_newest_statement, read


@dataclass(frozen=True)
class StatementCard:
    """The statement that stands against a subject, in the reader's language."""

    statement: Statement

    @property
    def public_id(self) -> str:
        return encode("sta", self.statement.pk)

    @property
    def text(self) -> Mapping[str, Any]:
        return read(self.statement)

    @property
    def message(self) -> str:
        return self.statement.message

    @property
    def appeal_until(self) -> datetime | None:
        return self.statement.appeal_until


def show_statement(subject: Ref, *standing: int | None) -> StatementCard | None:
    """Return the card of the newest statement if it still stands; one query.

    standing    the subject's statement columns
    """
    statement = find_newest_statement(subject)
    if statement is None or statement.pk not in standing:
        return None
    return StatementCard(statement)
