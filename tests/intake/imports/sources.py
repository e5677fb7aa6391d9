"""Small sources for tests of the importer: a mapping of one file, and the native layout as frames."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from intake.imports import ImportMapping, parse_mapping

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PLACED = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)

SHOP = """
title = "A shop's export"
time_zone = "Europe/Paris"
money = "major"

[orders]
file = "orders"

[orders.columns]
external_id = "No"
merchant_ref = "Shop"
buyer_ref = "Customer"
currency = "Currency"
total = "Amount"
placed_at = "Date"

[orders.constants]
status = "completed"
payment_status = "paid"

[merchants]
create = true

[fx]
base = "CNY"

[fx.rates]
EUR = "7.9"
JPY = "0.05"
"""
HEADER = "No,Shop,Customer,Currency,Amount,Date"
GOOD = "A1,s1,c1,EUR,12.34,2026-02-01 10:30:00"


def shop_mapping(extra: str = "", **replaced: str) -> ImportMapping:
    text = SHOP
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return parse_mapping("shop", text + extra)


def write_csv(folder: Path, *rows: str, header: str = HEADER, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def native_orders(*orders: dict[str, Any]) -> pl.DataFrame:
    """Return an orders frame of our own layout; each order says only what differs."""
    schema: dict[str, Any] = {
        **dict.fromkeys(("external_id", "market_order_id", "merchant_ref", "buyer_ref"), pl.String),
        "buyer_signed_up_at": pl.Datetime("us", "UTC"),
        **dict.fromkeys(("device_ref", "card_ref", "card_country", "address_ref", "ip"), pl.String),
        **dict.fromkeys(("shipping_country", "billing_country", "currency"), pl.String),
        **dict.fromkeys(("total_minor", "base_total_minor"), pl.Int64),
        "fx_rate": pl.Float64,
        **dict.fromkeys(("placed_at", "known_at"), pl.Datetime("us", "UTC")),
        **dict.fromkeys(("status", "payment_status"), pl.String),
        "is_bad": pl.Boolean,
        "label_source": pl.String,
        **dict.fromkeys(("label_occurred_at", "label_known_at"), pl.Datetime("us", "UTC")),
    }
    usual = {
        "merchant_ref": "m1", "buyer_ref": "b1", "device_ref": "d1", "card_ref": "c1", "ip": "203.0.113.7",
        "shipping_country": "CN", "currency": "CNY", "total_minor": 3_000, "base_total_minor": 3_000,
        "fx_rate": 1.0, "placed_at": PLACED, "known_at": PLACED, "status": "completed",
        "payment_status": "paid",
    }  # fmt: skip
    rows = [{"external_id": f"S{number}", **usual, **order} for number, order in enumerate(orders)]
    return pl.DataFrame(rows, schema=schema)


def native_frames(*orders: dict[str, Any], lines: pl.DataFrame | None = None) -> dict[str, pl.DataFrame]:
    """Return the native layout; without `lines` each order has one line that adds up to its total."""
    frame = native_orders(*orders)
    merchants = pl.DataFrame(
        {
            "merchant_ref": ["m1", "m2"],
            "name": ["First shop", "Second shop"],
            "country": ["CN", "DE"],
            "joined_at": [PLACED - timedelta(days=100)] * 2,
        }
    )
    return {"orders": frame, "lines": native_lines(frame) if lines is None else lines, "merchants": merchants}


def native_lines(orders: pl.DataFrame) -> pl.DataFrame:
    return orders.select(
        order_external_id="external_id",
        line_no=pl.lit(1),
        listing_ref=pl.lit("sku-1"),
        title=pl.lit("Tea"),
        quantity=pl.lit(2),
        unit_price_minor=pl.col("total_minor") // 2,
    )


def known_bad(**changes: Any) -> dict[str, Any]:
    label = {
        "is_bad": True,
        "label_source": "chargeback",
        "label_occurred_at": PLACED + timedelta(days=10),
        "label_known_at": PLACED + timedelta(days=12),
    }
    return {**label, **changes}
