"""Turns typed trees into Python expressions over local variables, for risk.rules.scalar."""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

from risk.rules import values
from risk.rules.patterns import compile_pattern
from risk.rules.schema import FieldType
from risk.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Call,
    Comparison,
    Constant,
    Default,
    IsMissing,
    Literal,
    Membership,
    Node,
    Not,
    Probe,
    Reference,
    inputs,
    walk,
)

# By type: when a fact is not fit as it stands, and what reads it then.
_READING: dict[FieldType, tuple[str, Callable[..., object]]] = {
    FieldType.NUMBER: ("{x}.__class__ is not float or {x} != {x}", values.as_number),
    FieldType.BOOL: ("{x}.__class__ is not bool", values.as_bool),
    FieldType.TEXT: ("{x}.__class__ is not str", values.as_text),
    FieldType.MOMENT: ("{x}.__class__ is not datetime or {x}.tzinfo is not UTC", values.as_moment),
    FieldType.KEY: (
        f"{{x}}.__class__ is not int or not {values.SMALLEST_KEY} <= {{x}} <= {values.LARGEST_KEY}",
        values.as_key,
    ),
}
_READ = """
{x} = get(NAME)
if {x} is not None and ({unfit}):
    {x} = {reader}(NAME, {x}, misfits)
"""
# Only an infinity and NaN differ from zero when they are taken from themselves.
_CALCULATE = """
{v} = VALUE
if {v} is not None and {v} - {v} != 0.0:
    {v} = None
"""
_COMPUTE = "{v} = VALUE"

_SIGNS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
_OPERATORS: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div}
_METHODS = {"starts": "startswith", "ends": "endswith", "lower": "lower"}
_MISSING = ast.Constant(None)


class Plain(NamedTuple):
    """What Python makes of a node where the named variables are not None; else it must not be run."""

    value: ast.expr
    names: tuple[str, ...]


class Emitter:
    """Collects the statements that a generated function begins with, and emits its expressions.

    reading     fields and answers of lists into variables, each once
    computing   what several conditions or Kleene's logic need as a variable, each once
    namespace   what the statements and expressions call by name
    """

    def __init__(self, roots: Iterable[Node]) -> None:
        self.reading: list[ast.stmt] = []
        self.computing: list[ast.stmt] = []
        self.namespace: dict[str, object] = {"datetime": datetime, "UTC": UTC, **values.COMPUTED}
        self._variables: dict[Node, str] = {}
        self._temporaries = count()
        roots = list(roots)
        self._uses = Counter(node for root in roots for node in walk(root) if isinstance(node, Call))
        for node in dict.fromkeys(node for root in roots for node in inputs(root)):
            self._read(node)

    def emit(self, node: Node) -> ast.expr:
        """Return an expression that is the node's value, or None where it is missing."""
        plain = self._plain(node)
        return _choose(_all_present(plain.names), plain.value, self._where_missing(node))

    def _read(self, node: Reference | Probe) -> None:
        name = node.field.name if isinstance(node, Reference) else node.name
        variable = self._variables[node] = f"x{len(self._variables)}"
        unfit, reader = _READING[node.type]
        self.namespace[reader.__name__] = reader
        template = _READ.format(x=variable, unfit=unfit.format(x=variable), reader=reader.__name__)
        self.reading += _fill(template, NAME=ast.Constant(name))

    def _plain(self, node: Node) -> Plain:
        match node:
            case Literal(value):
                return Plain(self._constant(value), ())
            case Not(operand):
                plain = self._plain(operand)
                return Plain(ast.UnaryOp(ast.Not(), plain.value), plain.names)
            case AllOf(operands) | AnyOf(operands):
                word = ast.And() if isinstance(node, AllOf) else ast.Or()
                return self._joined(operands, lambda *parts: ast.BoolOp(word, list(parts)))
            case Comparison(sign, left, right):
                compare = _SIGNS[sign]()
                return self._joined((left, right), lambda a, b: ast.Compare(a, [compare], [b]))
            case Membership(operand, choices):
                listed = self._choices(choices)
                return self._joined((operand,), lambda value: ast.Compare(value, [ast.In()], [listed]))
            case IsMissing(operand):
                return Plain(_is(self._variable(operand), None), ())
            case Call() if node.type is FieldType.BOOL and self._uses[node] == 1:
                return self._called(node)
        variable = self._variable(node)
        return Plain(variable, (variable.id,))

    def _joined(self, operands: tuple[Node, ...], compute: Callable[..., ast.expr]) -> Plain:
        parts = [self._plain(operand) for operand in operands]
        names = dict.fromkeys(name for part in parts for name in part.names)
        return Plain(compute(*(part.value for part in parts)), tuple(names))

    def _where_missing(self, node: Node) -> ast.expr:
        """Return the value where a variable of the node is None."""
        match node:
            case AllOf(operands):
                return self._kleene(operands, decisive=False)
            case AnyOf(operands):
                return self._kleene(operands, decisive=True)
            case Not(operand) if not _is_strict(operand):
                return self._unless_missing((operand,), lambda value: ast.UnaryOp(ast.Not(), value))
            case Comparison(sign, left, right) if not (_is_strict(left) and _is_strict(right)):
                compare = _SIGNS[sign]()
                return self._unless_missing((left, right), lambda a, b: ast.Compare(a, [compare], [b]))
        return _MISSING

    def _kleene(self, operands: tuple[Node, ...], *, decisive: bool) -> ast.expr:
        """One decisive operand decides; else a missing one leaves it open; else the opposite."""
        held = [self._held(operand) for operand in operands]
        is_decided = _any(_is(first, decisive) for first, _ in held)
        is_open = _any(_is(again, None) for _, again in held)
        otherwise = ast.IfExp(is_open, _MISSING, ast.Constant(not decisive))
        return ast.IfExp(is_decided, ast.Constant(decisive), otherwise)

    def _unless_missing(self, operands: tuple[Node, ...], compute: Callable[..., ast.expr]) -> ast.expr:
        held = [self._held(operand) for operand in operands]
        is_missing = _any(_is(first, None) for first, _ in held)
        return ast.IfExp(is_missing, _MISSING, compute(*(again for _, again in held)))

    def _held(self, node: Node) -> tuple[ast.expr, ast.expr]:
        """Return what computes the node, and what repeats its value afterwards."""
        plain = self._plain(node)
        if isinstance(plain.value, ast.Name | ast.Constant):
            return plain.value, plain.value
        name = f"t{next(self._temporaries)}"
        missing = self._where_missing(node)
        value = _choose(_all_present(plain.names), plain.value, missing) if _is_strict(node) else missing
        return ast.NamedExpr(ast.Name(name, ast.Store()), value), _load(name)

    def _variable(self, node: Node) -> ast.Name:
        """Return the variable that holds the node, and compute it before the conditions if need be."""
        if node not in self._variables:
            template, value = _COMPUTE, self._computed(node)
            if isinstance(node, Arithmetic):
                template = _CALCULATE
            variable = f"v{len(self._variables)}"
            self._variables[node] = variable
            self.computing += _fill(template.format(v=variable), VALUE=value)
        return _load(self._variables[node])

    def _computed(self, node: Node) -> ast.expr:
        match node:
            case Default(operand, fallback):
                held = self._variable(operand)
                return _choose(_is_not_none(held.id), held, self.emit(fallback))
            case Arithmetic(sign, left, right):
                parts = self._joined((left, right), lambda a, b: ast.BinOp(a, _OPERATORS[sign](), b))
                tests = [_is_not_none(name) for name in parts.names]
                if sign == "/":
                    tests.append(self._plain(right).value)  # zero, of either sign, is not true
                return _choose(_all(tests), parts.value, _MISSING)
            case Call():
                plain = self._called(node)
                return _choose(_all_present(plain.names), plain.value, _MISSING)
        return self.emit(node)

    def _called(self, node: Call) -> Plain:
        match node.function:
            case "contains":
                return self._joined(node.operands, lambda text, part: ast.Compare(part, [ast.In()], [text]))
            case "matches":
                text, pattern = node.operands
                search = self._bind(compile_pattern(str(_value_of(pattern))))
                return self._joined((text,), lambda text: ast.Call(search, [text], []))
            case function if method := _METHODS.get(function):
                return self._joined(
                    node.operands, lambda text, *rest: ast.Call(_attribute(text, method), [*rest], [])
                )
        return self._joined(node.operands, lambda *parts: ast.Call(_load(node.function), [*parts], []))

    def _choices(self, choices: tuple[Constant, ...]) -> ast.expr:
        if any(isinstance(choice, datetime) for choice in choices):
            return self._bind(frozenset(choices))
        # Python folds a set of constants into one frozenset.
        return ast.Set([self._constant(choice) for choice in choices])

    def _constant(self, value: Constant) -> ast.expr:
        return self._bind(value) if isinstance(value, datetime) else ast.Constant(value)

    def _bind(self, value: object) -> ast.Name:
        """Give a value that no source text can hold a name."""
        name = f"k{len(self.namespace)}"
        self.namespace[name] = value
        return _load(name)


