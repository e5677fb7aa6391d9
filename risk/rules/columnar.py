"""Runs conditions, or values to derive, over history: one Polars expression for each tree.

Every answer is the one that risk.rules.scalar gives for the row. Polars computes all expressions
of a frame in one pass on all cores. What its engine would compute differently from Python, patterns
and lower case, is computed by the same code as for one decision, once for each distinct text.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from risk.rules import values
from risk.rules.expression import Expression
from risk.rules.patterns import compile_pattern
from risk.rules.schema import FieldType
from risk.rules.tree import (
    AllOf,
    AnyOf,
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
    children,
    inputs,
)

DTYPES: Mapping[FieldType, pl.DataType] = {
    FieldType.NUMBER: pl.Float64(),
    FieldType.BOOL: pl.Boolean(),
    FieldType.TEXT: pl.String(),
    FieldType.MOMENT: pl.Datetime("us", "UTC"),
    FieldType.KEY: pl.Int64(),
}
# Rows at a time: enough to keep every core busy, and few enough that the copies without NaN stay small.
_BATCH_ROWS = 250_000
_ROW = "row"


@dataclass(frozen=True, eq=False)
class ColumnJudge:
    """Conditions, or values to derive, ready to run over frames. It never changes; threads may share it.

    inputs   the columns that it looks for: fields, and probes by their names
    """

    expressions: Mapping[str, Expression]
    inputs: tuple[Reference | Probe, ...]

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return one column per expression, by its code; null is missing.

        frame   one column per field or probe by its name, in DTYPES; NaN and null are missing, and
                so is a column that is not there. TypeError if one holds something else.
        """
        batches = frame.iter_slices(_BATCH_ROWS) if frame.height > _BATCH_ROWS else (frame,)
        return pl.concat(self._judge(batch) for batch in batches)

    def _judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        builder = _Builder({node: f"x{number}" for number, node in enumerate(self.inputs)})
        columns = [_prepared(frame, node).alias(name) for node, name in builder.names.items()]
        results = {
            f"r{number}": builder.build(expression.root)
            for number, expression in enumerate(self.expressions.values())
        }
        prepared = frame.lazy().select(pl.int_range(pl.len()).alias(_ROW), *columns)
        for computed in builder.stages:
            prepared = prepared.with_columns(**computed)
        # Not select(): a literal alone would give one row instead of all.
        answered = prepared.with_columns(**results).select(list(results)).collect()
        return answered.rename(dict(zip(results, self.expressions, strict=True)))


def compile_columns(expressions: Mapping[str, Expression]) -> ColumnJudge:
    """Return what judges whole frames, by rule code or name; see `risk.rules.scalar` for one subject."""
    roots = [expression.root for expression in expressions.values()]
    return ColumnJudge(
        dict(expressions), tuple(dict.fromkeys(node for root in roots for node in inputs(root)))
    )


def name_of(node: Reference | Probe) -> str:
    """Return the column that the node reads."""
    return node.field.name if isinstance(node, Reference) else node.name


def _prepared(frame: pl.DataFrame, node: Reference | Probe) -> pl.Expr:
    """Return the column as the language knows it, or a missing one."""
    name, wanted = name_of(node), DTYPES[node.type]
    found = frame.schema.get(name, pl.Null())
    if found == pl.Null():
        return pl.lit(None, dtype=wanted)
    if not _fits(found, node.type):
        raise TypeError(f"The column {name!r} holds {found}, where {node.type.phrase} is needed.")
    column = pl.col(name) if found == wanted else pl.col(name).cast(wanted)
    return column.fill_nan(None) if node.type is FieldType.NUMBER else column


def _fits(found: pl.DataType, type_: FieldType) -> bool:
    match type_:
        case FieldType.NUMBER:
            return found.is_numeric()
        case FieldType.TEXT:
            return found == pl.String or isinstance(found, pl.Categorical | pl.Enum)
        case FieldType.MOMENT:
            return isinstance(found, pl.Datetime) and found.time_zone is not None
        case FieldType.KEY:
            return found.is_integer()
    return found == pl.Boolean


