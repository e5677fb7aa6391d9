"""Runs conditions, or values to derive, over history: one Polars expression for each tree.

Every answer is the one that risk.rules.scalar gives for the row. Polars computes all expressions
of a frame in one pass on all cores. What its engine would compute differently from Python, patterns
and lower case, is computed by the same code as for one decision, once for each distinct text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import and_, or_

import polars as pl

from risk.rules.expression import Expression
from risk.rules.patterns import compile_pattern
from risk.rules.scalar import compile_values
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
    walk,
)

DTYPES: Mapping[FieldType, pl.DataType] = {
    FieldType.NUMBER: pl.Float64(),
    FieldType.BOOL: pl.Boolean(),
    FieldType.TEXT: pl.String(),
    FieldType.MOMENT: pl.Datetime("us", "UTC"),
    FieldType.KEY: pl.Int64(),
}
# Rows at a time: enough to keep every core busy, and few enough that the copies without NaN stay small.
_BATCH_ROWS = 1_000_000
# Texts are numbered where they repeat, and where more is asked of them than finding the distinct ones costs.
_LARGEST_DISTINCT_SHARE = 0.25
_FEWEST_QUESTIONS = 4
# Up to so many choices are compared one by one: Polars' own search costs three times as much where many rows
# have one of them (3 ms instead of 0.8 for three of seven countries in 250,000 rows).
_FEW_CHOICES = 4
_PYTHON = {"lower", "matches"}  # what Polars would compute differently
_ONE = "one"  # a column of ones

_Operator = Callable[[pl.Expr, pl.Expr], pl.Expr]


@dataclass(frozen=True, eq=False)
class ColumnJudge:
    """Conditions, or values to derive, ready to run over frames. It never changes; threads may share it.

    inputs     the columns that it looks for: fields, and probes by their names
    _on_text   text field → the largest parts of the trees that depend on it alone
    """

    expressions: Mapping[str, Expression]
    inputs: tuple[Reference | Probe, ...]
    _on_text: Mapping[Reference, tuple[Node, ...]]

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return one column per expression, by its code; null is missing.

        frame   one column per field or probe by its name, in DTYPES; NaN and null are missing, and
                so is a column that is not there. TypeError if one holds something else.
        """
        batches = frame.iter_slices(_BATCH_ROWS) if frame.height > _BATCH_ROWS else (frame,)
        return pl.concat(self._judge(batch) for batch in batches)

    def _judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        columns = {node: f"x{number}" for number, node in enumerate(self.inputs)}
        schema = frame.schema  # made anew by every call
        prepared = frame.select(
            # Not a literal: it keeps the height where no input is there, and stays a column when it divides.
            pl.int_range(pl.len()).ge(0).cast(pl.Float64).alias(_ONE),
            *(_prepared(schema, node).alias(name) for node, name in columns.items()),
        )
        known: dict[Node, pl.Expr] = {node: pl.col(name) for node, name in columns.items()}
        asked = {columns[text]: nodes for text, nodes in self._on_text.items()}
        prepared, found = _answer_by_distinct(prepared, asked)
        roots = [expression.root for expression in self.expressions.values()]
        answered = _compute(prepared, known | found, roots)
        return answered.rename(dict(zip(answered.columns, self.expressions, strict=True)))


def compile_columns(expressions: Mapping[str, Expression]) -> ColumnJudge:
    """Return what judges whole frames, by rule code or name; see `risk.rules.scalar` for one subject."""
    roots = [expression.root for expression in expressions.values()]
    asked: dict[Reference, dict[Node, None]] = {}
    for text, node in (pair for root in roots for pair in _on_one_text(root)):
        asked.setdefault(text, {})[node] = None
    return ColumnJudge(
        expressions=dict(expressions),
        inputs=tuple(dict.fromkeys(node for root in roots for node in inputs(root))),
        _on_text={text: tuple(nodes) for text, nodes in asked.items() if _is_worthwhile(nodes)},
    )


def name_of(node: Reference | Probe) -> str:
    """Return the column that the node reads."""
    return node.field.name if isinstance(node, Reference) else node.name


