"""The meaning of the language as a slow, obvious walk over the tree, to hold the backends against."""

import math
from collections.abc import Mapping
from typing import Any

from risk.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Comparison,
    Default,
    IsMissing,
    Literal,
    Membership,
    Node,
    Not,
    Reference,
)


def interpret(node: Node, facts: Mapping[str, object]) -> object:
    """Return the value of the node, None where it is missing."""

    def value(child: Node) -> object:
        return interpret(child, facts)

    match node:
        case Literal(constant):
            return constant
        case Reference(field):
            return _fact(facts.get(field.name))
        case AllOf(operands):
            found = [value(operand) for operand in operands]
            return False if False in found else None if None in found else True
        case AnyOf(operands):
            found = [value(operand) for operand in operands]
            return True if True in found else None if None in found else False
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
