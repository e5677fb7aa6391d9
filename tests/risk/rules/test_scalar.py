"""The generated function answers as the oracle does, reads each fact once, and isolates failures."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.rules.expression import MAX_DEPTH, Expression, ExpressionError, parse
from risk.rules.scalar import compile_conditions
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