def _prepared(schema: pl.Schema, node: Reference | Probe) -> pl.Expr:
    """Return the column as the language knows it, or a missing one."""
    name, wanted = name_of(node), DTYPES[node.type]
    found = schema.get(name, pl.Null())
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


def _on_one_text(node: Node) -> Iterator[tuple[Reference, Node]]:
    """Yield the largest parts of a tree that depend on one text field alone, with the field."""
    if isinstance(node, Reference | Probe):
        return
    match tuple(set(inputs(node))):
        case (Reference() as only,) if only.type is FieldType.TEXT:
            yield only, node
        case _:
            for child in children(node):
                yield from _on_one_text(child)


def _is_worthwhile(nodes: Iterable[Node]) -> bool:
    several = list(nodes)
    slow = any(isinstance(part, Call) and part.function in _PYTHON for node in several for part in walk(node))
    return slow or len(several) >= _FEWEST_QUESTIONS


def _answer_by_distinct(
    frame: pl.DataFrame, asked: Mapping[str, Sequence[Node]]
) -> tuple[pl.DataFrame, dict[Node, pl.Expr]]:
    """Answer what is asked of text columns once for each distinct text, where texts repeat.

    Returns the frame with a number for each row's text, and what takes the answers by these numbers.
    """
    if not asked:
        return frame, {}
    distinct = {
        name: texts.item()
        for name, texts in frame.select(pl.col(name).drop_nulls().unique().implode() for name in asked)
        .to_dict()
        .items()
        if len(texts.item()) <= _LARGEST_DISTINCT_SHARE * frame.height
    }
    numbered = frame.with_columns(
        pl.col(name).cast(pl.Enum(texts)).to_physical().fill_null(len(texts)).alias(f"{name}_number")
        for name, texts in distinct.items()
    )
    found: dict[Node, pl.Expr] = {}
    for name, known in distinct.items():
        nodes = asked[name]
        texts = pl.DataFrame({name: pl.concat([known, pl.Series([None], dtype=pl.String)])})
        (text,) = {part for node in nodes for part in inputs(node)}
        answers = _compute(texts, {text: pl.col(name)}, nodes)
        number = pl.col(f"{name}_number")
        found |= {node: pl.lit(answer).gather(number) for node, answer in zip(nodes, answers, strict=True)}
    return numbered, found


def _compute(frame: pl.DataFrame, known: Mapping[Node, pl.Expr], nodes: Sequence[Node]) -> pl.DataFrame:
    """Return one column for each node, in one pass over the frame."""
    builder = _Builder(known)
    results = {f"r{number}": builder.build(node) for number, node in enumerate(nodes)}
    lazy = frame.lazy()
    for computed in builder.stages:
        lazy = lazy.with_columns(**computed)
    # Not select() alone: a literal would give one row instead of all.
    return lazy.with_columns(**results).select(list(results)).collect()


class _Builder:
    """Turns trees into Polars expressions, given those of the nodes that are known.

    stages   columns that Python computes first, in this order; those of one stage need none of each other
    """

    def __init__(self, known: Mapping[Node, pl.Expr]) -> None:
        self.stages: list[dict[str, pl.Expr]] = []
        self._built = dict(known)
        self._stage_of: dict[Node, int] = {}

    def build(self, node: Node) -> pl.Expr:
        if node not in self._built:
            self._built[node] = self._build(node) if any(inputs(node)) else _constant(node)
        return self._built[node]

    def _build(self, node: Node) -> pl.Expr:
        parts = [self.build(child) for child in children(node)]
        match node:
            case Not():
                return ~parts[0]
            case AllOf() | AnyOf():
                return _joined(and_ if isinstance(node, AllOf) else or_, parts)
            case Comparison(sign):
                return _COMPARED[sign](*parts)
            case Membership(operand, choices):
                return _among(parts[0], pl.Series(choices, dtype=DTYPES[operand.type]))
            case IsMissing():
                return parts[0].is_null()
            case Default():
                return pl.coalesce(*parts)
            case Arithmetic(sign):
                number = self._held(node, _CALCULATED[sign](*parts))
                return pl.when(number.is_finite()).then(number)
            case Call():
                return self._called(node, parts)
        raise AssertionError(node)  # an input: its column is there from the beginning

    def _called(self, node: Call, parts: list[pl.Expr]) -> pl.Expr:
        if node.function in _PYTHON:
            dtype, compute = DTYPES[node.type], _python_of(node)
            by_distinct = partial(_map_distinct, compute=compute, dtype=dtype)
            return self._held(node, parts[0].map_batches(by_distinct, return_dtype=dtype))
        return self._held(node, _CALLED[node.function](*parts))

    def _held(self, node: Node, computed: pl.Expr) -> pl.Expr:
        """Compute the node before what needs it, once, and return its column.

        An expression that names an operand twice would double with every level of nesting.
        """
        stage = max((self._stage_of[part] + 1 for part in walk(node) if part in self._stage_of), default=0)
        self._stage_of[node] = stage
        if stage == len(self.stages):
            self.stages.append({})
        name = f"c{len(self._stage_of)}"
        self.stages[stage][name] = computed
        return pl.col(name)


