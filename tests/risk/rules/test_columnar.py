"""History answers as one decision does: the two backends of one tree."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from risk.rules import columnar
from risk.rules.columnar import DTYPES, compile_columns
from risk.rules.expression import MAX_LENGTH, Expression, ExpressionError, parse, parse_value
from risk.rules.scalar import compile_conditions, compile_values
from risk.rules.schema import FieldType
from risk.rules.tree import Node
from tests.risk.rules.trees import COLUMNS, LISTS, PATIENT, SCHEMA, conditions, render, rows, values


def frame_of(facts: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return the rows as columns; a number is a double there as it is for one decision."""

    def column(name: str, type_: FieldType) -> pl.Series:
        found = [row.get(name) for row in facts]
        if type_ is FieldType.NUMBER:
            found = [None if fact is None else float(fact) for fact in found]  # type: ignore[arg-type]
        return pl.Series(name, found, dtype=DTYPES[type_])

    return pl.DataFrame([column(name, type_) for name, type_ in COLUMNS.items()])


def same(left: object, right: object) -> bool:
    return left == right and type(left) is type(right)


def judge(text: str, columns: Mapping[str, Sequence[object]]) -> list[object]:
    expression = parse_value(text, SCHEMA, LISTS)
    frame = pl.DataFrame(
        [pl.Series(name, found, dtype=DTYPES[COLUMNS[name]]) for name, found in columns.items()]
    )
    return compile_columns({"R": expression}).judge(frame)["R"].to_list()


@PATIENT
@given(st.lists(conditions, min_size=1, max_size=4), st.lists(rows, min_size=1, max_size=5))
def test_random_conditions_answer_as_for_one_decision(
    trees: list[Node], facts: list[dict[str, object]]
) -> None:
    texts = [render(tree) for tree in trees]
    assume(all(len(text) <= MAX_LENGTH for text in texts))
    expressions = {f"R-{n}": parse(text, SCHEMA, LISTS) for n, text in enumerate(texts)}
    answered = compile_columns(expressions).judge(frame_of(facts)).rows(named=True)
    judge_one = compile_conditions(expressions)
    failures: dict[str, str] = {}
    assert answered == [judge_one(row, {}, failures) for row in facts]
    assert failures == {}


@PATIENT
@given(st.lists(values, min_size=1, max_size=4), st.lists(rows, min_size=1, max_size=5))
def test_random_values_are_derived_as_for_one_decision(
    trees: list[Node], facts: list[dict[str, object]]
) -> None:
    expressions = {f"V-{n}": Expression("", tree) for n, tree in enumerate(trees)}
    answered = compile_columns(expressions).judge(frame_of(facts)).rows(named=True)
    derive = compile_values(expressions)
    failures: dict[str, str] = {}
    for row, found in zip(facts, answered, strict=True):
        derived = derive(row, {}, failures)
        assert all(same(derived[name], found[name]) for name in expressions), (derived, found)
    assert failures == {}


@pytest.mark.parametrize("distinct_share", [0.0, 1.0], ids=["every text", "each distinct text"])
@settings(PATIENT, max_examples=25)
@given(trees=st.lists(conditions, min_size=4, max_size=6), facts=st.lists(rows, min_size=4, max_size=6))
def test_numbering_texts_changes_no_answer(
    distinct_share: float, trees: list[Node], facts: list[dict[str, object]]
) -> None:
    expressions = {f"R-{n}": Expression("", tree) for n, tree in enumerate(trees)}
    judge_one = compile_conditions(expressions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar, "_LARGEST_DISTINCT_SHARE", distinct_share)
        patch.setattr(columnar, "_FEWEST_QUESTIONS", 1)
        patch.setattr(columnar, "_BATCH_ROWS", 3)
        answered = compile_columns(expressions).judge(frame_of(facts)).rows(named=True)
    assert answered == [judge_one(row, {}, {}) for row in facts]


@pytest.mark.parametrize("rows", [1, 2, 1000])
@pytest.mark.parametrize(
    "text", ["order.amount / 3", "7 / order.amount", "order.amount / order.lines", "5 / 3", "(1 + 4) / 3"]
)
def test_division_is_exact_to_the_last_bit(text: str, rows: int) -> None:
    amounts, lines = [n / 7 + 1 for n in range(rows)], [n / 11 + 3 for n in range(rows)]
    derive = compile_values({"V": parse_value(text, SCHEMA)})
    expected = [
        derive({"order.amount": a, "order.lines": b}, {}, {})["V"]
        for a, b in zip(amounts, lines, strict=True)
    ]
    assert judge(text, {"order.amount": amounts, "order.lines": lines}) == expected


EXTREMES = [0.0, -0.0, 1.0, 2.0**53, 2.0**53 + 2, 5e-324, -1e308, 1e308, math.inf, -math.inf, math.nan, None]


