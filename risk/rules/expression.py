"""Reads the text of a condition into a typed tree.

Python's own parser is used for the grammar only. Its tree is rebuilt node by node into
risk.rules.tree; whatever has no counterpart there is refused, so nothing of Python beyond the
language can be written, and nothing is ever evaluated from text.
"""

import ast
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeGuard

from risk.rules.errors import ExpressionError
from risk.rules.functions import FUNCTIONS
from risk.rules.patterns import PatternError, compile_pattern
from risk.rules.schema import TEXT_LIST, Field, FieldType, Schema, nearest
from risk.rules.source import MAX_DEPTH, MAX_LENGTH, Source
from risk.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    ArithmeticSign,
    Call,
    Comparison,
    ComparisonSign,
    Constant,
    Default,
    IsMissing,
    Literal,
    Membership,
    Node,
    Not,
    Probe,
    ProbeKind,
    Reference,
    walk,
)

__all__ = [
    "MAX_CHOICES",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "Expression",
    "ExpressionError",
    "Field",
    "FieldType",
    "Schema",
    "parse",
    "parse_value",
]

MAX_CHOICES = 200
# A pattern may take a millisecond to compile, a hundred times the rest of a condition.
MAX_PATTERNS = 10
NO_LISTS: Mapping[str, str] = MappingProxyType({})