def _python_of(node: Call) -> Callable[[str], object]:
    """Return what computes the node for one decision."""
    if node.function == "lower":
        return str.lower
    pattern = node.operands[1]
    assert isinstance(pattern, Literal)
    return compile_pattern(str(pattern.value))


def _among(operand: pl.Expr, choices: pl.Series) -> pl.Expr:
    if len(choices) <= _FEW_CHOICES:
        return _joined(or_, [operand == choice for choice in choices])
    return operand.is_in(choices.implode())


def _joined(join: _Operator, parts: Sequence[pl.Expr]) -> pl.Expr:
    """Join by halves: Polars takes minutes over hundreds of parts nested in one another."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return join(_joined(join, parts[:middle]), _joined(join, parts[middle:]))


def _map_distinct(column: pl.Series, *, compute: Callable[[str], object], dtype: pl.DataType) -> pl.Series:
    distinct = column.unique(maintain_order=True)
    answers = pl.Series([None if text is None else compute(text) for text in distinct.to_list()], dtype=dtype)
    if len(distinct) == len(column):
        return answers
    return column.replace_strict(distinct, answers, return_dtype=dtype)


def _constant(node: Node) -> pl.Expr:
    """Return what depends on no input, computed as it is for one decision."""
    if isinstance(node, Literal):
        return pl.lit(node.value, dtype=DTYPES[node.type])
    value = compile_values({"": Expression("", node)})({}, {}, {})[""]
    return pl.lit(value, dtype=DTYPES[node.type])


def _least(*numbers: pl.Expr) -> pl.Expr:
    # Of itself min_horizontal() passes over what is missing.
    return pl.when(_none_missing(numbers)).then(pl.min_horizontal(*numbers))


def _greatest(*numbers: pl.Expr) -> pl.Expr:
    return pl.when(_none_missing(numbers)).then(pl.max_horizontal(*numbers))


def _none_missing(numbers: Sequence[pl.Expr]) -> pl.Expr:
    return _joined(and_, [number.is_not_null() for number in numbers])


def _divided(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    # By a scalar Polars would multiply with the reciprocal, whose last bit may differ: it gets a column.
    return left / (right * pl.col(_ONE))


def _span(microseconds: float) -> Callable[[pl.Expr, pl.Expr], pl.Expr]:
    def between(left: pl.Expr, right: pl.Expr) -> pl.Expr:
        span = (left - right).dt.total_microseconds().abs().cast(pl.Float64)
        return _divided(span, pl.lit(microseconds))

    return between


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
    "/": _divided,
}
_CALLED: Mapping[str, Callable[..., pl.Expr]] = {
    "contains": lambda text, part: text.str.contains(part, literal=True),
    "starts": lambda text, part: text.str.starts_with(part),
    "ends": lambda text, part: text.str.ends_with(part),
    "abs": lambda number: number.abs(),
    "round": lambda number: number.round(0, mode="half_to_even"),
    "min": _least,
    "max": _greatest,
    "hour": lambda moment: moment.dt.hour().cast(pl.Float64),
    "weekday": lambda moment: moment.dt.weekday().cast(pl.Float64) - 1,
    "hours_between": _span(3_600_000_000.0),
    "days_between": _span(86_400_000_000.0),
}
