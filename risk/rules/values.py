"""How a fact becomes a value of the language, and arithmetic in which every result is defined."""

import math
import operator
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from numbers import Real
from typing import TypeAlias

from risk.rules.schema import FieldType

# Field name → what was wrong with its fact. A misfit counts as missing, and degrades the decision.
Misfits: TypeAlias = dict[str, str]
Number: TypeAlias = float | None


def as_number(name: str, fact: object, misfits: Misfits) -> Number:
    # float and int come first because they are common: asking about Real is slow.
    if isinstance(fact, (float, int, Real)) and not isinstance(fact, bool):
        try:
            number = float(fact)
        except OverflowError:
            _note_misfit(name, fact, FieldType.NUMBER, misfits)
            return None
        return None if math.isnan(number) else number
    _note_misfit(name, fact, FieldType.NUMBER, misfits)
    return None


def as_bool(name: str, fact: object, misfits: Misfits) -> bool | None:
    if isinstance(fact, bool):
        return fact
    _note_misfit(name, fact, FieldType.BOOL, misfits)
    return None


def as_text(name: str, fact: object, misfits: Misfits) -> str | None:
    if isinstance(fact, str):
        return str(fact)
    _note_misfit(name, fact, FieldType.TEXT, misfits)
    return None


def as_moment(name: str, fact: object, misfits: Misfits) -> datetime | None:
    if isinstance(fact, datetime) and fact.utcoffset() is not None:
        return fact
    _note_misfit(name, fact, FieldType.MOMENT, misfits)
    return None


def _note_misfit(name: str, fact: object, expected: FieldType, misfits: Misfits) -> None:
    # The fact itself may be personal data and stays out of the sentence.
    misfits[name] = f"Expected {expected.phrase}, got an unfit {type(fact).__name__}."


def _finite(compute: Callable[[float, float], float]) -> Callable[[Number, Number], Number]:
    @wraps(compute)
    def computed(left: Number, right: Number) -> Number:
        if left is None or right is None:
            return None
        try:
            result = compute(left, right)
        except ZeroDivisionError:
            return None
        return result if math.isfinite(result) else None

    return computed


add = _finite(operator.add)
subtract = _finite(operator.sub)
multiply = _finite(operator.mul)
divide = _finite(operator.truediv)
