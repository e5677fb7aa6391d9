"""A condition as an editor wants it: what it means, or the place where it cannot be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from risk.rules.errors import ExpressionError
from risk.rules.expression import NO_LISTS, Expression, parse
from risk.schemas import schema_of

from .wording import condition_words

Lists = Mapping[str, str]


@dataclass(frozen=True)
class ConditionCheck:
    """Either `words` say what the condition means, or `error` says why it cannot be read, and where.

    before, wrong, after   the text around the error; `wrong` may be empty at the end of the text
    """

    condition: str
    words: str = ""
    fields: Sequence[str] = ()
    error: str = ""
    suggestion: str = ""
    before: str = ""
    wrong: str = ""
    after: str = ""

    @property
    def is_valid(self) -> bool:
        return not self.error


def read(subject: str, condition: str, lists: Lists) -> Expression | None:
    """Return a condition that can be read, else None."""
    try:
        return parse(condition, schema_of(subject), lists)
    except ExpressionError:
        return None


def check(subject: str, condition: str, lists: Lists = NO_LISTS) -> ConditionCheck:
    """Read a condition against the fields of a subject and the lists there are."""
    try:
        expression = parse(condition, schema_of(subject), lists)
    except ExpressionError as error:
        end = error.offset + error.length
        return ConditionCheck(
            condition=condition,
            error=str(error),
            suggestion=error.suggestion or "",
            before=condition[: error.offset],
            wrong=condition[error.offset : end],
            after=condition[end:],
        )
    return ConditionCheck(
        condition=condition,
        words=condition_words(expression.root),
        fields=[field.name for field in expression.fields],
    )
