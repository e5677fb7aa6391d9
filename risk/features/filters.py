"""Conditions on events: what they may mention, and their two translations, to SQL and to columns.

A filter is written in the rule language and read by its parser. What it may mention never changes after an
event is written, so that history can be filtered later as it was at the time. It compares and does not
calculate: the engines disagree about what overflows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from risk.features.declarations import Filter, Source
from risk.rules.expression import parse
from risk.rules.schema import Field, FieldType, Schema
from risk.rules.tree import (
    AllOf,
    AnyOf,
    Comparison,
    Constant,
    Default,
    IsMissing,
    Literal,
    Membership,
    Node,
    Not,
    Reference,
    walk,
)

Flags = npt.NDArray[np.bool_]

_ORDER = Schema(
    "order event",
    (
        Field("amount_minor", FieldType.NUMBER, "minor units of the base currency", nullable=False),
        Field("line_count", FieldType.NUMBER),
        Field("item_count", FieldType.NUMBER),
        Field("currency", FieldType.TEXT, nullable=False),
        Field("card_country", FieldType.TEXT),
        Field("shipping_country", FieldType.TEXT),
        Field("billing_country", FieldType.TEXT),
        Field("has_device", FieldType.BOOL, nullable=False),
        Field("has_card", FieldType.BOOL, nullable=False),
    ),
)
_LABEL = Schema("label event", (Field("is_bad", FieldType.BOOL, nullable=False),))
SCHEMAS: Mapping[Source, Schema] = {Source.ORDERS: _ORDER, Source.LABELS: _LABEL, Source.OUTCOMES: _LABEL}

_COMPARE = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, eq=False)
class Values:
    """One field of every event.

    values        (n,) numbers, flags or texts; anything where missing
    is_missing    (n,)
    """

    values: npt.NDArray[Any]
    is_missing: Flags


@cache
def read_filter(where: Filter, source: Source) -> Node:
    """Return the tree of a filter; ExpressionError if it cannot be read, ValueError if it calculates."""
    root = parse(where.text, SCHEMAS[source]).root
    known = (AllOf, AnyOf, Comparison, Default, IsMissing, Literal, Membership, Not, Reference)
    for node in walk(root):
        if not isinstance(node, known):
            raise ValueError(  # noqa: TRY004 - what is wrong is the text, not a type of ours
                f"The filter “{where.code}” uses {type(node).__name__}, which events do not have."
            )
    return root


def fields_of(where: Filter, source: Source) -> tuple[str, ...]:
    """Return the fields that a filter mentions."""
    found = (node.field.name for node in walk(read_filter(where, source)) if isinstance(node, Reference))
    return tuple(dict.fromkeys(found))


# ── SQL ──────────────────────────────────────────────────────────────────────────────────────────
def to_sql(where: Filter, source: Source, columns: Mapping[str, str]) -> str:
    """Return the condition in SQL, whose own three values are those of the language.

    columns    field → SQL that is NULL where the field is missing

    >>> to_sql(Filter("x", "currency in ['EUR'] and not (amount_minor < 5)"), Source.ORDERS,
    ...        {"currency": "currency", "amount_minor": "base_total_minor"})
    "((currency IN ('EUR')) AND (NOT (base_total_minor < 5)))"
    """
    return _sql(read_filter(where, source), columns)


def _sql(node: Node, columns: Mapping[str, str]) -> str:
    match node:
        case Literal(value):
            return _constant(value)
        case Reference(field):
            return columns[field.name]
        case Not(operand):
            return f"(NOT {_sql(operand, columns)})"
        case AllOf(operands):
            return f"({' AND '.join(_sql(operand, columns) for operand in operands)})"
        case AnyOf(operands):
            return f"({' OR '.join(_sql(operand, columns) for operand in operands)})"
        case Comparison(sign, left, right):
            engine_sign = {"==": "=", "!=": "<>"}.get(sign, sign)
            return f"({_sql(left, columns)} {engine_sign} {_sql(right, columns)})"
        case Membership(operand, choices):
            return f"({_sql(operand, columns)} IN ({', '.join(map(_constant, choices))}))"
        case IsMissing(operand):
            return f"({_sql(operand, columns)} IS NULL)"
        case Default(operand, fallback):
            return f"coalesce({_sql(operand, columns)}, {_sql(fallback, columns)})"
    raise ValueError(f"{type(node).__name__} has no SQL here.")


def _constant(value: Constant) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if not isinstance(value, str):
        raise TypeError("Events have no moments to compare.")
    quoted = value.replace("'", "''").replace("%", "%%")  # the text is a template of named placeholders
    return f"'{quoted}'"


# ── Columns ──────────────────────────────────────────────────────────────────────────────────────
def is_true(where: Filter, source: Source, columns: Mapping[str, Values]) -> Flags:
    """Return (n,) for which events the condition is true; missing is not true. KeyError without a field."""
    found = _values(read_filter(where, source), columns)
    return np.asarray(found.values & ~found.is_missing, dtype=np.bool_)


def _values(node: Node, columns: Mapping[str, Values]) -> Values:
    match node:
        case Literal(value):
            return Values(np.asarray(value), np.asarray(False))
        case Reference(field):
            return columns[field.name]
        case Not(operand):
            found = _values(operand, columns)
            return Values(~found.values, found.is_missing)
        case AllOf(operands) | AnyOf(operands):
            return _kleene([_values(operand, columns) for operand in operands], isinstance(node, AnyOf))
        case Comparison(sign, left, right):
            one, other = _values(left, columns), _values(right, columns)
            return Values(_COMPARE[sign](one.values, other.values), one.is_missing | other.is_missing)
        case Membership(operand, choices):
            found = _values(operand, columns)
            return Values(np.isin(found.values, np.array(choices)), found.is_missing)
        case IsMissing(operand):
            missing = _values(operand, columns).is_missing
            return Values(missing, np.zeros_like(missing))
        case Default(operand, fallback):
            found, spare = _values(operand, columns), _values(fallback, columns)
            values = np.where(found.is_missing, spare.values, found.values)
            return Values(values, found.is_missing & spare.is_missing)
    raise ValueError(f"{type(node).__name__} has no columns here.")


def _kleene(operands: list[Values], decisive: bool) -> Values:
    """One decisive operand decides; else a missing one leaves it open; else the opposite."""
    decided = np.asarray(False)
    is_open = np.asarray(False)
    for operand in operands:
        decided = decided | (~operand.is_missing & (operand.values == decisive))
        is_open = is_open | operand.is_missing
    return Values(decided if decisive else ~decided, is_open & ~decided)