_COMPARISONS: dict[type[ast.cmpop], ComparisonSign] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ARITHMETIC: dict[type[ast.operator], ArithmeticSign] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_SPECIAL_FORMS = {
    "default": "'default' takes a value and what stands for it where it is missing: default(x, 0).",
    "similar": "'similar' takes a field and a list: similar(x, list(\"code\")).",
    "list": "'list' takes the code of a list in quotes: list(\"code\").",
    "date": 'A date is written like this: date("2026-01-31").',
}
_FUNCTION_NAMES = (*_SPECIAL_FORMS, *FUNCTIONS)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition, or a value to derive, that has been read."""

    text: str
    root: Node

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field it uses, once, in order of appearance; those that a list is asked about too."""
        return tuple(dict.fromkeys(node.field for node in walk(self.root) if isinstance(node, Reference)))

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Every question to a list, once, in order of appearance."""
        return tuple(dict.fromkeys(node for node in walk(self.root) if isinstance(node, Probe)))


def parse(text: str, schema: Schema, lists: Mapping[str, str] = NO_LISTS) -> Expression:
    """Return the typed tree of a condition; for any text, raise ExpressionError or nothing.

    lists   list code → its kind: "text", or the kind of identifiers it holds
    """
    source = Source(text)
    return Expression(text, _TreeBuilder(source, schema, lists).condition(source.read()))


def parse_value(text: str, schema: Schema, lists: Mapping[str, str] = NO_LISTS) -> Expression:
    """Return the typed tree of a value to derive, which may be of any type; raise as `parse` does."""
    source = Source(text)
    return Expression(text, _TreeBuilder(source, schema, lists).value(source.read()))


class _TreeBuilder:
    """Rebuilds Python's tree as ours, checking names and types on the way."""

    def __init__(self, source: Source, schema: Schema, lists: Mapping[str, str]) -> None:
        self._source = source
        self._schema = schema
        self._lists = lists
        self._patterns = 0

    def condition(self, node: ast.expr) -> Node:
        built = self.value(node)
        if built.type is not FieldType.BOOL:
            message = f"{self._quote(node)} is {built.type.phrase}, where a condition is needed."
            raise self._source.error(node, message, "not_a_condition")
        return built

    def value(self, node: ast.expr) -> Node:
        built = self._value_or_key(node)
        if built.type is FieldType.KEY:
            message = f"{self._quote(node)} is an identifier: it can only be in a list, or missing."
            raise self._source.error(node, message, "type_mismatch")
        return built

    def _value_or_key(self, node: ast.expr) -> Node:
        match node:
            case ast.Constant():
                return self._literal(node)
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case ast.BoolOp(op, values):
                operands = tuple(self.condition(value) for value in values)
                return AllOf(operands) if isinstance(op, ast.And) else AnyOf(operands)
            case ast.UnaryOp(ast.Not(), operand):
                return Not(self.condition(operand))
            case ast.UnaryOp(ast.USub(), operand):
                return self._negative(operand)
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                return Arithmetic(_ARITHMETIC[type(op)], self._number(left), self._number(right))
            case ast.Compare():
                return self._comparison(node)
            case ast.Call():
                return self._call(node)
        raise self._refused(node)

    def _literal(self, node: ast.Constant) -> Literal:
        match node.value:
            case bool(value):
                return Literal(value, FieldType.BOOL)
            case int() | float():
                return Literal(self._double(node, node.value), FieldType.NUMBER)
            # One rule refuses prefixes, triple quotes, and ["DE" "FR"] with its comma lost.
            case str() if (text := self._source.quoted(node)) is not None:
                return Literal(text, FieldType.TEXT)
            case str():
                message = "A text stands between one pair of single or double quotes."
                raise self._source.error(node, message, "text_form")
            case None:
                raise self._source.error(node, "Write 'is missing' instead.", "not_allowed", "missing")
        raise self._refused(node)

    def _double(self, node: ast.expr, value: float) -> float:
        try:
            double = float(value)
        except OverflowError:
            double = math.inf
        if math.isinf(double) or double != value:
            message = f"The number {self._quote(node)} is too large to be exact."
            raise self._source.error(node, message, "number_range")
        return double

    def _name(self, node: ast.Name | ast.Attribute) -> Node:
        name = self._dotted(node)
        if name in ("true", "false"):
            return Literal(name == "true", FieldType.BOOL)
        if name == "missing":
            message = "'missing' can only follow 'is' or 'is not'."
            raise self._source.error(node, message, "not_allowed")
        if field := self._schema.find_field(name):
            return Reference(field)
        raise self._unknown(node, "field", name, self._schema.nearest_name(name))

    def _dotted(self, node: ast.expr) -> str:
        match node:
            case ast.Name(name):
                return name
            case ast.Attribute(owner, name):
                return f"{self._dotted(owner)}.{name}"
        raise self._refused(node)

    def _negative(self, operand: ast.expr) -> Node:
        match number := self._number(operand):
            case Literal(float(value)):
                return Literal(-value, FieldType.NUMBER)
        return Arithmetic("-", Literal(0.0, FieldType.NUMBER), number)

    def _number(self, node: ast.expr) -> Node:
        return self._typed(node, FieldType.NUMBER)

    def _typed(self, node: ast.expr, expected: FieldType) -> Node:
        built = self.value(node)
        if built.type is not expected:
            raise self._mismatch(node, built, expected)
        return built

    def _comparison(self, node: ast.Compare) -> Node:
        left, right = node.left, node.comparators[0]
        match node.ops:
            case [ast.Is() | ast.IsNot() as op]:
                return _negated_if(isinstance(op, ast.IsNot), self._is_missing(left, right))
            case [ast.In() | ast.NotIn() as op]:
                return _negated_if(isinstance(op, ast.NotIn), self._membership(left, right))
            case ops if all(type(op) in _COMPARISONS for op in ops):
                return self._chain([_COMPARISONS[type(op)] for op in ops], [left, *node.comparators])
        message = "Only ==, !=, <, <=, > and >= can be chained; join the parts with 'and'."
        raise self._source.error(node, message, "chain")

    def _is_missing(self, operand: ast.expr, word: ast.expr) -> IsMissing:
        if not (isinstance(word, ast.Name) and word.id == "missing"):
            message = "After 'is' and 'is not' only 'missing' can follow."
            raise self._source.error(word, message, "not_allowed", "missing")
        return IsMissing(self._missable(operand, self._value_or_key(operand)))

    def _missable(self, node: ast.expr, built: Node) -> Node:
        if isinstance(built, Literal):
            message = f"{self._quote(node)} is a literal and never missing."
            raise self._source.error(node, message, "never_missing")
        return built

    def _membership(self, operand: ast.expr, listed: ast.expr) -> Membership | Probe:
        if _is_list(listed):
            return self._probe("member", operand, listed)
        built = self.value(operand)
        if not isinstance(listed, ast.List):
            message = "After 'in' a list in square brackets, or list(\"code\"), must follow."
            raise self._source.error(listed, message, "list_form")
        if not 0 < len(listed.elts) <= MAX_CHOICES:
            message = f"A list has 1 to {MAX_CHOICES} entries, not {len(listed.elts)}."
            raise self._source.error(listed, message, "list_size")
        return Membership(built, tuple(self._choice(entry, built) for entry in listed.elts))

    def _choice(self, entry: ast.expr, operand: Node) -> Constant:
        built = self.value(entry)
        if not isinstance(built, Literal):
            message = f"{self._quote(entry)} is not a literal; lists hold numbers or texts."
            raise self._source.error(entry, message, "list_form")
        self._require_same_type(operand, built, entry)
        return built.value

    def _chain(self, signs: Sequence[ComparisonSign], nodes: Sequence[ast.expr]) -> Node:
        operands = [self.value(node) for node in nodes]
        pairs = []
        for sign, left, right, node in zip(signs, operands, operands[1:], nodes[1:], strict=False):
            self._require_same_type(left, right, node)
            if sign not in ("==", "!=") and left.type in (FieldType.TEXT, FieldType.BOOL):
                message = "Only numbers and moments can be compared by size."
                raise self._source.error(node, message, "type_mismatch")
            pairs.append(Comparison(sign, left, right))
        if len(pairs) == 1:
            return pairs[0]
        # A chain repeats its inner operands. Conditions could nest, and each level would double.
        if operands[0].type is FieldType.BOOL:
            raise self._source.error(nodes[-1], "Comparisons of conditions cannot be chained.", "chain")
        return AllOf(tuple(pairs))

    def _call(self, node: ast.Call) -> Node:
        name = self._dotted(node.func)
        match name:
            case "default":
                return self._default(node)
            case "similar":
                return self._similar(node)
            case "date":
                return self._date(node)
            case "list":
                message = "A list can only follow 'in' or 'not in', or stand inside 'similar(...)'."
                raise self._source.error(node, message, "list_form")
            case _ if name in FUNCTIONS:
                return self._function(name, node)
        raise self._unknown(node.func, "function", name, nearest(name, _FUNCTION_NAMES))

    def _default(self, node: ast.Call) -> Default:
        match node:
            case ast.Call(args=[operand, fallback], keywords=[]):
                built = Default(self._missable(operand, self.value(operand)), self.value(fallback))
                self._require_same_type(built.operand, built.fallback, fallback)
                return built
        raise self._source.error(node, _SPECIAL_FORMS["default"], "arguments")

    def _similar(self, node: ast.Call) -> Probe:
        match node:
            case ast.Call(args=[operand, listed], keywords=[]) if _is_list(listed):
                return self._probe("similar", operand, listed)
        raise self._source.error(node, _SPECIAL_FORMS["similar"], "arguments")

    def _date(self, node: ast.Call) -> Literal:
        text = self._only_text(node) or ""
        # Python would read more forms than this one.
        with suppress(ValueError):
            if _DATE.fullmatch(text):
                return Literal(datetime.fromisoformat(text).replace(tzinfo=UTC), FieldType.MOMENT)
        raise self._source.error(node, _SPECIAL_FORMS["date"], "date_form")

    def _function(self, name: str, node: ast.Call) -> Call:
        signature = FUNCTIONS[name]
        types = signature.operand_types(len(node.args))
        if types is None or node.keywords:
            up_to = f" with up to {signature.most} values" if signature.most else ""
            message = f"{name!r} is written like this: {signature.usage}{up_to}."
            raise self._source.error(node, message, "arguments")
        operands = tuple(self._typed(*pair) for pair in zip(node.args, types, strict=True))
        if name == "matches":
            self._require_pattern(node.args[1], operands[1])
        return Call(name, operands)

    def _require_pattern(self, node: ast.expr, built: Node) -> None:
        if not isinstance(node, ast.Constant) or not isinstance(built, Literal):
            message = f"{self._quote(node)} is not a pattern; it stands in quotes."
            raise self._source.error(node, message, "pattern")
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            message = f"A condition has at most {MAX_PATTERNS} patterns."
            raise self._source.error(node, message, "pattern")
        try:
            compile_pattern(str(built.value))
        except PatternError as error:
            raise self._source.error_inside(
                node, error.offset, error.length, error.message, "pattern"
            ) from None

    def _probe(self, kind: ProbeKind, operand: ast.expr, listed: ast.Call) -> Probe:
        built = self._value_or_key(operand)
        asked = built.operands[0] if isinstance(built, Call) and built.function == "lower" else built
        if not isinstance(asked, Reference) or not isinstance(built, Reference | Call):
            message = f"{self._quote(operand)} is not a field, or lower(field), and cannot be in a list."
            raise self._source.error(operand, message, "list_operand")
        if asked.type is not FieldType.TEXT and (asked.type is not FieldType.KEY or kind == "similar"):
            raise self._mismatch(operand, asked, FieldType.TEXT)
        return Probe(kind, built, self._list_code(listed, asked.field))

    def _list_code(self, node: ast.Call, field: Field) -> str:
        code = self._only_text(node)
        if code is None:
            raise self._source.error(node, _SPECIAL_FORMS["list"], "arguments")
        if code not in self._lists:
            raise self._unknown(node.args[0], "list", code, nearest(code, self._lists))
        found = self._lists[code]
        if found != (TEXT_LIST if field.type is FieldType.TEXT else field.unit):
            held = "texts" if found == TEXT_LIST else f"identifiers of the kind {found!r}"
            message = f"The list {_shortened(code)!r} holds {held}, unlike {field.name!r}."
            raise self._source.error(node, message, "type_mismatch")
        return code

    def _only_text(self, node: ast.Call) -> str | None:
        """Return the one quoted text that a call is given, or None if it is given something else."""
        match node:
            case ast.Call(args=[ast.Constant(str()) as text], keywords=[]):
                return self._source.quoted(text)
        return None

    def _require_same_type(self, left: Node, right: Node, node: ast.expr) -> None:
        if left.type is not right.type:
            raise self._mismatch(node, right, left.type)

    def _mismatch(self, node: ast.expr, built: Node, expected: FieldType) -> ExpressionError:
        message = f"{self._quote(node)} is {built.type.phrase}, where {expected.phrase} is needed."
        return self._source.error(node, message, "type_mismatch")

    def _unknown(self, node: ast.expr, kind: str, name: str, suggestion: str | None) -> ExpressionError:
        hint = f" Did you mean {suggestion!r}?" if suggestion else ""
        message = f"Unknown {kind} {_shortened(name)!r}.{hint}"
        return self._source.error(node, message, f"unknown_{kind}", suggestion)

    def _refused(self, node: ast.expr) -> ExpressionError:
        message = f"{self._quote(node)} is not part of the language."
        return self._source.error(node, message, "not_allowed")

    def _quote(self, node: ast.expr) -> str:
        return repr(_shortened(self._source.cut(node)))


def _is_list(node: ast.expr) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "list"


def _negated_if(negated: bool, condition: Node) -> Node:
    return Not(condition) if negated else condition


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
