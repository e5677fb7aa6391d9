"""The functions of the language, as a table: what each takes, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass

from risk.rules.schema import FieldType

_BOOL, _MOMENT, _NUMBER, _TEXT = FieldType.BOOL, FieldType.MOMENT, FieldType.NUMBER, FieldType.TEXT


@dataclass(frozen=True, slots=True)
class Signature:
    """Operands by type, and the type of the result; with `most`, the last operand may repeat up to there."""

    usage: str
    operands: tuple[FieldType, ...]
    result: FieldType
    most: int = 0

    def operand_types(self, count: int) -> tuple[FieldType, ...] | None:
        """Return the types of that many operands, or None if the function does not take so many."""
        if not len(self.operands) <= count <= max(self.most, len(self.operands)):
            return None
        return self.operands + self.operands[-1:] * (count - len(self.operands))


# Each is missing when an operand is missing, and never otherwise.
FUNCTIONS: Mapping[str, Signature] = {
    "contains": Signature('contains(text, "part")', (_TEXT, _TEXT), _BOOL),
    "starts": Signature('starts(text, "beginning")', (_TEXT, _TEXT), _BOOL),
    "ends": Signature('ends(text, "ending")', (_TEXT, _TEXT), _BOOL),
    "matches": Signature('matches(text, "pattern")', (_TEXT, _TEXT), _BOOL),
    "lower": Signature("lower(text)", (_TEXT,), _TEXT),
    "abs": Signature("abs(number)", (_NUMBER,), _NUMBER),
    "round": Signature("round(number)", (_NUMBER,), _NUMBER),
    "min": Signature("min(number, number)", (_NUMBER, _NUMBER), _NUMBER, most=5),
    "max": Signature("max(number, number)", (_NUMBER, _NUMBER), _NUMBER, most=5),
    "hour": Signature("hour(moment)", (_MOMENT,), _NUMBER),
    "weekday": Signature("weekday(moment)", (_MOMENT,), _NUMBER),
    "hours_between": Signature("hours_between(moment, moment)", (_MOMENT, _MOMENT), _NUMBER),
    "days_between": Signature("days_between(moment, moment)", (_MOMENT, _MOMENT), _NUMBER),
}
