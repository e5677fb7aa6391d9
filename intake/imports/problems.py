"""What is wrong with a row: codes, sentences, and the error file that goes back to whoever sent the rows."""

import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from django.utils.translation import gettext_lazy as _

from .sources import POSITION, ROW

SENTENCES = {
    "missing": _("“%(column)s” is empty."),
    "too_long": _("“%(column)s” is longer than it may be."),
    "invalid_text": _("“%(column)s” holds a character that no text may have."),
    "invalid_country": _("“%(column)s” is not a country code of two capital letters."),
    "invalid_amount": _("“%(column)s” is not an amount."),
    "too_many_decimals": _("“%(column)s” has more decimals than its currency."),
    "negative_amount": _("“%(column)s” is negative."),
    "amount_too_large": _("“%(column)s” is larger than any order may be."),
    "invalid_number": _("“%(column)s” is not a whole number in its range."),
    "invalid_rate": _("“%(column)s” is not an exchange rate."),
    "no_rate": _("The mapping has no exchange rate for this currency."),
    "unknown_currency": _("“%(column)s” is not a currency that is known here."),
    "invalid_time": _("“%(column)s” is not a date and time."),
    "in_future": _("“%(column)s” lies in the future."),
    "too_early": _("“%(column)s” lies before the year 2000."),
    "known_too_early": _("“%(column)s” says it was known before it happened."),
    "unknown_value": _("“%(column)s” has a value that is not expected here."),
    "duplicate_id": _("The order number stands in an earlier row too; that row counts."),
    "duplicate_line": _("Two lines of the order have the same number."),
    "no_lines": _("The order has no lines."),
    "no_order": _("The line belongs to no order of this import."),
    "total_differs": _("The total is not the sum of the lines."),
    "unknown_merchant": _("There is no merchant with this reference."),
    "already_exists_different": _("The order is there already, with a different “%(column)s”."),
}

PROBLEM_SCHEMA = pl.Schema(
    {POSITION: pl.UInt32, ROW: pl.UInt32, "file": pl.String, "column": pl.String, "code": pl.String}
)


@dataclass(frozen=True)
class Check:
    """A row fails if `fails` is true; null passes. `column` is theirs, as the file names it."""

    column: str
    code: str
    fails: pl.Expr


def find_problems(frame: pl.DataFrame, checks: Sequence[Check], *, file: str) -> pl.DataFrame:
    """Return one problem per row and failed check; the frame has ROW and POSITION."""
    flags = frame.select(check.fails.fill_null(False).alias(str(i)) for i, check in enumerate(checks))
    counts = flags.sum().row(0) if flags.width else ()
    found = [
        make_problems(frame.filter(flags[str(i)]), column=checks[i].column, code=checks[i].code, file=file)
        for i, count in enumerate(counts)
        if count
    ]
    return pl.concat(found) if found else PROBLEM_SCHEMA.to_frame()


def make_problems(frame: pl.DataFrame, *, column: str, code: str, file: str) -> pl.DataFrame:
    """Return the same problem for every row of a frame with ROW and POSITION."""
    return frame.select(
        pl.col(POSITION).cast(pl.UInt32),
        pl.col(ROW).cast(pl.UInt32),
        pl.lit(file).alias("file"),
        pl.lit(column).alias("column"),
        pl.lit(code).alias("code"),
    )


@dataclass
class ErrorFile:
    """A CSV that grows while an import runs; nothing is made until the first problem."""

    columns: Sequence[str]
    file_names: Mapping[str, str]  # as the mapping calls a file → as it is called
    counts: Counter[str] = field(default_factory=Counter)
    failed_orders: int = 0
    path: Path | None = None

    def add(self, problems: pl.DataFrame, originals: pl.DataFrame) -> None:
        """Append problems, each beside the original columns of its order; `originals` has POSITION."""
        if problems.is_empty():
            return
        self.counts.update(dict(problems["code"].value_counts().iter_rows()))
        self.failed_orders += problems[POSITION].drop_nulls().n_unique()
        # Their columns may be called like ours: ours stand first, theirs keep their place behind.
        theirs = {f"theirs.{n}": _safe(name, originals.schema[name]) for n, name in enumerate(self.columns)}
        rows = (
            problems.join(_sentences(problems), on=["column", "code"], how="left")
            .join(originals.select(POSITION, **theirs), on=POSITION, how="left")
            .sort(POSITION, ROW, "column", "code", nulls_last=True)
            .with_columns(pl.col("file").replace(dict(self.file_names)), _safe("column", pl.String()))
        )
        self._append(rows.select(ROW, "file", "column", "code", "message", *theirs))

    def _append(self, rows: pl.DataFrame) -> None:
        if self.path is None:
            handle, name = tempfile.mkstemp(prefix="import-errors-", suffix=".csv")
            os.close(handle)
            self.path = Path(name)
            header = pl.DataFrame([["row", "file", "column", "code", "message", *self.columns]], orient="row")
            self._append(header.select(_safe(name, pl.String()) for name in header.columns))
        with self.path.open("ab") as stream:
            rows.write_csv(stream, include_header=False)


def _sentences(problems: pl.DataFrame) -> pl.DataFrame:
    """Return each different problem with its sentence; made here, for Polars' threads know no language."""
    different = problems.select("column", "code").unique()
    messages = [str(SENTENCES[code]) % {"column": column} for column, code in different.iter_rows()]
    return different.with_columns(message=pl.Series(messages, dtype=pl.String))


def _safe(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column that no spreadsheet runs as a formula: a leading quote disarms it (OWASP)."""
    cell = pl.col(column)
    if dtype != pl.String:
        return cell.cast(pl.String)
    is_risky = cell.str.contains(r"^[=+\-@\t\r\n]") & ~cell.str.contains(r"^[+-]?\d+(\.\d+)?$")
    return pl.when(is_risky).then(pl.lit("'") + cell).otherwise(cell).alias(column)
