"""From a chunk of source rows to checked orders and lines of ours, column by column."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import polars as pl
from django.conf import settings

from core.money import exponent as decimals_of

from . import reading
from .checks import MOMENTS, TEXT_LIMITS, THEIRS, line_checks, order_checks
from .mapping import FilePart, ImportMapping, LabelPart
from .problems import find_problems, make_problems
from .sources import POSITION, ROW


@dataclass(frozen=True, eq=False)
class Conformed:
    """Good orders with their lines, and what was wrong with the others. All have POSITION."""

    orders: pl.DataFrame
    lines: pl.DataFrame
    problems: pl.DataFrame


def conform(
    orders: pl.DataFrame,
    lines: pl.DataFrame | None,
    repeated: pl.Series,
    mapping: ImportMapping,
    *,
    at: datetime,
) -> Conformed:
    """Check a chunk. An order with any problem, in itself or in a line, is left out with all its lines."""
    file, schema = mapping.orders.file, orders.schema
    theirs = orders.rename({name: THEIRS + name for name in orders.columns if name not in (ROW, POSITION)})
    read = theirs.filter(~repeated).with_columns(**_order_texts(mapping, schema))
    read = read.with_columns(exponent=reading.exponents(pl.col("currency")))
    number = mapping.orders.columns["external_id"]
    problems = [make_problems(theirs.filter(repeated), column=number, code="duplicate_id", file=file)]
    if lines is None:
        read = _with_money(read, mapping, schema).with_columns(
            line_count=pl.lit(1, pl.Int64), item_count=pl.lit(1, pl.Int64)
        )
        our_lines = _single_lines(read, mapping.lines.title)
    else:
        our_lines, bad_lines = _conform_lines(lines, read, mapping)
        problems += [bad_lines, _without_lines(read, our_lines, bad_lines, file=file)]
        read = _with_money(_with_line_sums(read, our_lines), mapping, schema)
    read = read.with_columns(**_moments_and_label(mapping, schema))
    problems.append(find_problems(read, order_checks(mapping, schema, at=at), file=file))
    found = pl.concat(problems)
    good = read.select(~pl.selectors.starts_with(THEIRS)).join(found, on=POSITION, how="anti")
    return Conformed(good, our_lines.join(good, on=POSITION, how="semi"), found)


def _without_lines(
    orders: pl.DataFrame, lines: pl.DataFrame, bad_lines: pl.DataFrame, *, file: str
) -> pl.DataFrame:
    empty = orders.join(lines, on=POSITION, how="anti").join(bad_lines, on=POSITION, how="anti")
    return make_problems(empty, column="", code="no_lines", file=file)


def _with_line_sums(orders: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Add what an order's lines come to; orders without good lines are left out, their problem is told."""
    sums = lines.group_by(POSITION).agg(
        line_count=pl.len().cast(pl.Int64),
        item_count=pl.col("quantity").sum(),
        goods_minor=(pl.col("quantity") * pl.col("unit_price_minor")).sum(),
        line_total=pl.col("total_thousandths").sum(),
        has_repeated_number=pl.col("number").is_duplicated().any(),
    )
    return orders.join(sums, on=POSITION, how="inner", maintain_order="left")


def _order_texts(mapping: ImportMapping, schema: pl.Schema) -> dict[str, pl.Expr]:
    part = mapping.orders
    texts = {
        name: _text(part, name, schema) for name in (*TEXT_LIMITS, "currency", "status", "payment_status")
    }
    if mapping.lines.split_by:
        seller = mapping.lines.split_by
        texts["merchant_ref"] = pl.lit(part.prefixes.get("merchant_ref", "")) + reading.as_text(
            pl.col(THEIRS + seller), schema[seller]
        )
    return texts


def _text(part: FilePart, name: str, schema: pl.Schema) -> pl.Expr:
    if name in part.constants:
        return pl.lit(part.constants[name])
    if name not in part.columns:
        return pl.lit(None, pl.String)
    text = reading.as_text(pl.col(THEIRS + part.columns[name]), schema[part.columns[name]])
    text = reading.recode(text, part.values.get(name, {}))
    return pl.lit(part.prefixes[name]) + text if name in part.prefixes else text


def _with_money(read: pl.DataFrame, mapping: ImportMapping, schema: pl.Schema) -> pl.DataFrame:
    """Add the total, the rate in billionths and the total in the base currency."""
    columns, exponent = mapping.orders.columns, pl.col("exponent")
    if mapping.lines.total:
        read = read.with_columns(thousandths=pl.col("line_total"))
    elif mapping.money == "major":
        read = read.with_columns(
            thousandths=reading.as_thousandths(pl.col(THEIRS + columns["total"]), schema[columns["total"]])
        )
    if mapping.money == "major" or mapping.lines.total:
        total = reading.thousandths_to_minor(pl.col("thousandths"), exponent)
    else:
        total = reading.as_whole(pl.col(THEIRS + columns["total"]), schema[columns["total"]])
    read = read.with_columns(total_minor=total, rate=_rate(mapping, schema))
    if "base_total" in columns:
        base = reading.as_whole(pl.col(THEIRS + columns["base_total"]), schema[columns["base_total"]])
    else:
        base = reading.to_base(
            pl.col("total_minor"), exponent, pl.col("rate"), decimals_of(settings.BASE_CURRENCY)
        )
    return read.with_columns(base_total_minor=base)


