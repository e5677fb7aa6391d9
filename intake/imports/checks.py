"""What a row has to fulfil: the checks of orders and of lines, from most to least basic."""

from datetime import UTC, datetime

import polars as pl

from core.money import EXPONENTS, MAX_AMOUNT_MINOR

from . import reading
from .mapping import FINAL_STATUSES, LABEL_SOURCES, PAYMENT_STATUSES, ImportMapping
from .problems import Check

THEIRS = "theirs."  # before the source's own columns, whose names may be ours
_FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)  # ids are ordered by time from here on
_NUL = "\x00"  # PostgreSQL stores no text that holds it
_MAX_QUANTITY = 2**31 - 1
_MAX_LINE_NUMBER = 2**15 - 1

# The lengths of our columns; what is only fingerprinted may be longer.
TEXT_LIMITS = {
    "external_id": 64, "market_order_id": 64, "merchant_ref": 64, "buyer_ref": 64, "device_ref": 200,
    "card_ref": 200, "address_ref": 200, "ip": 200, "card_country": 2, "shipping_country": 2,
    "billing_country": 2,
}  # fmt: skip
_COUNTRIES = ("card_country", "shipping_country", "billing_country")
MOMENTS = ("placed_at", "known_at", "buyer_signed_up_at")


def line_checks(mapping: ImportMapping, schema: pl.Schema) -> list[Check]:
    """Return the checks of lines; `schema` is that of the lines file."""
    part = mapping.lines.part
    assert part is not None
    shown = {**{name: name for name in ("line_no", "quantity", "unit_price", "title")}, **part.columns}
    price = pl.col("unit_price_minor")
    checks = [
        Check(shown["unit_price"], "invalid_amount", price.is_null()),
        Check(shown["unit_price"], "negative_amount", price < 0),
        Check(shown["unit_price"], "amount_too_large", price > MAX_AMOUNT_MINOR),
        Check(shown["quantity"], "invalid_number", ~pl.col("quantity").is_between(1, _MAX_QUANTITY)),
        Check(shown["quantity"], "invalid_number", pl.col("quantity").is_null()),
        Check(shown["line_no"], "invalid_number", ~pl.col("number").is_between(1, _MAX_LINE_NUMBER)),
        Check(shown["line_no"], "invalid_number", pl.col("number").is_null()),
        Check(shown["title"], "invalid_text", pl.col("title").str.contains(_NUL, literal=True)),
    ]
    checks += [
        Check(name, "invalid_amount", reading.as_thousandths(pl.col(THEIRS + name), schema[name]).is_null())
        for name in mapping.lines.total
    ]
    return checks


def order_checks(mapping: ImportMapping, schema: pl.Schema, *, at: datetime) -> list[Check]:
    """Return the checks of orders; `schema` is that of the orders file with its joins."""
    shown = _shown_columns(mapping)
    return [
        *_text_checks(mapping, schema, shown),
        *_money_checks(mapping, shown),
        *_moment_checks(mapping, schema, shown, at=at),
        *_label_checks(mapping, schema, at=at),
        *_line_total_checks(mapping, shown),
    ]


def _shown_columns(mapping: ImportMapping) -> dict[str, str]:
    """Return the column to name for each of our fields: theirs, or the field's own where it is made up."""
    shown = {
        name: name
        for name in (*TEXT_LIMITS, *MOMENTS, "currency", "status", "payment_status", "fx_rate", "base_total")
    }
    shown["total"] = " + ".join(mapping.lines.total)
    shown["merchant_ref"] = mapping.lines.split_by
    return {**shown, **mapping.orders.columns}


def _text_checks(mapping: ImportMapping, schema: pl.Schema, shown: dict[str, str]) -> list[Check]:
    checks = [
        Check(shown[name], "missing", pl.col(name).is_null()) for name in ("external_id", "merchant_ref")
    ]
    for name, limit in TEXT_LIMITS.items():
        column = mapping.orders.columns.get(name)
        if column is None or not (schema[column] == pl.String or name in ("external_id", "merchant_ref")):
            continue
        if name in _COUNTRIES:
            checks.append(Check(column, "invalid_country", ~pl.col(name).str.contains("^[A-Z]{2}$")))
        else:
            checks.append(Check(column, "too_long", pl.col(name).str.len_chars() > limit))
            checks.append(Check(column, "invalid_text", pl.col(name).str.contains(_NUL, literal=True)))
    for name, allowed in (("status", FINAL_STATUSES), ("payment_status", PAYMENT_STATUSES)):
        if name in mapping.orders.columns:
            is_allowed = pl.col(name).is_in(sorted(allowed))
            checks.append(Check(shown[name], "unknown_value", ~is_allowed.fill_null(False)))
    return checks


