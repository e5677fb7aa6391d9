"""From checked orders to rows of our tables: fingerprints, ids, and exactly the columns the database has."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from core.fingerprints import fingerprints
from core.ids import new_ids
from risk.models import Subject

from .reading import rate_text
from .sources import POSITION

# The order's key column → (kind of fingerprint, the reference it is made of); kinds as in orders.services.
_KEYS = {
    "buyer_key": ("buyer", "buyer_ref"),
    "device_key": ("device", "device_ref"),
    "card_key": ("card", "card_ref"),
    "address_key": ("address", "address_ref"),
    "ip_key": ("ip", "ip"),
}
_MAY_BE_BLANK = ("market_order_id", "buyer_ref", "card_country", "shipping_country", "billing_country")
# What a repeated row is compared by. Status and payment move on here, and so are not part of it.
COMPARED = (
    "market_order_id", "currency", "total_minor", "base_total_minor", "line_count", "item_count", "buyer_ref",
    "buyer_signed_up_at", *_KEYS, "card_country", "shipping_country", "billing_country", "occurred_at",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tables:
    """Rows ready to be written, columns named as in the database."""

    orders: pl.DataFrame
    keys: pl.DataFrame
    lines: pl.DataFrame
    labels: pl.DataFrame


def add_fingerprints(orders: pl.DataFrame) -> pl.DataFrame:
    """Add fingerprints, each different value computed once; make texts that may be blank so."""
    for column, (kind, reference) in _KEYS.items():
        values = orders[reference].drop_nulls().unique()
        if values.is_empty():
            orders = orders.with_columns(pl.lit(None, pl.Int64).alias(column))
            continue
        known = pl.DataFrame(
            {reference: values, column: pl.Series(fingerprints(kind, values.to_list()), dtype=pl.Int64)}
        )
        orders = orders.join(known, on=reference, how="left", maintain_order="left")
    return orders.with_columns(pl.col(*_MAY_BE_BLANK).fill_null("")).rename({"placed_at": "occurred_at"})


def add_ids(orders: pl.DataFrame) -> pl.DataFrame:
    """Draw an id for each order at the moment it was placed."""
    return orders.with_columns(id=_ids_at(orders["occurred_at"]))


def build_tables(
    orders: pl.DataFrame, lines: pl.DataFrame, listings: pl.DataFrame, *, batch_id: int, at: datetime
) -> Tables:
    """Return the rows of new orders, which have `id`, `merchant_id` and fingerprints by now."""
    return Tables(
        orders=_order_rows(orders, batch_id=batch_id, at=at),
        # The order's id serves as its key's id too: both tables are filled in the same order.
        keys=orders.select("id", "merchant_id", "external_id", order_id="id"),
        lines=_line_rows(orders, lines, listings),
        labels=label_rows(orders, at=at),
    )


def label_rows(orders: pl.DataFrame, *, at: datetime) -> pl.DataFrame:
    """Return the labels known by now; of a later one the orders say nothing yet."""
    known = orders.filter(pl.col("is_bad").is_not_null() & (pl.col("label_known_at") <= at))
    return known.select(
        id=_ids_at(known["label_known_at"]),
        subject_kind=pl.lit(Subject.ORDER.value),
        subject_id="id",
        is_bad="is_bad",
        source="label_source",
        weight=pl.lit(1.0),
        merchant_id="merchant_id",
        buyer_key="buyer_key",
        device_key="device_key",
        card_key="card_key",
        occurred_at="label_occurred_at",
        known_at="label_known_at",
        subject_occurred_at="occurred_at",
        created_at=pl.lit(at),
    )


def _order_rows(orders: pl.DataFrame, *, batch_id: int, at: datetime) -> pl.DataFrame:
    return orders.select(
        "id",
        "merchant_id",
        "external_id",
        "market_order_id",
        "status",
        "payment_status",
        "currency",
        "total_minor",
        "base_total_minor",
        "line_count",
        "item_count",
        "buyer_ref",
        "buyer_signed_up_at",
        *_KEYS,
        "card_country",
        "shipping_country",
        "billing_country",
        "occurred_at",
        "known_at",
        fx_rate=rate_text(pl.col("rate")),
        hold_kind=pl.lit(""),
        hold_reason=pl.lit(""),
        import_batch_id=pl.lit(batch_id, pl.Int64),
        created_at=pl.lit(at),
    )


def _line_rows(orders: pl.DataFrame, lines: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame:
    wanted = orders.select(POSITION, "merchant_id", "occurred_at", order_id="id")
    rows = lines.join(wanted, on=POSITION, how="inner", maintain_order="left")
    if listings.is_empty():
        rows = rows.with_columns(listing_id=pl.lit(None, pl.Int64))
    else:
        rows = rows.join(listings, on=["merchant_id", "listing_ref"], how="left", maintain_order="left")
    return rows.select(
        "order_id",
        "number",
        "listing_id",
        "title",
        "quantity",
        "unit_price_minor",
        id=_ids_at(rows["occurred_at"]),
    )


def _ids_at(moments: pl.Series) -> pl.Series:
    milliseconds = moments.dt.epoch("ms").to_numpy()
    return pl.Series("id", new_ids(milliseconds), dtype=pl.Int64)
