"""The meaning of the language as a slow, obvious walk over the tree, to hold the backends against."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from risk.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Comparison,
    Default,
    IsMissing,
    Literal,
    Membership,
    Node,
    Not,
    Probe,
    Reference,
)


def interpret(node: Node, facts: Mapping[str, object]) -> object:
    """Return the value of the node, None where it is missing."""

    def value(child: Node) -> object:
        return interpret(child, facts)

    match node:
        case Literal(constant):
            return constant
        case Reference() | Probe():
            return _fact(facts.get(node.name if isinstance(node, Probe) else node.field.name))
        case Call(_, operands):
            found = [value(operand) for operand in operands]
            return None if None in found else _known(node, *found)
        case AllOf(operands) | AnyOf(operands):
            found = [value(operand) for operand in operands]
            decisive = isinstance(node, AnyOf)
            return decisive if decisive in found else None if None in found else not decisive
        case IsMissing(operand):
            return value(operand) is None
        case Default(operand, fallback):
            return value(fallback) if value(operand) is None else value(operand)
        case Not(operand) | Membership(operand):
            return None if value(operand) is None else _known(node, value(operand))
        case Comparison(_, left, right) | Arithmetic(_, left, right):
            known = value(left) is not None and value(right) is not None
            return _known(node, value(left), value(right)) if known else None


def _known(node: Node, *values: Any) -> object:
    match node:
        case Call(function):
            return _CALLED[function](*values)
        case Not():
            return values == (False,)
        case Membership(_, choices):
            return any(values == (choice,) for choice in choices)
        case Comparison(sign):
            return _compared(sign, *values)
        case Arithmetic(sign):
            return _calculated(sign, *values)
    raise AssertionError(node)


def _fact(fact: object) -> object:
    if fact is None or isinstance(fact, bool) or not isinstance(fact, int | float):
        return fact
    return None if math.isnan(fact) else float(fact)


def _rounded(number: float) -> float:
    if math.isinf(number):
        return number
    return float(Decimal(number).to_integral_value(ROUND_HALF_EVEN))


def _micros_between(left: datetime, right: datetime) -> float:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    micros = [
        ((moment - start).days, (moment - start).seconds, moment.microsecond) for moment in (left, right)
    ]
    first, second = [(days * 86_400 + seconds) * 1_000_000 + rest for days, seconds, rest in micros]
    return float(abs(first - second))


def _matches(text: str, pattern: str) -> bool:
    # The patterns of the trees mean the same in Python, but for the name of a class and the end.
    same = pattern.replace("[:alpha:]", "a-zA-Z").replace("$", r"\Z")
    return re.search(same, text, re.ASCII) is not None


_CALLED: dict[str, Callable[..., object]] = {
    "contains": lambda text, part: text.find(part) >= 0,
    "starts": lambda text, part: text[: len(part)] == part,
    "ends": lambda text, part: text[max(len(text) - len(part), 0) :] == part,
    "lower": lambda text: text.lower(),
    "matches": _matches,
    "abs": lambda number: number if number >= 0 else -number,
    "round": _rounded,
    "min": min,
    "max": max,
    "hour": lambda moment: float(moment.hour),
    "weekday": lambda moment: float((moment.date().toordinal() - 1) % 7),
    "hours_between": lambda left, right: _micros_between(left, right) / 3_600_000_000,
    "days_between": lambda left, right: _micros_between(left, right) / 86_400_000_000,
}


def _compared(sign: str, left: Any, right: Any) -> bool:
    is_less, is_equal = bool(left < right), bool(left == right)
    return {
        "==": is_equal,
        "!=": not is_equal,
        "<": is_less,
        "<=": is_less or is_equal,
        ">": not (is_less or is_equal),
        ">=": not is_less,
    }[sign]


def _calculated(sign: str, left: float, right: float) -> float | None:
    if sign == "/" and right == 0:
        return None
    result = {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or 1.0)}[sign]
    return result if abs(result) < math.inf else None