@pytest.mark.parametrize(
    "text",
    [
        "order.amount / order.lines > 0",
        "order.amount / order.lines is missing",
        "order.amount * order.lines is missing",
        "order.amount - order.lines == 0",
        "order.amount + order.lines > 1e308",
        "order.amount == order.lines",
        "order.amount >= order.lines",
        "order.amount in [0, 9007199254740992, 1e308]",
        "order.amount in [0, 1, 9007199254740992, 1e308, -1e308]",
        "min(order.amount, order.lines) == order.lines",
        "max(order.amount, order.lines, 0) > abs(order.amount)",
        "round(order.amount) == order.amount",
        "default(order.amount / order.lines, -1) == -1",
    ],
)
def test_extreme_numbers_answer_as_for_one_decision(text: str) -> None:
    pairs = [(left, right) for left in EXTREMES for right in EXTREMES]
    answered = judge(text, {"order.amount": [a for a, _ in pairs], "order.lines": [b for _, b in pairs]})
    judge_one = compile_conditions({"R": parse(text, SCHEMA)})
    expected = [judge_one({"order.amount": a, "order.lines": b}, {}, {})["R"] for a, b in pairs]
    assert answered == expected


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(["buyer.is_guest"] * 220),
        " and ".join(["order.lines > 1"] * 200),
        " == ".join(["order.lines"] * 260),
        "order.lines" + " + order.lines" * 30 + " > 1",
        "abs(" * 30 + "order.lines" + ")" * 30 + " > 1",
        "min(1, " * 30 + "order.lines" + ")" * 30 + " > 0",
        "default(" * 30 + "order.lines" + ", 1)" * 30 + " > 1",
        "default(" * 14 + "buyer.is_guest and order.lines > 1" + " or order.is_gift, true)" * 14,
        "contains(" + "lower(" * 30 + "ip" + ")" * 30 + ", 'a')",
    ],
    ids=lambda text: f"{text[:14]}…{len(text)}",
)
def test_neither_length_nor_depth_multiplies_the_work(text: str) -> None:
    # Polars copies an operand wherever it is named: 30 levels that name one twice would never end.
    facts: list[dict[str, object]] = [{"order.lines": 2, "buyer.is_guest": False, "ip": "A"}, {}]
    expressions = {"R": parse(text, SCHEMA)}
    judge_one = compile_conditions(expressions)
    assert compile_columns(expressions).judge(frame_of(facts)).rows(named=True) == [
        judge_one(row, {}, {}) for row in facts
    ]


def test_a_column_that_is_not_there_is_missing() -> None:
    assert judge("order.lines > 1", {"ip": ["a", "b"]}) == [None, None]
    assert judge("order.lines is missing", {"ip": ["a", "b"]}) == [True, True]


def test_a_condition_of_literals_answers_for_every_row() -> None:
    assert judge("1 < 2", {"ip": ["a", None, "c"]}) == [True, True, True]
    assert judge("lower('A')", {"ip": ["a", None]}) == ["a", "a"]


def test_no_rows_and_no_conditions_give_none() -> None:
    assert judge("order.lines > 1 or matches(ip, 'a')", {"order.lines": [], "ip": []}) == []
    assert compile_columns({}).judge(pl.DataFrame({"ip": ["a"]})).width == 0


def test_answers_of_lists_are_read_by_the_names_of_probes() -> None:
    name = 'order.device in list("blocked_devices")'
    assert judge(f"not {name}", {name: [True, False, None]}) == [False, True, None]
    assert judge(name, {"order.device": [5]}) == [None]


def test_whole_numbers_and_other_moments_are_taken_for_what_they_are() -> None:
    frame = pl.DataFrame(
        {
            "order.lines": pl.Series([2**53 + 1, 3], dtype=pl.Int64),
            "order.placed_at": pl.Series(
                [datetime(2026, 1, 1, tzinfo=UTC)] * 2, dtype=pl.Datetime("ms", "UTC")
            ).dt.convert_time_zone("Asia/Shanghai"),
            "ip": pl.Series(["a", "b"], dtype=pl.Categorical),
        }
    )
    texts = ["order.lines == 9007199254740992", "hour(order.placed_at) == 0", "ip == 'a'"]
    answered = compile_columns({text: parse(text, SCHEMA) for text in texts}).judge(frame)
    assert answered.rows() == [(True, True, True), (False, True, False)]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("order.amount", ["10"]),
        ("order.amount", [True]),
        ("ip", [1]),
        ("buyer.is_guest", [1]),
        ("order.placed_at", [datetime(2026, 1, 1)]),  # noqa: DTZ001
        ("order.device", [1.5]),
    ],
)
def test_a_column_of_another_type_is_refused(name: str, column: list[object]) -> None:
    judged = compile_columns({"R": parse(f"{name} is missing", SCHEMA)})
    with pytest.raises(TypeError, match=name):
        judged.judge(pl.DataFrame({name: column}))


def test_a_moment_at_the_edge_of_time_has_an_hour_and_a_weekday() -> None:
    edges = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    assert judge("hour(order.placed_at)", {"order.placed_at": edges}) == [0.0, 23.0]
    assert judge("weekday(order.placed_at)", {"order.placed_at": edges}) == [0.0, 4.0]


def test_every_type_of_value_has_its_column() -> None:
    texts = ["order.amount", "lower(ip)", "order.placed_at", "buyer.is_guest"]
    answered = compile_columns({text: parse_value(text, SCHEMA) for text in texts}).judge(frame_of([{}]))
    assert answered.dtypes == [pl.Float64, pl.String, pl.Datetime("us", "UTC"), pl.Boolean]
    with pytest.raises(ExpressionError, match="identifier"):
        parse_value("order.device", SCHEMA)
