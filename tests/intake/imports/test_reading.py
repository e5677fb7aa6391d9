"""Cells of any type become exact values, or null."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import convert, exponent
from intake.imports import reading


def read(values: list[Any], dtype: Any, reader: Any, *args: Any) -> list[Any]:
    frame = pl.DataFrame({"cell": pl.Series(values, dtype=dtype)})
    return frame.select(reader(pl.col("cell"), frame.schema["cell"], *args)).to_series().to_list()


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["12.34", "-0.5", "7", "1.100000"], pl.String, [12340, -500, 7000, 1100]),
        (["24.360000000000003", "0.28999999999999998"], pl.String, [24360, 290]),
        (["1.2345", "1e3", "", "1,5", None], pl.String, [None] * 5),
        ([57.16, 0.29, -1.0, 1.23456, float("nan")], pl.Float64, [57160, 290, -1000, None, None]),
        ([5, -3, 2**62], pl.Int64, [5000, -3000, None]),
        ([Decimal("1.50"), Decimal("0.001")], pl.Decimal(10, 3), [1500, 1]),
    ],
    ids=["text", "text of floats", "no amount", "float", "whole", "decimal"],
)  # fmt: skip
def test_amounts_are_exact_thousandths(values: list[Any], dtype: Any, expected: list[Any]) -> None:
    assert read(values, dtype, reading.as_thousandths) == expected


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([" x ", "", None, "007"], pl.String, ["x", None, None, "007"]),
        ([596.0, 1.5, float("nan"), None], pl.Float64, ["596", "1.5", None, None]),
        ([2**63 - 1], pl.Int64, [str(2**63 - 1)]),
        ([True, None], pl.Boolean, ["true", None]),
    ],
)
def test_ids_keep_every_digit(values: list[Any], dtype: Any, expected: list[Any]) -> None:
    assert read(values, dtype, reading.as_text) == expected


PARIS_NOON = datetime(2026, 2, 1, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ("2026-02-01 12:00:00", pl.String, PARIS_NOON),
        ("2026-02-01T12:00", pl.String, PARIS_NOON),
        ("2026-02-01T12:00:00.5Z", pl.String, datetime(2026, 2, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-02-01 12:00:00+08:00", pl.String, datetime(2026, 2, 1, 4, 0, tzinfo=UTC)),
        ("2026-02-30", pl.String, None),
        (datetime(2026, 2, 1, 12, 0), pl.Datetime("ns"), PARIS_NOON),  # noqa: DTZ001 - as a file has it
        (PARIS_NOON, pl.Datetime("ms", "UTC"), PARIS_NOON),
        (date(2026, 2, 1), pl.Date, datetime(2026, 1, 31, 23, 0, tzinfo=UTC)),
        ("2026-03-29 02:30:00", pl.String, None),
        ("2026-10-25 02:30:00", pl.String, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (20260201, pl.Int64, None),
    ],
)
def test_moments_are_utc(value: Any, dtype: Any, expected: datetime | None) -> None:
    assert read([value], dtype, reading.as_moment, "Europe/Paris") == [expected]


@given(
    amount=st.integers(0, 10**12),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "CNY"]),
    rate=st.decimals("0.000000001", "999", places=9),
    base=st.sampled_from(["CNY", "JPY", "KWD"]),
)
def test_columns_convert_money_like_one_amount(amount: int, currency: str, rate: Decimal, base: str) -> None:
    frame = pl.DataFrame(
        {"amount": [amount], "rate": [int(rate * reading.RATE_SCALE)], "currency": [currency]}
    )
    exponents = reading.exponents(pl.col("currency"))
    column = reading.to_base(pl.col("amount"), exponents, pl.col("rate"), exponent(base))
    expected = convert(amount, currency, base, rate)
    assert frame.select(column).item() == expected


def test_a_rate_is_written_with_nine_digits() -> None:
    frame = pl.DataFrame({"rate": [7_912_345_000, 1, 48_000_000]})
    texts = frame.select(reading.rate_text(pl.col("rate"))).to_series().to_list()
    assert texts == ["7.912345000", "0.000000001", "0.048000000"]
