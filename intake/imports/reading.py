"""Read cells of any type as text, moments, numbers or amounts: Polars expressions, null where it cannot be.

Text files arrive as text, Parquet with types; one expression per wanted type takes whichever it finds.
"""

from collections.abc import Mapping

import polars as pl

from core.money import EXPONENTS

# Largest power of ten that survives ×1000 in 63 bits; far beyond any amount that is accepted.
_LARGEST = 10**15
# Floats carry about 15 digits: a thousandth is exact enough if it is this near to a whole one.
_FLOAT_SLACK = 1e-3
_AMOUNT = r"^-?\d{1,15}(\.\d{1,3}0*)?$"
_NOISY_AMOUNT = r"^-?\d{1,12}\.\d{10,}$"
_WHOLE = r"^-?\d{1,18}(\.0+)?$"
_MOMENT_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
RATE_SCALE = 10**9


def as_text(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return trimmed text, null where blank; a whole float (ids with gaps, in Parquet) loses its .0."""
    if dtype.is_float():
        is_whole = (cell == cell.round()) & (cell.abs() < _LARGEST)
        text = (
            pl.when(is_whole)
            .then(cell.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(cell.cast(pl.String))
        )
        return pl.when(cell.is_nan()).then(None).otherwise(text)
    if dtype.is_integer() or dtype == pl.Boolean:
        return cell.cast(pl.String)
    text = cell.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def as_moment(cell: pl.Expr, dtype: pl.DataType, time_zone: str) -> pl.Expr:
    """Return a UTC moment in microseconds. A local time that daylight saving skipped is null; the first of a
    repeated hour counts."""
    if isinstance(dtype, pl.Datetime):
        return _to_utc(
            cell.cast(pl.Datetime("us", dtype.time_zone)), time_zone, is_aware=dtype.time_zone is not None
        )
    if dtype == pl.Date:
        return _to_utc(cell.cast(pl.Datetime("us")), time_zone, is_aware=False)
    if dtype != pl.String:
        return pl.lit(None, pl.Datetime("us", "UTC"))
    text = cell.str.strip_chars().str.replace("T", " ", literal=True)
    aware = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    naive = pl.coalesce(text.str.to_datetime(f, time_unit="us", strict=False) for f in _MOMENT_FORMATS)
    return pl.coalesce(aware, _to_utc(naive, time_zone, is_aware=False))


def as_whole(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a whole number, null for anything with a fraction."""
    if dtype.is_integer():
        return cell.cast(pl.Int64, strict=False)
    if dtype.is_float():
        return pl.when((cell == cell.round()) & (cell.abs() < _LARGEST)).then(
            cell.cast(pl.Int64, strict=False)
        )
    text = cell.cast(pl.String).str.strip_chars()
    return pl.when(text.str.contains(_WHOLE)).then(text.str.extract(r"^(-?\d+)").cast(pl.Int64, strict=False))


def as_thousandths(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return an amount in thousandths of its unit: every currency of ISO 4217 that we know fits into them."""
    if dtype.is_integer():
        number = cell.cast(pl.Int64, strict=False)
        return pl.when(number.abs() <= _LARGEST).then(number * 1000)
    if dtype.is_float():
        return _float_thousandths(cell)
    text = cell.cast(pl.String).str.strip_chars()
    whole = text.str.extract(r"^-?(\d+)").cast(pl.Int64, strict=False)
    fraction = text.str.extract(r"\.(\d*)").fill_null("").str.strip_chars_end("0").str.pad_end(3, "0")
    number = whole * 1000 + fraction.cast(pl.Int64, strict=False)
    signed = pl.when(text.str.starts_with("-")).then(-number).otherwise(number)
    exact = pl.when(text.str.contains(_AMOUNT)).then(signed)
    # Files made from floats hold 24.360000000000003 where 24.36 was meant.
    noisy = pl.when(text.str.contains(_NOISY_AMOUNT)).then(text.cast(pl.Float64, strict=False))
    return pl.coalesce(exact, _float_thousandths(noisy))


def as_rate(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return an exchange rate in billionths, as exact as its column is stored."""
    number = (
        cell.cast(pl.Float64, strict=False)
        if dtype.is_numeric()
        else cell.str.strip_chars().cast(pl.Float64, strict=False)
    )
    is_rate = (number > 0) & (number < 10**6)
    return pl.when(is_rate).then((number * RATE_SCALE).round().cast(pl.Int64, strict=False))


def as_flag(cell: pl.Expr, dtype: pl.DataType, *, true: tuple[str, ...], false: tuple[str, ...]) -> pl.Expr:
    """Return True for one of `true`, False for one of `false`, null for anything else."""
    text = as_text(cell, dtype).str.to_lowercase()
    return pl.when(text.is_in(true)).then(True).when(text.is_in(false)).then(False)


def exponents(currency: pl.Expr) -> pl.Expr:
    """Return the decimals of each currency, null where it is not known."""
    return currency.replace_strict(EXPONENTS, default=None, return_dtype=pl.Int64)


def thousandths_to_minor(thousandths: pl.Expr, exponent: pl.Expr) -> pl.Expr:
    """Return minor units, null where the currency has no unit that small."""
    unit = power_of_ten(3 - exponent)
    return pl.when(thousandths % unit == 0).then(thousandths // unit)


def to_base(amount_minor: pl.Expr, exponent: pl.Expr, rate: pl.Expr, base_exponent: int) -> pl.Expr:
    """Return minor units of the base currency, half to even, exactly as `core.money.convert`."""
    numerator = amount_minor.cast(pl.Int128) * rate.cast(pl.Int128) * 10**base_exponent
    divisor = power_of_ten(exponent).cast(pl.Int128) * RATE_SCALE
    whole, rest = numerator // divisor, numerator % divisor
    rounds_up = (rest * 2 > divisor) | ((rest * 2 == divisor) & (whole % 2 == 1))
    rounded: pl.Expr = whole + rounds_up.cast(pl.Int128)
    return rounded.cast(pl.Int64, strict=False)


def rate_text(rate: pl.Expr) -> pl.Expr:
    """Return billionths as a decimal text with nine digits, the form both engines take for a decimal."""
    return (rate // RATE_SCALE).cast(pl.String) + "." + (rate % RATE_SCALE).cast(pl.String).str.zfill(9)


def recode(text: pl.Expr, values: Mapping[str, str]) -> pl.Expr:
    """Return our value for theirs, null for one that the mapping does not list; no table, no change."""
    return text.replace_strict(dict(values), default=None, return_dtype=pl.String) if values else text


def power_of_ten(exponent: pl.Expr) -> pl.Expr:
    return exponent.replace_strict(
        {power: 10**power for power in range(4)}, default=None, return_dtype=pl.Int64
    )


def _float_thousandths(number: pl.Expr) -> pl.Expr:
    scaled = number * 1000
    is_exact = ((scaled - scaled.round()).abs() < _FLOAT_SLACK) & (number.abs() < _LARGEST)
    return pl.when(is_exact).then(scaled.round().cast(pl.Int64, strict=False))


def _to_utc(moment: pl.Expr, time_zone: str, *, is_aware: bool) -> pl.Expr:
    if is_aware:
        return moment.dt.convert_time_zone("UTC")
    local = moment.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")
