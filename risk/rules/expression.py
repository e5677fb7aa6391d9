"""Reads the text of a condition into a typed tree.

Python's own parser is used for the grammar only. Its tree is rebuilt node by node into
risk.rules.tree; whatever has no counterpart there is refused, so nothing of Python beyond the
language can be written, and nothing is ever evaluated from text.
"""

import ast
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from risk.rules.errors import ExpressionError
from risk.rules.schema import Field, FieldType, Schema, nearest
from risk.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    ArithmeticSign,
    Comparison,
    ComparisonSign,
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

__all__ = ["Expression", "ExpressionError", "Field", "FieldType", "Schema", "parse"]

# Far above what a person writes or can review, and low enough that the worst text is refused
# within milliseconds and well inside Python's own recursion limits.
MAX_LENGTH = 4_000
MAX_DEPTH = 40
MAX_CHOICES = 200

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
_FUNCTIONS = ("default",)

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SLIP = re.compile(r"&&|\|\||<>|=>|=<|!(?!=)|(?<![=!<>])=(?!=)|\b(?:AND|OR|NOT|IN|IS)\b")
_MEANT = {"&&": "and", "||": "or", "<>": "!=", "=>": ">=", "=<": "<=", "!": "not", "=": "=="}


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition that has been read."""

    text: str
    root: Node

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field it uses, once, in order of appearance."""
        return tuple(dict.fromkeys(node.field for node in walk(self.root) if isinstance(node, Reference)))


