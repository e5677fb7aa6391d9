"""How a fact becomes a value of the language, and what its functions compute."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral, Real
from typing import TypeAlias

from risk.rules.schema import FieldType

# Field name → what was wrong with its fact. A misfit counts as missing, and degrades the decision.
Misfits: TypeAlias = dict[str, str]
SMALLEST_KEY, LARGEST_KEY = -(2**63), 2**63 - 1


def as_number(name: str, fact: object, misfits: Misfits) -> float | None:
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
        try:
            return fact.astimezone(UTC)
        except OverflowError:  # within hours of the first or the last day there is
            pass
    _note_misfit(name, fact, FieldType.MOMENT, misfits)
    return None


def as_key(name: str, fact: object, misfits: Misfits) -> int | None:
    if isinstance(fact, (int, Integral)) and not isinstance(fact, bool):
        key = int(fact)
        if SMALLEST_KEY <= key <= LARGEST_KEY:
            return key
    _note_misfit(name, fact, FieldType.KEY, misfits)
    return None


def _note_misfit(name: str, fact: object, expected: FieldType, misfits: Misfits) -> None:
    # The fact itself may be personal data and stays out of the sentence.
    misfits[name] = f"Expected {expected.phrase}, got an unfit {type(fact).__name__}."


def hours_between(left: datetime, right: datetime) -> float:
    """Return the hours from the earlier to the later: never negative, whichever comes first."""
    return _microseconds(abs(left - right)) / 3_600_000_000.0


def days_between(left: datetime, right: datetime) -> float:
    """Return the days of 24 hours from the earlier to the later."""
    return _microseconds(abs(left - right)) / 86_400_000_000.0


def _microseconds(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def hour(moment: datetime) -> float:
    return float(moment.hour)


def weekday(moment: datetime) -> float:
    return float(moment.weekday())


def round_half_even(number: float) -> float:
    return round(number, 0)


# Those of risk.rules.functions that Python's operators and methods do not compute. The values that
# they are given are not missing, and moments are in UTC.
COMPUTED: Mapping[str, Callable[..., float]] = {
    "abs": abs,
    "round": round_half_even,
    "min": min,
    "max": max,
    "hour": hour,
    "weekday": weekday,
    "hours_between": hours_between,
    "days_between": days_between,
}
