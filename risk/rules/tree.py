"""The typed tree that a condition is parsed into; every backend starts from it.

Each node has a `type`. A value is missing (None) when an input was missing, and missing spreads
by Kleene's three-valued logic: it is neither true nor false, and a decisive operand outranks it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias
from typing import Literal as OneOf

from risk.rules.functions import FUNCTIONS
from risk.rules.schema import Field, FieldType

Constant: TypeAlias = float | bool | str | datetime
ComparisonSign: TypeAlias = OneOf["==", "!=", "<", "<=", ">", ">="]
ArithmeticSign: TypeAlias = OneOf["+", "-", "*", "/"]
ProbeKind: TypeAlias = OneOf["member", "similar"]


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


@dataclass(frozen=True, slots=True)
class Call:
    """A function of FUNCTIONS; missing if an operand is. The pattern of 'matches' is a literal."""

    function: str
    operands: tuple["Node", ...]

    @property
    def type(self) -> FieldType:
        return FUNCTIONS[self.function].result


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to a list, answered once before the rules: whoever runs them adds the answer to the facts.

    member     whether the operand is in the list: true or false
    similar    how near the list's nearest entry is, 0 to 1
    operand    a field, or lower(field)
    list_code  the list's code
    """

    kind: ProbeKind
    operand: "Reference | Call"
    list_code: str

    @property
    def type(self) -> FieldType:
        return FieldType.BOOL if self.kind == "member" else FieldType.NUMBER

    @property
    def field(self) -> Field:
        """The field that is looked up."""
        (reference,) = (node for node in walk(self.operand) if isinstance(node, Reference))
        return reference.field

    @property
    def is_lowered(self) -> bool:
        """The field's text is put into lower case before it is looked up."""
        return isinstance(self.operand, Call)

    @property
    def name(self) -> str:
        """What the answer is called among the facts, the same however the condition spells it."""
        asked = f"lower({self.field.name})" if self.is_lowered else self.field.name
        listed = f'list("{self.list_code}")'
        return f"{asked} in {listed}" if self.kind == "member" else f"similar({asked}, {listed})"


Node: TypeAlias = (
    Literal
    | Reference
    | Not
    | AllOf
    | AnyOf
    | Comparison
    | Membership
    | IsMissing
    | Default
    | Arithmetic
    | Call
    | Probe
)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it, left to right."""
    yield node
    for child in children(node):
        yield from walk(child)


def inputs(node: Node) -> Iterator[Reference | Probe]:
    """Yield what the node reads: fields and answers of lists, but not the field a list is asked about."""
    if isinstance(node, Reference | Probe):
        yield node
        return
    for child in children(node):
        yield from inputs(child)


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Literal() | Reference():
            return ()
        case Not(operand) | Membership(operand) | IsMissing(operand) | Probe(_, operand):
            return (operand,)
        case AllOf(operands) | AnyOf(operands) | Call(_, operands):
            return operands
        case Comparison(_, left, right) | Arithmetic(_, left, right) | Default(left, right):
            return (left, right)
