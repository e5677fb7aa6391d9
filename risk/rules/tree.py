"""The typed tree that a condition is parsed into; every backend starts from it.

Each node has a `type`. A value is missing (None) when an input was missing, and missing spreads
by Kleene's three-valued logic: it is neither true nor false, and a decisive operand outranks it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeAlias
from typing import Literal as OneOf

from risk.rules.schema import Field, FieldType

Constant: TypeAlias = float | bool | str
ComparisonSign: TypeAlias = OneOf["==", "!=", "<", "<=", ">", ">="]
ArithmeticSign: TypeAlias = OneOf["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Literal:
    value: Constant
    type: FieldType


@dataclass(frozen=True, slots=True)
class Reference:
    """The fact in a field; NaN counts as missing."""

    field: Field

    @property
    def type(self) -> FieldType:
        return self.field.type


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Node"
    type: ClassVar = FieldType.BOOL


@dataclass(frozen=True, slots=True)
class AllOf:
    """False if an operand is false, else missing if one is missing, else true."""

    operands: tuple["Node", ...]
    type: ClassVar = FieldType.BOOL


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True if an operand is true, else missing if one is missing, else false."""

    operands: tuple["Node", ...]
    type: ClassVar = FieldType.BOOL


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands of one type; missing if either is. Only numbers and moments have an order."""

    sign: ComparisonSign
    left: "Node"
    right: "Node"
    type: ClassVar = FieldType.BOOL


@dataclass(frozen=True, slots=True)
class Membership:
    operand: "Node"
    choices: tuple[Constant, ...]
    type: ClassVar = FieldType.BOOL


@dataclass(frozen=True, slots=True)
class IsMissing:
    """Never missing itself."""

    operand: "Node"
    type: ClassVar = FieldType.BOOL


@dataclass(frozen=True, slots=True)
class Default:
    """The operand, or the fallback where the operand is missing."""

    operand: "Node"
    fallback: "Node"

    @property
    def type(self) -> FieldType:
        return self.operand.type


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A calculation in doubles; missing if an operand is, or if the result is not finite."""

    sign: ArithmeticSign
    left: "Node"
    right: "Node"
    type: ClassVar = FieldType.NUMBER


Node: TypeAlias = (
    Literal | Reference | Not | AllOf | AnyOf | Comparison | Membership | IsMissing | Default | Arithmetic
)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it, left to right."""
    yield node
    for child in _children(node):
        yield from walk(child)


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Literal() | Reference():
            return ()
        case Not(operand) | Membership(operand) | IsMissing(operand):
            return (operand,)
        case AllOf(operands) | AnyOf(operands):
            return operands
        case Comparison(_, left, right) | Arithmetic(_, left, right) | Default(left, right):
            return (left, right)