def parse(text: str, schema: Schema) -> Expression:
    """Return the typed tree of a condition; for any text, raise ExpressionError or nothing."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"The condition has {len(text)} characters; at most {MAX_LENGTH} are allowed.",
            code="too_long",
            offset=MAX_LENGTH,
            length=len(text) - MAX_LENGTH,
        )
    source = _Source(text)
    return Expression(text=text, root=_TreeBuilder(source, schema).condition(source.read()))


class _Source:
    """The text and the places in it.

    Python reads it inside one pair of brackets, so that a condition may span lines and begin
    with a space.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # Same length, so that places stay true, and only the line breaks that Python counts.
        self._lines = f"({text}\n)".replace("\r\n", " \n").replace("\r", "\n").split("\n")

    def read(self) -> ast.expr:
        if not self.text.strip():
            raise ExpressionError("The condition is empty.", code="empty")
        if (backslash := self.text.find("\\")) >= 0:
            message = "Backslashes are not part of the language."
            raise self._error_at(backslash, backslash + 1, message, "not_allowed")
        try:
            body = ast.parse("\n".join(self._lines), mode="eval").body
        except SyntaxError as error:
            raise self._unreadable(error) from None
        except (ValueError, RecursionError, MemoryError):  # lone surrogates, NUL; nested too deeply
            raise self._error_at(0, len(self.text), "The condition cannot be read.", "syntax") from None
        if (body.lineno, body.col_offset) == (1, 0):
            # What was read includes our own bracket: "a) or (b", "a, b" or no more than a comment.
            message = "The brackets do not match, or a comma stands outside a list."
            raise self._error_at(0, len(self.text), message, "syntax")
        self._refuse_deep(body)
        return body

    def error(
        self, node: ast.expr, message: str, code: str, suggestion: str | None = None
    ) -> ExpressionError:
        start, end = self._span(node)
        return self._error_at(start, end, message, code, suggestion)

    def cut(self, node: ast.expr) -> str:
        """Return the text of the node, in full."""
        start, end = self._span(node)
        return self.text[start:end]

    def _unreadable(self, error: SyntaxError) -> ExpressionError:
        if slip := _SLIP.search(_QUOTED.sub(lambda quoted: " " * len(quoted[0]), self.text)):
            meant = _MEANT.get(slip[0], slip[0].lower())
            message = f"{slip[0]!r} is not part of the language. Did you mean {meant!r}?"
            return self._error_at(slip.start(), slip.end(), message, "syntax", meant)
        start = min(max(self._offset(error.lineno or 1, (error.offset or 1) - 1), 0), len(self.text))
        found = self.text[start : start + 20].strip()
        message = f"The condition cannot be read at {found!r}." if found else "The condition is incomplete."
        return self._error_at(start, start + len(found), message, "syntax")

    def _refuse_deep(self, body: ast.expr) -> None:
        level: list[ast.AST] = [body]
        for _ in range(MAX_DEPTH):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            if not level:
                return
        message = f"The condition is nested more than {MAX_DEPTH} levels deep."
        raise self._error_at(0, len(self.text), message, "too_deep")

    def _span(self, node: ast.expr) -> tuple[int, int]:
        start = self._position(node.lineno, node.col_offset)
        end = self._position(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        return start, end

    def _position(self, line: int, utf8_column: int) -> int:
        return self._offset(line, len(self._lines[line - 1].encode()[:utf8_column].decode()))

    def _offset(self, line: int, column: int) -> int:
        before = sum(len(text) + 1 for text in self._lines[: line - 1])
        return before + column - len("(")

    def _error_at(
        self, start: int, end: int, message: str, code: str, suggestion: str | None = None
    ) -> ExpressionError:
        return ExpressionError(message, code, offset=start, length=end - start, suggestion=suggestion)


class _TreeBuilder:
    """Rebuilds Python's tree as ours, checking names and types on the way."""

    def __init__(self, source: _Source, schema: Schema) -> None:
        self._source = source
        self._schema = schema

    def condition(self, node: ast.expr) -> Node:
        built = self._build(node)
        if built.type is not FieldType.BOOL:
            message = f"{self._quote(node)} is {built.type.phrase}, where a condition is needed."
            raise self._source.error(node, message, "not_a_condition")
        return built

    def _build(self, node: ast.expr) -> Node:
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
            case str(value) if self._source.cut(node)[1:-1] == value:
                return Literal(value, FieldType.TEXT)
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
        number = self._number(operand)
        if isinstance(number, Literal):
            return Literal(-float(number.value), FieldType.NUMBER)
        return Arithmetic("-", Literal(0.0, FieldType.NUMBER), number)

    def _number(self, node: ast.expr) -> Node:
        built = self._build(node)
        if built.type is not FieldType.NUMBER:
            message = f"{self._quote(node)} is {built.type.phrase}, where a number is needed."
            raise self._source.error(node, message, "type_mismatch")
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
        return IsMissing(self._missable(operand))

    def _missable(self, node: ast.expr) -> Node:
        built = self._build(node)
        if isinstance(built, Literal):
            message = f"{self._quote(node)} is a literal and never missing."
            raise self._source.error(node, message, "never_missing")
        return built

    def _membership(self, operand: ast.expr, listed: ast.expr) -> Membership:
        built = self._build(operand)
        if not isinstance(listed, ast.List):
            message = "After 'in' a list in square brackets must follow."
            raise self._source.error(listed, message, "list_form")
        if not 0 < len(listed.elts) <= MAX_CHOICES:
            message = f"A list has 1 to {MAX_CHOICES} entries, not {len(listed.elts)}."
            raise self._source.error(listed, message, "list_size")
        return Membership(built, tuple(self._choice(entry, built) for entry in listed.elts))

    def _choice(self, entry: ast.expr, operand: Node) -> Constant:
        built = self._build(entry)
        if not isinstance(built, Literal):
            message = f"{self._quote(entry)} is not a literal; lists hold numbers or texts."
            raise self._source.error(entry, message, "list_form")
        self._require_same_type(operand, built, entry)
        return built.value

    def _chain(self, signs: Sequence[ComparisonSign], nodes: Sequence[ast.expr]) -> Node:
        operands = [self._build(node) for node in nodes]
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

    def _call(self, node: ast.Call) -> Default:
        name = self._dotted(node.func)
        if name not in _FUNCTIONS:
            raise self._unknown(node.func, "function", name, nearest(name, _FUNCTIONS))
        match node:
            case ast.Call(args=[operand, fallback], keywords=[]):
                built = Default(self._missable(operand), self._build(fallback))
                self._require_same_type(built.operand, built.fallback, fallback)
                return built
        message = "'default' takes a value and what stands for it where it is missing: default(x, 0)."
        raise self._source.error(node, message, "arguments")

    def _require_same_type(self, left: Node, right: Node, node: ast.expr) -> None:
        if left.type is not right.type:
            message = f"{self._quote(node)} is {right.type.phrase}, where {left.type.phrase} is needed."
            raise self._source.error(node, message, "type_mismatch")

    def _unknown(self, node: ast.expr, kind: str, name: str, suggestion: str | None) -> ExpressionError:
        hint = f" Did you mean {suggestion!r}?" if suggestion else ""
        message = f"Unknown {kind} {_shortened(name)!r}.{hint}"
        return self._source.error(node, message, f"unknown_{kind}", suggestion)

    def _refused(self, node: ast.expr) -> ExpressionError:
        message = f"{self._quote(node)} is not part of the language."
        return self._source.error(node, message, "not_allowed")

    def _quote(self, node: ast.expr) -> str:
        return repr(_shortened(self._source.cut(node)))


def _negated_if(negated: bool, condition: Node) -> Node:
    return Not(condition) if negated else condition


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
