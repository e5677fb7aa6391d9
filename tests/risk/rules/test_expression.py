"""The language: what it accepts, and what it makes of it."""

import keyword
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from risk.rules.expression import MAX_LENGTH, ExpressionError, parse, parse_value
from risk.rules.schema import Field, FieldType, Schema
from risk.rules.tree import (
    AllOf,
    Arithmetic,
    Call,
    Comparison,
    Default,
    IsMissing,
    Literal,
    Membership,
    Node,
    Not,
    Probe,
    Reference,
)
from tests.risk.rules.trees import LISTS, PATIENT, SCHEMA, conditions, render


def read(text: str) -> Node:
    return parse(text, SCHEMA, LISTS).root


def refusal(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text, SCHEMA, LISTS)
    return caught.value


def field(name: str) -> Reference:
    found = SCHEMA.find_field(name)
    assert found is not None
    return Reference(found)


def number(value: float) -> Literal:
    return Literal(float(value), FieldType.NUMBER)


DEVICE_BLOCKED = Probe("member", field("order.device"), "blocked_devices")
AMOUNT, LINES, GUEST = field("order.amount"), field("order.lines"), field("buyer.is_guest")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("buyer.is_guest", GUEST),
        ("order.amount > 500", Comparison(">", AMOUNT, number(500))),
        ("order.amount > -1_000.5", Comparison(">", AMOUNT, number(-1000.5))),
        ("order.amount > -order.lines", Comparison(">", AMOUNT, Arithmetic("-", number(0), LINES))),
        ("buyer.is_guest == true", Comparison("==", GUEST, Literal(True, FieldType.BOOL))),
        ("buyer.is_guest == False", Comparison("==", GUEST, Literal(False, FieldType.BOOL))),
        ("not buyer.is_guest", Not(GUEST)),
        (r"ip == 'a\n\'", Comparison("==", field("ip"), Literal(r"a\n" + "\\", FieldType.TEXT))),
        (
            r"matches(ip, '\d\.')",
            Call("matches", (field("ip"), Literal(r"\d\.", FieldType.TEXT))),
        ),
        (
            "min(order.lines, 1, 2) > 0",
            Comparison(">", Call("min", (LINES, number(1), number(2))), number(0)),
        ),
        (
            "order.placed_at >= date('2026-01-31')",
            Comparison(
                ">=",
                field("order.placed_at"),
                Literal(datetime(2026, 1, 31, tzinfo=UTC), FieldType.MOMENT),
            ),
        ),
        ("order.device in list('blocked_devices')", DEVICE_BLOCKED),
        ('order.device not in list("blocked_devices")', Not(DEVICE_BLOCKED)),
        ("order.device is missing", IsMissing(field("order.device"))),
        (
            "similar(lower(ip), list('watchlist')) > 0",
            Comparison(">", Probe("similar", Call("lower", (field("ip"),)), "watchlist"), number(0)),
        ),
        ("ip == '中国'", Comparison("==", field("ip"), Literal("中国", FieldType.TEXT))),
        ("ip in ['a', \"b\"]", Membership(field("ip"), ("a", "b"))),
        ("ip not in ['a']", Not(Membership(field("ip"), ("a",)))),
        ("order.lines in [1, -2]", Membership(LINES, (1.0, -2.0))),
        ("order.amount is missing", IsMissing(AMOUNT)),
        ("order.amount is not missing", Not(IsMissing(AMOUNT))),
        ("not order.amount is missing", Not(IsMissing(AMOUNT))),
        ("order.amount / order.lines is missing", IsMissing(Arithmetic("/", AMOUNT, LINES))),
        ("default(order.lines, 0) > 1", Comparison(">", Default(LINES, number(0)), number(1))),
        (
            "1 < order.lines <= 9",
            AllOf((Comparison("<", number(1), LINES), Comparison("<=", LINES, number(9)))),
        ),
        (
            "\n  order.lines > 1 # many\r\n and buyer.is_guest ",
            AllOf((Comparison(">", LINES, number(1)), GUEST)),
        ),
    ],
)
def test_a_text_becomes_this_tree(text: str, tree: Node) -> None:
    assert read(text) == tree