def _money_checks(mapping: ImportMapping, shown: dict[str, str]) -> list[Check]:
    total, base = pl.col("total_minor"), pl.col("base_total_minor")
    is_known = pl.col("currency").is_in(list(EXPONENTS)).fill_null(False)
    checks = [
        Check(shown["currency"], "unknown_currency", ~is_known),
        Check(shown["total"], "negative_amount", total < 0),
        Check(shown["total"], "amount_too_large", total > MAX_AMOUNT_MINOR),
    ]
    if mapping.money == "major" or mapping.lines.total:
        thousandths = pl.col("thousandths")
        checks += [
            Check(shown["total"], "invalid_amount", thousandths.is_null()),
            Check(
                shown["total"], "too_many_decimals", thousandths.is_not_null() & total.is_null() & is_known
            ),
        ]
    else:
        checks.append(Check(shown["total"], "invalid_amount", total.is_null()))
    if "base_total" in mapping.orders.columns:
        checks += [
            Check(shown["base_total"], "invalid_amount", base.is_null()),
            Check(shown["base_total"], "negative_amount", base < 0),
            Check(shown["fx_rate"], "invalid_rate", pl.col("rate").is_null()),
        ]
    else:
        checks.append(Check(shown["currency"], "no_rate", pl.col("rate").is_null() & is_known))
        is_beyond = base.is_null() & total.is_not_null() & pl.col("rate").is_not_null()
        checks.append(Check(shown["total"], "amount_too_large", is_beyond))
    return checks


def _moment_checks(
    mapping: ImportMapping, schema: pl.Schema, shown: dict[str, str], *, at: datetime
) -> list[Check]:
    checks = [Check(shown["placed_at"], "too_early", pl.col("placed_at") < _FIRST_MOMENT)]
    for name in MOMENTS:
        if (column := mapping.orders.columns.get(name)) is None:
            continue
        is_blank = reading.as_text(pl.col(THEIRS + column), schema[column]).is_null()
        needed = "missing" if name != "buyer_signed_up_at" else None
        if needed:
            checks.append(Check(column, needed, is_blank))
        checks.append(Check(column, "invalid_time", pl.col(name).is_null() & ~is_blank))
        checks.append(Check(column, "in_future", pl.col(name) > at))
    if "known_at" in mapping.orders.columns:
        checks.append(Check(shown["known_at"], "known_too_early", pl.col("known_at") < pl.col("placed_at")))
    return checks


def _label_checks(mapping: ImportMapping, schema: pl.Schema, *, at: datetime) -> list[Check]:
    label = mapping.label
    if label is None:
        return []
    is_given = reading.as_text(pl.col(THEIRS + label.is_bad), schema[label.is_bad]).is_not_null()
    is_source = pl.col("label_source").is_in(sorted(LABEL_SOURCES)).fill_null(False)
    checks = [
        Check(label.is_bad, "unknown_value", is_given & pl.col("is_bad").is_null()),
        Check(label.columns.get("source", ""), "unknown_value", is_given & ~is_source),
    ]
    for name in ("occurred_at", "known_at"):
        moment, column = pl.col(f"label_{name}"), label.columns.get(name)
        if column:
            checks.append(Check(column, "invalid_time", is_given & moment.is_null()))
            checks.append(Check(column, "in_future", is_given & (moment > at)))
    return checks


def _line_total_checks(mapping: ImportMapping, shown: dict[str, str]) -> list[Check]:
    checks = []
    if mapping.lines.part:
        checks.append(Check(shown["external_id"], "duplicate_line", pl.col("has_repeated_number")))
        checks.append(Check("quantity", "invalid_number", pl.col("item_count") > _MAX_QUANTITY))
    if mapping.lines.check_total:
        checks.append(Check(shown["total"], "total_differs", pl.col("goods_minor") != pl.col("total_minor")))
    return checks
