"""Random typed trees, random rows of facts, and the text of a tree."""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from risk.rules.schema import Field, FieldType, Schema
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
        Field("order.device", FieldType.KEY, "device"),
    ),
)
LISTS = {"blocked_devices": "device", "watchlist": "text"}
PATTERNS = [
    "^a",
    "b$",
    "[[:alpha:]]",
    r"\d{2,}",
    "(a|é)+",
    r"\bDE\b",
    "中.",
    "^$",
    ".",
    r"\s",
    "[^a-z]",
    r"a\.b",
]

# Few values, so that equality and membership are often true, beside the extremes.
_NUMBERS = st.sampled_from([-1.5, -1.0, 0.0, 1.0, 2.0, 1e308, 5e-324, 2.0**53]) | st.floats(
    allow_nan=False, allow_infinity=False
)
_TEXTS = st.sampled_from(["", "DE", "de", "中国", "é", "e\u0301", "🦊", "İ", "ΣΑΣ", "a.b", "DE a1 22", "\\"])
_WRITABLE_TEXTS = _TEXTS | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\"'\ue000")
)
_DATES = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.replace(hour=0, minute=0, second=0, microsecond=0)
)


def _references(type_: FieldType) -> SearchStrategy[Node]:
    return st.sampled_from([Reference(field) for field in SCHEMA.fields if field.type is type_])


def _literals(
    values: SearchStrategy[float] | SearchStrategy[str] | SearchStrategy[datetime], type_: FieldType
) -> SearchStrategy[Node]:
    return values.map(lambda value: Literal(value, type_))


def _calls(names: list[str], *operands: SearchStrategy[Node]) -> SearchStrategy[Node]:
    return st.builds(Call, st.sampled_from(names), st.tuples(*operands))


def _defaults(nodes: SearchStrategy[Node]) -> SearchStrategy[Node]:
    return st.builds(Default, nodes.filter(lambda node: not isinstance(node, Literal)), nodes)


def _several(nodes: SearchStrategy[Node]) -> SearchStrategy[tuple[Node, ...]]:
    return st.lists(nodes, min_size=2, max_size=4).map(tuple)


_text_fields = _references(FieldType.TEXT)
_asked_texts = _text_fields | _calls(["lower"], _text_fields)
_members = st.builds(Probe, st.just("member"), _asked_texts, st.just("watchlist")) | st.builds(
    Probe, st.just("member"), _references(FieldType.KEY), st.just("blocked_devices")
)
_similarities = st.builds(Probe, st.just("similar"), _asked_texts, st.just("watchlist"))

_texts = st.recursive(
    _literals(_WRITABLE_TEXTS, FieldType.TEXT) | _text_fields,
    lambda inner: _defaults(inner) | _calls(["lower"], inner),
    max_leaves=2,
)
_moments = st.recursive(
    _literals(_DATES, FieldType.MOMENT) | _references(FieldType.MOMENT), _defaults, max_leaves=2
)
_numbers = st.recursive(
    _literals(_NUMBERS, FieldType.NUMBER)
    | _references(FieldType.NUMBER)
    | _similarities
    | _calls(["hour", "weekday"], _moments)
    | _calls(["hours_between", "days_between"], _moments, _moments),
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)
        | _defaults(inner)
        | _calls(["abs", "round"], inner)
        | _calls(["min", "max"], inner, inner)
        | _calls(["min", "max"], inner, inner, inner)
    ),
    max_leaves=4,
)

_equality = st.sampled_from(["==", "!="])
_order = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_simple = (
    st.builds(Comparison, _order, _numbers, _numbers)
    | st.builds(Comparison, _equality, _texts, _texts)
    | st.builds(Comparison, _order, _moments, _moments)
    | st.builds(Membership, _numbers, st.lists(_NUMBERS, min_size=1, max_size=5).map(tuple))
    | st.builds(Membership, _texts, st.lists(_WRITABLE_TEXTS, min_size=1, max_size=5).map(tuple))
    | st.builds(IsMissing, (_numbers | _texts | _moments).filter(lambda node: not isinstance(node, Literal)))
    | st.builds(IsMissing, _references(FieldType.KEY))
    | _calls(["contains", "starts", "ends"], _texts, _texts)
    | _calls(["matches"], _texts, _literals(st.sampled_from(PATTERNS), FieldType.TEXT))
    | _members
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

values: SearchStrategy[Node] = _numbers | _texts | _moments | conditions

_FACTS: dict[FieldType, SearchStrategy[object]] = {
    FieldType.NUMBER: _NUMBERS | st.floats() | st.integers(-2, 2) | st.integers(-(2**70), 2**70),
    FieldType.BOOL: st.booleans(),
    FieldType.TEXT: _TEXTS | st.text(),
    FieldType.MOMENT: st.datetimes(timezones=st.just(UTC)),
    FieldType.KEY: st.integers(-(2**63), 2**63 - 1),
}


def _probes() -> list[Probe]:
    """Return every question that the trees ask."""
    found = [Probe("member", Reference(_field("order.device")), "blocked_devices")]
    for name in ("order.shipping_country", "ip"):
        text = Reference(_field(name))
        for asked in (text, Call("lower", (text,))):
            found += [Probe("member", asked, "watchlist"), Probe("similar", asked, "watchlist")]
    return found


def _field(name: str) -> Field:
    (field,) = (field for field in SCHEMA.fields if field.name == name)
    return field


PROBES = _probes()
# What rows may hold: name → type.
COLUMNS = {field.name: field.type for field in SCHEMA.fields} | {probe.name: probe.type for probe in PROBES}

rows: SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {}, optional={name: st.none() | _FACTS[type_] for name, type_ in COLUMNS.items()}
)


def render(node: Node) -> str:
    """Return a text that parses into the node."""
    match node:
        case Call(function, operands):
            return f"{function}({', '.join(map(render, operands))})"
        case Probe():
            return f"({node.name})"
        case Literal(value):
            return _written(value)
        case Reference(field):
            return field.name
        case Not(operand) | IsMissing(operand):
            return f"(not {render(operand)})" if isinstance(node, Not) else f"({render(operand)} is missing)"
        case AllOf(operands) | AnyOf(operands):
            word = " and " if isinstance(node, AllOf) else " or "
            return f"({word.join(map(render, operands))})"
        case Comparison(sign, left, right) | Arithmetic(sign, left, right):
            return f"({render(left)} {sign} {render(right)})"
        case Membership(operand, choices):
            return f"({render(operand)} in [{', '.join(map(_written, choices))}])"
        case Default(operand, fallback):
            return f"default({render(operand)}, {render(fallback)})"


def _written(value: Constant) -> str:
    if isinstance(value, datetime):
        return f'date("{value.date().isoformat()}")'
    return f'"{value}"' if isinstance(value, str) else repr(value)