@PATIENT
@given(conditions)
def test_every_tree_can_be_written_and_is_read_back(tree: Node) -> None:
    text = render(tree)
    assume(len(text) <= MAX_LENGTH)
    assert read(text) == tree


def test_fields_are_listed_once_in_order_of_appearance() -> None:
    expression = parse("order.lines > 1 and (buyer.is_guest or order.lines < order.amount)", SCHEMA)
    assert [used.name for used in expression.fields] == ["order.lines", "buyer.is_guest", "order.amount"]


def test_probes_are_listed_once_and_their_fields_are_used() -> None:
    text = """order.device in list('blocked_devices') or similar(ip, list("watchlist")) > 0.9
        or lower(ip) in list('watchlist') or not order.device in list("blocked_devices")"""
    expression = parse(text, SCHEMA, LISTS)
    assert [probe.name for probe in expression.probes] == [
        'order.device in list("blocked_devices")',
        'similar(ip, list("watchlist"))',
        'lower(ip) in list("watchlist")',
    ]
    assert [(probe.field.name, probe.is_lowered, probe.type) for probe in expression.probes] == [
        ("order.device", False, FieldType.BOOL),
        ("ip", False, FieldType.NUMBER),
        ("ip", True, FieldType.BOOL),
    ]
    assert [used.name for used in expression.fields] == ["order.device", "ip"]


def test_no_list_is_known_unless_it_is_declared() -> None:
    with pytest.raises(ExpressionError, match="Unknown list 'watchlist'"):
        parse("ip in list('watchlist')", SCHEMA)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("order.amount * 2", FieldType.NUMBER),
        ("lower(ip)", FieldType.TEXT),
        ("order.placed_at", FieldType.MOMENT),
        ("order.amount > 5", FieldType.BOOL),
        ("similar(ip, list('watchlist'))", FieldType.NUMBER),
    ],
)
def test_a_value_may_be_of_any_type(text: str, type_: FieldType) -> None:
    assert parse_value(text, SCHEMA, LISTS).root.type is type_


def test_a_value_is_no_identifier() -> None:
    with pytest.raises(ExpressionError, match="is an identifier"):
        parse_value("order.device", SCHEMA)


def test_the_largest_condition_is_still_read() -> None:
    text = " or ".join(["order.amount > 10000"] * 160)
    assert len(text) < MAX_LENGTH
    assert len(parse(text, SCHEMA, LISTS).fields) == 1


TOKENS = [
    "order.amount",
    "buyer.is_guest",
    "ip",
    "order",
    ".",
    "missing",
    "is",
    "not",
    "in",
    "and",
    "or",
    "default",
    "(",
]
TOKENS += [
    ")",
    "[",
    "]",
    ",",
    "<",
    "==",
    "=",
    "-",
    "/",
    "1",
    "0.5",
    "'a'",
    '"',
    "'",
    "true",
    "#",
    "\n",
    "\r",
    ":=",
    "*",
]
TOKENS += ["lambda", ":", "if", "else", "{", "}", "f'", "\\", "é", "\t", "\f", "\x00", *keyword.kwlist]


@pytest.mark.filterwarnings("error")
@PATIENT
@given(st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_gives_a_condition_or_a_refusal_inside_the_text(text: str) -> None:
    try:
        root: Node = parse(text, SCHEMA, LISTS).root
    except ExpressionError as error:
        offset, length = error.offset, error.length
    else:
        offset, length = 0, len(text)
        assert root.type is FieldType.BOOL
    assert 0 <= offset <= offset + length <= len(text)


@pytest.mark.parametrize(
    "name", ["", "Order.amount", "order.", "order.if", "order-amount", "missing", "list", "1st", "a b"]
)
def test_a_field_name_must_be_writable_in_a_condition(name: str) -> None:
    with pytest.raises(ValueError, match=r"field name|keyword"):
        Field(name, FieldType.NUMBER)


def test_a_field_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Schema("order", (Field("ip", FieldType.TEXT), Field("ip", FieldType.NUMBER)))


@pytest.mark.parametrize("unit", ["", "text"])
def test_an_identifier_says_of_which_kind_it_is(unit: str) -> None:
    with pytest.raises(ValueError, match="of which kind"):
        Field("order.device", FieldType.KEY, unit)