def _is_strict(node: Node) -> bool:
    """Tell whether the node is missing exactly where one of its variables is."""
    match node:
        case AllOf() | AnyOf():
            return False
        case Not(operand):
            return _is_strict(operand)
        case Comparison(_, left, right):
            return _is_strict(left) and _is_strict(right)
    return True


def _value_of(node: Node) -> Constant:
    assert isinstance(node, Literal)
    return node.value


def _fill(template: str, **nodes: ast.expr) -> list[ast.stmt]:
    """Parse a template of this module and put nodes in the place of its capital names."""
    filler = _Filler(nodes)
    return [filler.visit(statement) for statement in ast.parse(template).body]


class _Filler(ast.NodeTransformer):
    def __init__(self, nodes: Mapping[str, ast.expr]) -> None:
        self._nodes = nodes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._nodes.get(node.id, node)


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _attribute(value: ast.expr, name: str) -> ast.Attribute:
    return ast.Attribute(value, name, ast.Load())


def _is(value: ast.expr, constant: bool | None) -> ast.expr:
    return ast.Compare(value, [ast.Is()], [ast.Constant(constant)])


def _is_not_none(name: str) -> ast.expr:
    return ast.Compare(_load(name), [ast.IsNot()], [_MISSING])


def _all_present(names: Iterable[str]) -> ast.expr | None:
    return _all([_is_not_none(name) for name in names])


def _all(tests: list[ast.expr]) -> ast.expr | None:
    """Return the conjunction, or None if there is nothing to ask."""
    return ast.BoolOp(ast.And(), tests) if len(tests) > 1 else tests[0] if tests else None


def _any(tests: Iterable[ast.expr]) -> ast.expr:
    several = list(tests)
    return several[0] if len(several) == 1 else ast.BoolOp(ast.Or(), several)


def _choose(test: ast.expr | None, value: ast.expr, otherwise: ast.expr) -> ast.expr:
    return value if test is None else ast.IfExp(test, value, otherwise)
