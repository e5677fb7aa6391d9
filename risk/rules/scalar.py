"""Compiles conditions into one Python function that judges one subject.

The function is assembled as a Python syntax tree from our own typed trees; no text that an
analyst wrote reaches the compiler except as a constant. For the single rule
`order.amount > 500 and buyer.is_guest` it reads:

    def judge(facts, misfits, failures):
        get = facts.get
        results = {}
        x0 = get("order.amount")
        if x0 is not None and (x0.__class__ is not float or x0 != x0):
            x0 = as_number("order.amount", x0, misfits)
        x1 = get("buyer.is_guest")
        if x1 is not None and (x1.__class__ is not bool):
            x1 = as_bool("buyer.is_guest", x1, misfits)
        try:
            results["R-1"] = (
                False if (t0 := None if x0 is None else x0 > 500.0) is False or x1 is False
                else None if t0 is None or x1 is None
                else True
            )
        except Exception as error:
            results["R-1"] = None
            failures["R-1"] = error.__class__.__name__
        return results
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import TypeAlias, cast

from risk.rules import values
from risk.rules.expression import Expression
from risk.rules.schema import Field, FieldType
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

# (facts, misfits, failures) → results. It adds to the two dictionaries that it is given.
Judge: TypeAlias = Callable[[Mapping[str, object], values.Misfits, dict[str, str]], dict[str, bool | None]]

# By type: when a fact is not fit as it stands, and what reads it then. Every moment is read: it
# may lack its time zone.
_READING: dict[FieldType, tuple[str, Callable[..., object]]] = {
    FieldType.NUMBER: ("{x}.__class__ is not float or {x} != {x}", values.as_number),
    FieldType.BOOL: ("{x}.__class__ is not bool", values.as_bool),
    FieldType.TEXT: ("{x}.__class__ is not str", values.as_text),
    FieldType.MOMENT: ("True", values.as_moment),
}
_CALCULATIONS: dict[str, Callable[..., object]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
}
_SIGNS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}

_CALLED = [*(reader for _, reader in _READING.values()), *_CALCULATIONS.values()]

_FUNCTION = """
def judge(facts, misfits, failures):
    get = facts.get
    results = {}
    return results
"""
_READ = """
{x} = get(NAME)
if {x} is not None and ({unfit}):
    {x} = {reader}(NAME, {x}, misfits)
"""
# A typed tree cannot raise; should one ever do so, the fence keeps the other rules' results.
_JUDGE = """
try:
    results[CODE] = RESULT
except Exception as error:
    results[CODE] = None
    failures[CODE] = error.__class__.__name__
"""


def compile_conditions(conditions: Mapping[str, Expression]) -> Judge:
    """Return one function that judges all conditions, by rule code, and reads each field once.

    A result is True, False, or None for missing. A field that is not in the facts is missing.
    A condition that raises gives None and its exception's name in `failures`; the others stand.
    """
    fields = dict.fromkeys(field for expression in conditions.values() for field in expression.fields)
    names = {field.name: f"x{index}" for index, field in enumerate(fields)}
    emitter = _Emitter(names)
    steps = [statement for field in fields for statement in _read(field, names[field.name])]
    for code, expression in conditions.items():
        steps += _fill(_JUDGE, CODE=ast.Constant(code), RESULT=emitter.emit(expression.root))
    module = ast.parse(_FUNCTION)
    cast("ast.FunctionDef", module.body[0]).body[-1:-1] = steps
    code_object = compile(ast.fix_missing_locations(module), "<ruleset>", "exec")
    namespace: dict[str, object] = {called.__name__: called for called in _CALLED}
    exec(code_object, namespace)  # noqa: S102 - compiled from our own nodes, not from text
    return cast("Judge", namespace["judge"])


def _read(field: Field, name: str) -> list[ast.stmt]:
    unfit, reader = _READING[field.type]
    template = _READ.format(x=name, unfit=unfit.format(x=name), reader=reader.__name__)
    return _fill(template, NAME=ast.Constant(field.name))


def _fill(template: str, **nodes: ast.expr) -> list[ast.stmt]:
    """Parse a template of this module and put nodes in the place of its capital names."""
    filler = _Filler(nodes)
    return [filler.visit(statement) for statement in ast.parse(template).body]


class _Filler(ast.NodeTransformer):
    def __init__(self, nodes: Mapping[str, ast.expr]) -> None:
        self._nodes = nodes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._nodes.get(node.id, node)


class _Emitter:
    """Turns a typed tree into a Python expression whose value is True, False, … or None."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._temporaries = count()

    def emit(self, node: Node) -> ast.expr:
        match node:
            case Literal(value):
                return ast.Constant(value)
            case Reference(field):
                return _load(self._names[field.name])
            case AllOf(operands):
                return self._kleene(operands, decisive=False)
            case AnyOf(operands):
                return self._kleene(operands, decisive=True)
            case IsMissing(operand):
                return _is(self._hold(operand)[0], None)
            case Default(operand, fallback):
                first, again = self._hold(operand)
                return ast.IfExp(_is(first, None), self.emit(fallback), again)
            case Arithmetic(sign, left, right):
                return ast.Call(_load(_CALCULATIONS[sign].__name__), [self.emit(left), self.emit(right)], [])
            case _:
                return self._strict(node)

    def _strict(self, node: Not | Comparison | Membership) -> ast.expr:
        """Missing if an operand is missing, else what Python itself makes of the values."""
        match node:
            case Not(operand):
                return self._unless_missing((operand,), lambda value: ast.UnaryOp(ast.Not(), value))
            case Membership(operand, choices):
                # Python folds a set of constants into one frozenset.
                listed = ast.Set([ast.Constant(choice) for choice in choices])
                return self._unless_missing(
                    (operand,), lambda value: ast.Compare(value, [ast.In()], [listed])
                )
            case Comparison(sign, left, right):
                operator = _SIGNS[sign]()
                return self._unless_missing((left, right), lambda a, b: ast.Compare(a, [operator], [b]))

    def _unless_missing(self, operands: tuple[Node, ...], compute: Callable[..., ast.expr]) -> ast.expr:
        held = [self._hold(operand) for operand in operands]
        result = compute(*(again for _, again in held))
        may_miss = [first for first, _ in held if not isinstance(first, ast.Constant)]
        if not may_miss:
            return result
        return ast.IfExp(_any(_is(first, None) for first in may_miss), ast.Constant(None), result)

    def _kleene(self, operands: tuple[Node, ...], *, decisive: bool) -> ast.expr:
        """One decisive operand decides; else a missing one leaves it open; else the opposite."""
        held = [self._hold(operand) for operand in operands]
        is_decided = _any(_is(first, decisive) for first, _ in held)
        is_open = _any(_is(again, None) for _, again in held)
        otherwise = ast.IfExp(is_open, ast.Constant(None), ast.Constant(not decisive))
        return ast.IfExp(is_decided, ast.Constant(decisive), otherwise)

    def _hold(self, node: Node) -> tuple[ast.expr, ast.expr]:
        """Return what computes the node, and what repeats its value afterwards."""
        if isinstance(node, Literal | Reference):
            return self.emit(node), self.emit(node)
        name = f"t{next(self._temporaries)}"
        return ast.NamedExpr(ast.Name(name, ast.Store()), self.emit(node)), _load(name)


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _is(value: ast.expr, constant: bool | None) -> ast.expr:
    return ast.Compare(value, [ast.Is()], [ast.Constant(constant)])


def _any(tests: Iterable[ast.expr]) -> ast.expr:
    several = list(tests)
    return several[0] if len(several) == 1 else ast.BoolOp(ast.Or(), several)
