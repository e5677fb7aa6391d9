"""The generated function answers as the oracle does, reads each fact once, and isolates failures."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.rules.expression import MAX_DEPTH, Expression, ExpressionError, parse, parse_value
from risk.rules.scalar import compile_conditions, compile_values
from risk.rules.schema import FieldType
from risk.rules.tree import Comparison, Literal, Node
from tests.risk.rules.oracle import interpret
from tests.risk.rules.trees import LISTS, PATIENT, SCHEMA, conditions, rows

TRUE, FALSE, MISSING = True, False, None


def judge(text: str, facts: Mapping[str, object]) -> bool | None:
    misfits: dict[str, str] = {}
    failures: dict[str, str] = {}
    result = compile_conditions({"R": parse(text, SCHEMA, LISTS)})(facts, misfits, failures)["R"]
    assert (misfits, failures) == ({}, {})
    return result


@PATIENT
@given(st.lists(conditions, min_size=1, max_size=4), rows)
def test_random_trees_on_random_rows_answer_as_the_oracle(
    trees: list[Node], facts: dict[str, object]
) -> None:
    judge_all = compile_conditions({f"R-{n}": Expression("", tree) for n, tree in enumerate(trees)})
    failures: dict[str, str] = {}
    results = judge_all(facts, {}, failures)
    assert failures == {}
    for result, tree in zip(results.values(), trees, strict=True):
        assert result is interpret(tree, facts)


@pytest.mark.parametrize(
    ("left", "right", "conjunction", "disjunction"),
    [
        (TRUE, TRUE, TRUE, TRUE),
        (TRUE, FALSE, FALSE, TRUE),
        (TRUE, MISSING, MISSING, TRUE),
        (FALSE, FALSE, FALSE, FALSE),
        (FALSE, MISSING, FALSE, MISSING),
        (MISSING, MISSING, MISSING, MISSING),
    ],
)
def test_and_and_or_follow_kleene_in_both_orders(
    left: bool | None, right: bool | None, conjunction: bool | None, disjunction: bool | None
) -> None:
    for first, second in ((left, right), (right, left)):
        facts = {"buyer.is_guest": first, "order.is_gift": second}
        assert judge("buyer.is_guest and order.is_gift", facts) is conjunction
        assert judge("buyer.is_guest or order.is_gift", facts) is disjunction


@pytest.mark.parametrize(
    "absent", [{}, {"order.amount": None}, {"order.amount": math.nan}, {"order.amount": np.nan}]
)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order.amount > 5", MISSING),
        ("not order.amount > 5", MISSING),
        ("order.amount == order.amount", MISSING),
        ("order.amount != 5", MISSING),
        ("order.amount in [5]", MISSING),
        ("order.amount not in [5]", MISSING),
        ("1 < order.amount < 5", MISSING),
        ("order.amount + 1 > 5", MISSING),
        ("order.amount * 0 == 0", MISSING),
        ("order.amount is missing", TRUE),
        ("order.amount is not missing", FALSE),
        ("(order.amount > 5) is missing", TRUE),
        ("default(order.amount, 9) > 5", TRUE),
        ("default(order.amount > 5, false)", FALSE),
        ("default(order.amount, order.lines) > 5", MISSING),
    ],
)
def test_absence_is_missing_and_never_false(
    text: str, expected: bool | None, absent: dict[str, object]
) -> None:
    assert judge(text, absent) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order.amount / 0 > 1", MISSING),
        ("order.amount / 0 is missing", TRUE),
        ("order.amount / -0.0 is missing", TRUE),
        ("1e308 * order.amount is missing", TRUE),
        ("1e308 + 1e308 > order.amount", MISSING),
        ("order.amount / 4 == 2.5", TRUE),
        ("order.amount - 2 * 3 == 4", TRUE),
        ("-order.amount < 0", TRUE),
        ("0.1 + 0.2 == 0.3", FALSE),
    ],
)
def test_arithmetic_is_in_doubles_and_always_defined(text: str, expected: bool | None) -> None:
    assert judge(text, {"order.amount": 10}) is expected


def test_an_integer_beyond_double_precision_is_rounded_like_a_column() -> None:
    assert judge("order.amount == 9007199254740992", {"order.amount": 2**53 + 1}) is True


def test_texts_are_compared_by_code_point() -> None:
    assert judge("ip == 'é'", {"ip": "e\u0301"}) is False
    assert judge("ip in ['中国', '🦊']", {"ip": "🦊"}) is True


def test_moments_are_compared_across_time_zones() -> None:
    facts = {
        "order.placed_at": datetime(2026, 11, 22, 8, tzinfo=UTC),
        "buyer.signup_at": datetime.fromisoformat("2026-11-22T16:00:00+08:00"),
    }
    assert judge("order.placed_at == buyer.signup_at", facts) is True
    assert judge("order.placed_at < buyer.signup_at", facts) is False


PLACED = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("contains(ip, 'b')", TRUE),
        ("contains(ip, 'B')", FALSE),
        ("contains(ip, '')", TRUE),
        ("contains(lower('ÄB'), 'ä')", TRUE),
        ("starts(ip, 'ab')", TRUE),
        ("ends(ip, 'ab')", FALSE),
        ("ends(ip, ip)", TRUE),
        (r"matches(ip, '^\w{3}$')", TRUE),
        ("lower(order.shipping_country) == 'de'", TRUE),
        ("abs(order.amount) == 2.5", TRUE),
        ("round(order.amount) == -2", TRUE),
        ("round(3.5) == 4", TRUE),
        ("min(order.amount, 3, order.lines) == -2.5", TRUE),
        ("max(order.amount, 3, order.lines) == 3", TRUE),
        ("max(order.amount, device.buyers_7d) > 0", MISSING),
        ("min(order.amount, device.buyers_7d) is missing", TRUE),
        ("hour(order.placed_at) == 23", TRUE),
        ("weekday(order.placed_at) == 3", TRUE),
        ("hours_between(order.placed_at, buyer.signup_at) == 1.5", TRUE),
        ("hours_between(buyer.signup_at, order.placed_at) == 1.5", TRUE),
        ("days_between(order.placed_at, date('2026-11-25')) == 1.9791666666666667", TRUE),
        ("order.placed_at > date('2026-11-26')", TRUE),
        ("buyer.signup_at in [date('2026-11-26'), date('2026-11-27')]", FALSE),
        ("order.device is missing", FALSE),
        ("order.device in list('blocked_devices')", TRUE),
        ("similar(ip, list('watchlist')) >= 0.92", TRUE),
        ("ip in list('watchlist')", MISSING),
        ("lower(ip) not in list('watchlist')", MISSING),
    ],
)
def test_functions_and_lists_give_this(text: str, expected: bool | None) -> None:
    facts = {
        "ip": "abc",
        "order.shipping_country": "DE",
        "order.amount": -2.5,
        "order.lines": 1,
        "order.placed_at": PLACED,
        "buyer.signup_at": PLACED.astimezone(timezone(timedelta(hours=-9))) - timedelta(minutes=90),
        "order.device": -(2**63),
        'order.device in list("blocked_devices")': True,
        'similar(ip, list("watchlist"))': 0.95,
    }
    assert judge(text, facts) is expected


@pytest.mark.parametrize(
    "text",
    [
        "contains(ip, 'a')",
        "contains('a', ip)",
        "matches(ip, 'a')",
        "lower(ip) == 'a'",
        "abs(order.amount) > 1",
        "max(order.amount, 1) > 0",
        "hour(order.placed_at) > 1",
        "days_between(order.placed_at, date('2026-01-01')) > 1",
        "order.device in list('blocked_devices')",
        "order.device not in list('blocked_devices')",
    ],
)
def test_a_function_of_what_is_missing_is_missing(text: str) -> None:
    assert judge(text, {}) is MISSING
    assert judge(f"({text}) is missing", {}) is TRUE


def test_a_moment_is_read_in_utc_wherever_it_was_taken() -> None:
    tokyo = PLACED.astimezone(timezone(timedelta(hours=9)))
    assert judge("hour(order.placed_at) == 23 and weekday(order.placed_at) == 3", {"order.placed_at": tokyo})


EAST, WEST = timezone(timedelta(hours=9)), timezone(timedelta(hours=-9))


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST)])
def test_a_moment_that_utc_cannot_hold_is_a_misfit(edge: datetime) -> None:
    misfits: dict[str, str] = {}
    judge_one = compile_conditions({"R": parse("hour(order.placed_at) >= 0", SCHEMA)})
    assert judge_one({"order.placed_at": edge}, misfits, {}) == {"R": None}
    assert misfits == {"order.placed_at": "Expected a moment, got an unfit datetime."}


def test_values_are_derived_with_their_types() -> None:
    texts = ["order.amount / 4", "lower(ip)", "order.placed_at", "ip == 'A'", "order.lines + 1"]
    derive = compile_values({text: parse_value(text, SCHEMA) for text in texts})
    derived = derive({"order.amount": 10, "ip": "A", "order.placed_at": PLACED}, {}, {})
    assert list(derived.values()) == [2.5, "a", PLACED, True, None]


def test_what_a_list_is_asked_about_is_not_read_by_the_rules() -> None:
    misfits: dict[str, str] = {}
    text = "order.device in list('blocked_devices')"
    judge_one = compile_conditions({"R": parse(text, SCHEMA, LISTS)})
    assert judge_one({"order.device": "not a key"}, misfits, {}) == {"R": None}
    assert misfits == {}


@pytest.mark.parametrize("fact", [10, 10.0, np.float64(10), np.float32(10), np.int64(10), Fraction(10)])
def test_every_kind_of_number_gives_a_plain_bool(fact: object) -> None:
    assert judge("order.amount == 10", {"order.amount": fact}) is True


@pytest.mark.parametrize(
    ("name", "fact", "sentence"),
    [
        ("order.amount", "10", "Expected a number, got an unfit str."),
        ("order.amount", True, "Expected a number, got an unfit bool."),
        ("order.amount", 10**400, "Expected a number, got an unfit int."),
        ("buyer.is_guest", 1, "Expected true or false, got an unfit int."),
        ("ip", b"1.2.3.4", "Expected a text, got an unfit bytes."),
        ("order.placed_at", datetime(2026, 11, 22), "Expected a moment, got an unfit datetime."),  # noqa: DTZ001
        ("order.placed_at", 1.5, "Expected a moment, got an unfit float."),
        ("order.device", "ab12", "Expected an identifier, got an unfit str."),
        ("order.device", True, "Expected an identifier, got an unfit bool."),
        ("order.device", 2**63, "Expected an identifier, got an unfit int."),
    ],
)
def test_a_fact_of_the_wrong_type_is_missing_and_noted(name: str, fact: object, sentence: str) -> None:
    misfits: dict[str, str] = {}
    results = compile_conditions({"R": parse(f"{name} is missing", SCHEMA)})({name: fact}, misfits, {})
    assert results == {"R": True}
    assert misfits == {name: sentence}


def test_a_text_of_a_subclass_runs_none_of_its_code() -> None:
    class Hostile(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            raise AssertionError("called")

        __hash__ = str.__hash__

    assert judge("ip == 'a'", {"ip": Hostile("a")}) is True


def test_each_fact_is_read_once_and_unused_facts_are_not() -> None:
    class CountedFacts(Mapping[str, object]):
        def __init__(self) -> None:
            self.asked: list[str] = []

        def __getitem__(self, name: str) -> object:
            self.asked.append(name)
            return 1.0

        def __iter__(self) -> Iterator[str]:
            return iter(())

        def __len__(self) -> int:
            return 0

    facts = CountedFacts()
    texts = ["order.amount > 1 or order.amount < 0", "1 < order.amount < order.lines"]
    judge_both = compile_conditions({text: parse(text, SCHEMA, LISTS) for text in texts})
    judge_both(facts, {}, {})
    assert facts.asked == ["order.amount", "order.lines"]


def test_a_condition_that_raises_leaves_the_others_standing() -> None:
    ill_typed = Comparison("<", Literal("a", FieldType.TEXT), Literal(1.0, FieldType.NUMBER))
    sound = parse("order.amount > 1", SCHEMA)
    failures: dict[str, str] = {}
    judge_all = compile_conditions({"R-1": sound, "R-2": Expression("", ill_typed), "R-3": sound})
    assert judge_all({"order.amount": 2}, {}, failures) == {"R-1": True, "R-2": None, "R-3": True}
    assert failures == {"R-2": "TypeError"}


def test_the_deepest_condition_that_is_read_also_compiles() -> None:
    depth = MAX_DEPTH - 4  # the comparison, its field's two names, and Python's note on the access
    assert judge("(not " * depth + "order.amount > 1" + ")" * depth, {"order.amount": 2}) is True
    with pytest.raises(ExpressionError, match="nested more than"):
        judge("(not " * (depth + 1) + "order.amount > 1" + ")" * (depth + 1), {})


def test_codes_and_texts_are_constants_whatever_they_hold() -> None:
    code = "'); import os; ('"
    text = "x if 1 else __import__"
    results = compile_conditions({code: parse(f"ip == '{text}'", SCHEMA)})({"ip": text}, {}, {})
    assert results == {code: True}


def test_no_conditions_give_no_results() -> None:
    assert compile_conditions({})({"order.amount": 1}, {}, {}) == {}
