"""What a merchant reads about a decision against them: why, by whom, how to put it right, how to appeal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone, translation

from cases.appealing import is_appealable
from cases.appeals import find_appeal_of
from cases.models import Appeal, AppealFile
from core.ids import encode
from core.models import Statement
from core.refs import Ref
from core.statements import find_newest_statement, read


@dataclass(frozen=True)
class AppealCard:
    """An appeal as its merchant follows it."""

    appeal: Appeal
    files: tuple[AppealFile, ...]

    @property
    def outcome(self) -> str:
        """What it came to, in the reader's language; "" while somebody looks."""
        if self.appeal.denial is not None:
            return str(read(self.appeal.denial)["heading"])
        texts: Mapping[str, str] = self.appeal.texts
        language = (translation.get_language() or "").lower()
        return texts.get(language) or texts.get(settings.LANGUAGES[0][0], "")

    @property
    def denial(self) -> Mapping[str, Any] | None:
        return None if self.appeal.denial is None else read(self.appeal.denial)

    @property
    def file_ids(self) -> list[str]:
        return [encode("apf", file.pk) for file in self.files]


@dataclass(frozen=True)
class StatementCard:
    """A statement of reasons in the reader's language, with the appeal against it if there is one."""

    statement: Statement
    appeal: AppealCard | None = None

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

    @property
    def can_be_appealed(self) -> bool:
        return self.appeal is None and is_appealable(self.statement, at=timezone.now())


def show_statement(subject: Ref, *standing: int | None) -> StatementCard | None:
    """Return the newest statement if it still stands, or if an appeal has ended it.

    One query; two more for what can be appealed.

    standing    the subject's statement columns
    """
    statement = find_newest_statement(subject)
    if statement is None:
        return None
    appeal = find_appeal_of(statement) if statement.appeal_until is not None else None
    if appeal is None and statement.pk not in standing:
        return None
    return StatementCard(statement, AppealCard(appeal, tuple(appeal.files.all())) if appeal else None)
