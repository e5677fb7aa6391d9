"""Random typed trees, random rows of facts, and the text of a tree."""

from datetime import UTC

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from risk.rules.schema import Field, FieldType, Schema
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

# A busy machine may stop any example for longer than the default deadline.
PATIENT = settings(deadline=None)

SCHEMA = Schema(
    "order",
    (
        Field("order.amount", FieldType.NUMBER, "minor units"),
        Field("order.lines", FieldType.NUMBER),
        Field("device.buyers_7d", FieldType.NUMBER),
        Field("buyer.is_guest", FieldType.BOOL),
        Field("order.is_gift", FieldType.BOOL),
        Field("order.shipping_country", FieldType.TEXT),
        Field("ip", FieldType.TEXT),
        Field("order.placed_at", FieldType.MOMENT),
        Field("buyer.signup_at", FieldType.MOMENT),
    ),
)

# Few values, so that equality and membership are often true, beside the extremes.
_NUMBERS = st.sampled_from([-1.5, -1.0, 0.0, 1.0, 2.0, 1e308, 5e-324, 2.0**53]) | st.floats(
    allow_nan=False, allow_infinity=False
)
_TEXTS = st.sampled_from(["", "DE", "de", "中国", "é", "e\u0301", "🦊", "İ"])
_WRITABLE_TEXTS = _TEXTS | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\"'\\"))


def _references(type_: FieldType) -> SearchStrategy[Node]:
    return st.sampled_from([Reference(field) for field in SCHEMA.fields if field.type is type_])


def _literals(values: SearchStrategy[float] | SearchStrategy[str], type_: FieldType) -> SearchStrategy[Node]:
    return values.map(lambda value: Literal(value, type_))


def _defaults(nodes: SearchStrategy[Node]) -> SearchStrategy[Node]:
    return st.builds(Default, nodes.filter(lambda node: not isinstance(node, Literal)), nodes)


def _several(nodes: SearchStrategy[Node]) -> SearchStrategy[tuple[Node, ...]]:
    return st.lists(nodes, min_size=2, max_size=4).map(tuple)


_numbers = st.recursive(
    _literals(_NUMBERS, FieldType.NUMBER) | _references(FieldType.NUMBER),
    lambda inner: st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner) | _defaults(inner),
    max_leaves=4,
)
_texts = st.recursive(
    _literals(_WRITABLE_TEXTS, FieldType.TEXT) | _references(FieldType.TEXT), _defaults, max_leaves=2
)
_moments = st.recursive(_references(FieldType.MOMENT), _defaults, max_leaves=2)

_equality = st.sampled_from(["==", "!="])
_order = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_simple = (
    st.builds(Comparison, _order, _numbers, _numbers)
    | st.builds(Comparison, _equality, _texts, _texts)
    | st.builds(Comparison, _order, _moments, _moments)
    | st.builds(Membership, _numbers, st.lists(_NUMBERS, min_size=1, max_size=5).map(tuple))
    | st.builds(Membership, _texts, st.lists(_WRITABLE_TEXTS, min_size=1, max_size=5).map(tuple))
    | st.builds(IsMissing, (_numbers | _texts | _moments).filter(lambda node: not isinstance(node, Literal)))
    | _references(FieldType.BOOL)
    | st.booleans().map(lambda value: Literal(value, FieldType.BOOL))
)

conditions: SearchStrategy[Node] = st.recursive(
    _simple,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(AllOf, _several(inner))
        | st.builds(AnyOf, _several(inner))
        | st.builds(Comparison, _equality, inner, inner)
        | st.builds(IsMissing, inner.filter(lambda node: not isinstance(node, Literal)))
        | _defaults(inner)
    ),
    max_leaves=10,
)

_FACTS: dict[FieldType, SearchStrategy[object]] = {
    FieldType.NUMBER: _NUMBERS | st.floats() | st.integers(-2, 2) | st.integers(-(2**70), 2**70),
    FieldType.BOOL: st.booleans(),
    FieldType.TEXT: _TEXTS | st.text(),
    FieldType.MOMENT: st.datetimes(timezones=st.just(UTC)),
}

rows: SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {}, optional={field.name: st.none() | _FACTS[field.type] for field in SCHEMA.fields}
)


def render(node: Node) -> str:
    """Return a text that parses into the node."""
    match node:
        case Literal(value):
            return f'"{value}"' if isinstance(value, str) else repr(value)
        case Reference(field):
            return field.name
        case Not(operand):
            return f"(not {render(operand)})"
        case AllOf(operands):
            return f"({' and '.join(map(render, operands))})"
        case AnyOf(operands):
            return f"({' or '.join(map(render, operands))})"
        case Comparison(sign, left, right) | Arithmetic(sign, left, right):
            return f"({render(left)} {sign} {render(right)})"
        case Membership(operand, choices):
            listed = ", ".join(
                f'"{choice}"' if isinstance(choice, str) else repr(choice) for choice in choices
            )
            return f"({render(operand)} in [{listed}])"
        case IsMissing(operand):
            return f"({render(operand)} is missing)"
        case Default(operand, fallback):
            return f"default({render(operand)}, {render(fallback)})"