def _rate(mapping: ImportMapping, schema: pl.Schema) -> pl.Expr:
    column = mapping.orders.columns.get("fx_rate")
    if column:
        return reading.as_rate(pl.col(THEIRS + column), schema[column])
    rates = {settings.BASE_CURRENCY: Decimal(1), **mapping.rates}
    billionths = {currency: int(rate * reading.RATE_SCALE) for currency, rate in rates.items()}
    return pl.col("currency").replace_strict(billionths, default=None, return_dtype=pl.Int64)


def _moments_and_label(mapping: ImportMapping, schema: pl.Schema) -> dict[str, pl.Expr]:
    columns = mapping.orders.columns
    moments = {
        name: _moment(columns[name], schema, mapping)
        if name in columns
        else pl.lit(None, pl.Datetime("us", "UTC"))
        for name in MOMENTS
    }
    if "known_at" not in columns:
        moments["known_at"] = moments["placed_at"]
    return {**moments, **_label(mapping.label, moments["placed_at"], schema, mapping)}


def _label(
    label: LabelPart | None, placed_at: pl.Expr, schema: pl.Schema, mapping: ImportMapping
) -> dict[str, pl.Expr]:
    nothing = {"is_bad": pl.lit(None, pl.Boolean), "label_source": pl.lit(None, pl.String)}
    if label is None:
        return {**nothing, "label_occurred_at": placed_at, "label_known_at": placed_at}
    delayed = placed_at + pl.duration(days=label.delay_days)
    moments = {
        name: _moment(label.columns[name], schema, mapping) if name in label.columns else delayed
        for name in ("occurred_at", "known_at")
    }
    source = label.columns.get("source")
    return {
        "is_bad": reading.as_flag(
            pl.col(THEIRS + label.is_bad), schema[label.is_bad], true=label.bad, false=label.good
        ),
        "label_source": reading.as_text(pl.col(THEIRS + source), schema[source])
        if source
        else pl.lit(label.source),
        "label_occurred_at": moments["occurred_at"],
        "label_known_at": moments["known_at"],
    }


def _moment(column: str, schema: pl.Schema, mapping: ImportMapping) -> pl.Expr:
    return reading.as_moment(pl.col(THEIRS + column), schema[column], mapping.time_zone)


def _single_lines(read: pl.DataFrame, title: str) -> pl.DataFrame:
    return read.select(
        POSITION,
        number=pl.lit(1, pl.Int64),
        listing_ref=pl.lit(None, pl.String),
        title=pl.lit(title),
        quantity=pl.lit(1, pl.Int64),
        unit_price_minor=pl.col("total_minor"),
    )


def _conform_lines(
    lines: pl.DataFrame, orders: pl.DataFrame, mapping: ImportMapping
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the good lines and the problems of the others; one bad line costs its order all of them."""
    part = mapping.lines.part
    assert part is not None
    schema = lines.schema
    theirs = lines.rename({name: THEIRS + name for name in lines.columns if name not in (ROW, POSITION)})
    theirs = theirs.join(orders.select(POSITION, "exponent"), on=POSITION, how="left", maintain_order="left")
    exponent = pl.col("exponent").fill_null(2)  # of an unknown currency, which is the order's problem
    price, column = pl.col(THEIRS + part.columns["unit_price"]), part.columns["unit_price"]
    if mapping.money == "minor":
        minor = reading.as_whole(price, schema[column])
    else:
        minor = reading.thousandths_to_minor(reading.as_thousandths(price, schema[column]), exponent)
    sums = [reading.as_thousandths(pl.col(THEIRS + name), schema[name]) for name in mapping.lines.total]
    read = theirs.with_columns(
        number=_whole(part, "line_no", schema, otherwise=pl.int_range(1, pl.len() + 1).over(POSITION)),
        listing_ref=_text(part, "listing_ref", schema),
        title=_text(part, "title", schema).fill_null(mapping.lines.title).str.slice(0, 200),
        quantity=_whole(part, "quantity", schema, otherwise=pl.lit(1, pl.Int64)),
        unit_price_minor=minor,
        total_thousandths=pl.sum_horizontal(*sums, ignore_nulls=False) if sums else pl.lit(0, pl.Int64),
    )
    problems = find_problems(read, line_checks(mapping, schema), file=part.file)
    good = read.select(~pl.selectors.starts_with(THEIRS)).drop("exponent", ROW)
    return good.join(problems.select(POSITION).unique(), on=POSITION, how="anti"), problems


def _whole(part: FilePart, name: str, schema: pl.Schema, *, otherwise: pl.Expr) -> pl.Expr:
    if name in part.constants:
        return pl.lit(int(part.constants[name]), pl.Int64)
    column = part.columns.get(name)
    return otherwise if column is None else reading.as_whole(pl.col(THEIRS + column), schema[column])