class _Builder:
    """Turns trees into Polars expressions over the columns that `names` gives to their inputs.

    stages   columns that Python computes first, in this order; those of one stage need none of each other
    """

    def __init__(self, names: Mapping[Reference | Probe, str]) -> None:
        self.names = names
        self.stages: list[dict[str, pl.Expr]] = []
        self._built: dict[Node, pl.Expr] = {node: pl.col(name) for node, name in names.items()}
        self._stage_of: dict[Node, int] = {}

    def build(self, node: Node) -> pl.Expr:
        if node not in self._built:
            self._built[node] = self._build(node)
        return self._built[node]

    def _build(self, node: Node) -> pl.Expr:
        parts = [self.build(child) for child in children(node)]
        match node:
            case Literal(value):
                return pl.lit(value, dtype=DTYPES[node.type])
            case Not():
                return ~parts[0]
            case AllOf() | AnyOf():
                return reduce(and_ if isinstance(node, AllOf) else or_, parts)
            case Comparison(sign):
                return _COMPARED[sign](*parts)
            case Membership(operand, choices):
                return parts[0].is_in(pl.Series(choices, dtype=DTYPES[operand.type]).implode())
            case IsMissing():
                return parts[0].is_null()
            case Default():
                return pl.coalesce(*parts)
            case Arithmetic(sign):
                return _finite(_CALCULATED[sign](*parts))
            case Call():
                return self._called(node, parts)
        raise AssertionError(node)  # an input: its column is there from the beginning

    def _called(self, node: Call, parts: list[pl.Expr]) -> pl.Expr:
        if all(isinstance(operand, Literal) for operand in node.operands):
            return pl.lit(_computed(node), dtype=DTYPES[node.type])
        if node.function == "matches":
            return self._by_distinct(node, parts[0], compile_pattern(_text(node.operands[1])))
        if node.function == "lower":
            return self._by_distinct(node, parts[0], str.lower)
        return _CALLED[node.function](*parts)

    def _by_distinct(self, node: Call, operand: pl.Expr, compute: Callable[[str], object]) -> pl.Expr:
        """Compute the node before the rest, by the engine that serves one decision."""
        stage = max(
            (self._stage_of[below] + 1 for below in _below(node) if below in self._stage_of), default=0
        )
        self._stage_of[node] = stage
        if stage == len(self.stages):
            self.stages.append({})
        name = f"c{len(self._stage_of)}"
        dtype = DTYPES[node.type]
        self.stages[stage][name] = operand.map_batches(
            lambda column: _map_distinct(column, compute, dtype), return_dtype=dtype
        )
        return pl.col(name)


def _map_distinct(column: pl.Series, compute: Callable[[str], object], dtype: pl.DataType) -> pl.Series:
    distinct = column.drop_nulls().unique()
    answers = pl.Series(map(compute, distinct.to_list()), dtype=dtype)
    return column.replace_strict(distinct, answers, default=None, return_dtype=dtype)


def _below(node: Node) -> Iterable[Node]:
    for child in children(node):
        yield child
        yield from _below(child)


def _text(node: Node) -> str:
    assert isinstance(node, Literal)
    return str(node.value)


def _computed(node: Call) -> Any:
    """Compute a function of literals."""
    operands = [operand.value for operand in node.operands if isinstance(operand, Literal)]
    if node.function == "matches":
        return compile_pattern(str(operands[1]))(str(operands[0]))
    return values.COMPUTED[node.function](*operands)


def _finite(number: pl.Expr) -> pl.Expr:
    return pl.when(number.is_finite()).then(number)


def _extreme(*numbers: pl.Expr, is_less: bool) -> pl.Expr:
    # Not min_horizontal(): it passes over what is missing.
    def nearer(left: pl.Expr, right: pl.Expr) -> pl.Expr:
        first = left <= right if is_less else left >= right
        return pl.when(first).then(left).when(~first).then(right)

    return reduce(nearer, numbers)


def _span(microseconds: float) -> Callable[[pl.Expr, pl.Expr], pl.Expr]:
    def between(left: pl.Expr, right: pl.Expr) -> pl.Expr:
        return (left - right).dt.total_microseconds().abs().cast(pl.Float64) / microseconds

    return between


_Operator = Callable[[pl.Expr, pl.Expr], pl.Expr]
_COMPARED: Mapping[str, _Operator] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_CALCULATED: Mapping[str, _Operator] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
}
_CALLED: Mapping[str, Callable[..., pl.Expr]] = {
    "contains": lambda text, part: text.str.contains(part, literal=True),
    "starts": lambda text, part: text.str.starts_with(part),
    "ends": lambda text, part: text.str.ends_with(part),
    "abs": lambda number: number.abs(),
    "round": lambda number: number.round(0, mode="half_to_even"),
    "min": lambda *numbers: _extreme(*numbers, is_less=True),
    "max": lambda *numbers: _extreme(*numbers, is_less=False),
    "hour": lambda moment: moment.dt.hour().cast(pl.Float64),
    "weekday": lambda moment: moment.dt.weekday().cast(pl.Float64) - 1,
    "hours_between": _span(3_600_000_000.0),
    "days_between": _span(86_400_000_000.0),
}
