"""What a part of history looks like to a backtest, whatever its subject."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from core.ids import encode

from .results import Flip
from .truths import BAD, GOOD, UNKNOWN, Truths

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Beat = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Groups:
    """A column to group by.

    codes    (n,) places in `names`; the last name is "", for what is not known
    """

    codes: Ints
    names: tuple[str, ...]

    @classmethod
    def of_texts(cls, values: Sequence[str] | pl.Series) -> "Groups":
        """Group equal texts; null and "" are not known."""
        series = pl.Series(values, dtype=pl.String).replace("", None)
        names = series.drop_nulls().unique().sort()
        codes = series.cast(pl.Enum(names)).to_physical().cast(pl.Int64).fill_null(len(names))
        return cls(codes.to_numpy(), (*names.to_list(), ""))

    @classmethod
    def of_bands(cls, values: Floats, edges: tuple[float, ...], names: tuple[str, ...]) -> "Groups":
        """Group by the band that each value lies in; NaN is not known. `names` is one longer than `edges`.

        >>> few = Groups.of_bands(np.array([0.0, 10.0, np.nan]), (10,), ("few", "many"))
        >>> few.codes.tolist(), few.names
        ([0, 1, 2], ('few', 'many', ''))
        """
        place = np.searchsorted(np.array(edges), values, side="right")
        return cls(np.where(np.isnan(values), len(names), place), (*names, ""))


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows with everything that judging and counting need; every array is (n,).

    until           where these rows end, microseconds since the epoch, not included
    prefix          of public ids
    at              when each row was known, likewise
    amount_minor    base currency; 0 where the subject has none
    truth           see `truths`
    scores          NaN is no score
    degraded        whether a source had failed when the row was decided
    frame           one column per field that rules read, by name
    segments        columns to group by
    stable_keys     what keeps a row on one side of a rollout
    data            counts of how the rows were read
    """

    until: int
    prefix: str
    ids: Ints
    merchant_ids: Ints
    at: Ints
    amount_minor: Ints
    truth: Truths
    scores: Floats
    degraded: Flags
    frame: pl.DataFrame
    segments: Mapping[str, Groups]
    stable_keys: Callable[[int], str]
    data: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def flip(self, row: int, **said: Any) -> Flip:
        score = float(self.scores[row])
        return Flip(
            subject=encode(self.prefix, int(self.ids[row])),
            merchant_id=int(self.merchant_ids[row]) or None,
            at=moment_of(int(self.at[row])).isoformat(),
            amount_minor=int(self.amount_minor[row]),
            score=None if np.isnan(score) else score,
            **said,
        )


class History(Protocol):
    """The rows of one subject in a period, in parts by time."""

    @property
    def total(self) -> int:
        """Rows in the whole period."""

    def read(self, since: int, beat: Beat) -> Batch | None:
        """Return the rows from a moment on, whole moments and about as many as fit; None if none are left.

        beat    called now and then, so that a long reading is not taken for dead
        """


@dataclass(frozen=True, eq=False)
class KnownTruths:
    """Which subjects are labelled: `ids` ascending, `is_bad` if any source says so."""

    ids: Ints
    is_bad: Flags

    @classmethod
    def over(cls, subject_ids: Ints, is_bad: Flags) -> "KnownTruths":
        ids, place = np.unique(subject_ids, return_inverse=True)
        bad = np.zeros(len(ids), dtype=np.bool_)
        np.logical_or.at(bad, place, is_bad)
        return cls(ids, bad)

    def of(self, ids: Ints) -> Truths:
        if not len(self.ids):
            return np.full(len(ids), UNKNOWN, dtype=np.uint8)
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        known = np.where(self.is_bad[place], BAD, GOOD)
        return np.where(self.ids[place] == ids, known, UNKNOWN).astype(np.uint8)


def stop_of(at: Ints, start: int, part_rows: int) -> int:
    """Return where a part ends: rows of one moment stay together, so that a moment can name the place."""
    stop = start + part_rows
    if stop >= len(at):
        return len(at)
    first = int(np.searchsorted(at, at[stop], side="left"))
    return first if first > start else int(np.searchsorted(at, at[stop], side="right"))


def moment_of(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
