"""What the sample stands on: its window of time, countries, random streams, ids and weighted pools."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SECOND = 1_000_000  # every moment is an int64 of microseconds since 1970, UTC
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WINDOW_DAYS = 180
# Nothing sells a listing or merchant submitted in these last days, so a caller may stream them as undecided.
FRESH_DAYS = 7
# Honest orders count as good after this long, the latest moment at which a chargeback still arrives.
MATURITY_DAYS = 45

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Country:
    code: str
    currency: str
    share: float
    utc_offset_hours: int
    bins: tuple[str, ...]


# Shares are our choice: a Chinese marketplace that sells abroad. BIN prefixes follow ISO/IEC 7812 network
# ranges (62 UnionPay, 4 Visa, 51–55 Mastercard, 35 JCB). British sellers price in euros: four currencies do.
COUNTRIES = (
    Country("CN", "CNY", 0.50, 8, ("62",)),
    Country("US", "USD", 0.16, -5, ("4", "52", "55")),
    Country("DE", "EUR", 0.09, 1, ("4", "51", "53")),
    Country("GB", "EUR", 0.07, 0, ("4", "54")),
    Country("FR", "EUR", 0.06, 1, ("4", "51")),
    Country("JP", "JPY", 0.07, 9, ("35", "4")),
    Country("IT", "EUR", 0.05, 1, ("4", "53")),
)
COUNTRY_SHARES: Floats = np.array([country.share for country in COUNTRIES])
BASE_CURRENCY = "CNY"
CURRENCIES = ("CNY", "USD", "EUR", "JPY")
# Yuan for one unit, the level of 2025 rounded; the daily walk is in marketplace.py.
BASE_RATES: Floats = np.array([1.0, 7.15, 7.90, 0.0480])
MINOR_UNITS: Ints = np.array([100, 100, 100, 1])
CURRENCY_OF_COUNTRY: Ints = np.array([CURRENCIES.index(country.currency) for country in COUNTRIES])


@dataclass(frozen=True)
class Window:
    """The sampled time, [start, end) in microseconds."""

    start: int
    end: int

    @classmethod
    def ending(cls, end: datetime) -> "Window":
        if end.tzinfo is None:
            raise ValueError("The end of the sample needs a time zone.")
        moment = (end - _EPOCH) // timedelta(microseconds=1)
        return cls(moment - WINDOW_DAYS * DAY, moment)

    @property
    def span(self) -> int:
        return self.end - self.start

    @property
    def fresh_from(self) -> int:
        return self.end - FRESH_DAYS * DAY


@dataclass(frozen=True)
class Pool:
    """Weighted members in groups, each there from its moment on; a draw sees only who is there by then."""

    members: Ints
    arrivals: Ints
    cumulative: Floats
    first: Ints

    @classmethod
    def build(cls, *, group: Ints, since: Ints, weight: Floats, groups: int) -> "Pool":
        """Members are the positions of the arrays; those of weight 0 are never drawn."""
        members = np.flatnonzero(weight > 0)
        arrivals = _arrival_key(group[members], -(-since[members] // SECOND))
        order = np.argsort(arrivals, kind="stable")
        members, arrivals = members[order], arrivals[order]
        cumulative = np.concatenate([[0.0], np.cumsum(weight[members])])
        first = np.searchsorted(arrivals, _arrival_key(np.arange(groups), np.int64(0)))
        return cls(members, arrivals, cumulative, first)

    def draw(self, rng: np.random.Generator, group: Ints, at: Ints) -> Ints:
        """Draw one member per (group, moment). A group without anybody by then gives its oldest member."""
        start = self.first[group]
        stop = np.maximum(
            np.searchsorted(self.arrivals, _arrival_key(group, at // SECOND), "right"), start + 1
        )
        low, high = self.cumulative[start], self.cumulative[stop]
        drawn = np.searchsorted(self.cumulative, low + rng.random(group.size) * (high - low), "right") - 1
        members: Ints = self.members[np.clip(drawn, start, stop - 1)]
        return members

    def latest(self, group: Ints, at: Ints) -> Ints:
        """Return the member that arrived last in each group by each moment."""
        stop = np.searchsorted(self.arrivals, _arrival_key(group, at // SECOND), "right")
        members: Ints = self.members[np.maximum(stop - 1, self.first[group])]
        return members


def _arrival_key(group: Ints, second: Ints | np.int64) -> Ints:
    return (group << 32) + second


def stream(seed: int, name: str, number: int = 0) -> np.random.Generator:
    """Return the random stream of one part, so that a change in one part leaves the others as they were."""
    return np.random.default_rng(np.random.SeedSequence([seed, number, *name.encode()]))


def pick(rng: np.random.Generator, shares: Floats, n: int) -> Ints:
    """Draw n positions of `shares`, which need not sum to one."""
    edges = np.cumsum(shares)
    position: Ints = np.searchsorted(edges, rng.random(n) * edges[-1], "right")
    return np.minimum(position, len(shares) - 1)


def chance(ids: Ints, salt: int) -> Floats:
    """Return a fixed pseudo-random number in [0, 1) for each id: an attribute that needs no storage.

    splitmix64 finaliser, Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
    """
    x = ids.astype(np.uint64) + np.uint64(salt * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


_ID_BITS = 36


def strangers(rng: np.random.Generator, n: int) -> Ints:
    """Return ids outside every buyer's own range: new accounts, devices, cards, addresses."""
    return rng.integers(1 << (_ID_BITS - 1), 1 << _ID_BITS, n)


def opaque(ids: Ints, salt: int) -> Ints:
    """Scramble ids one to one, so that a reference shows nothing of its origin; -1 (missing) stays."""
    mask = np.uint64((1 << _ID_BITS) - 1)
    scrambled = (ids ^ salt * 0x9E3779B1).astype(np.uint64) * np.uint64(0x5851F42D4C957F2D) & mask
    return np.where(ids < 0, -1, scrambled.astype(np.int64))


def moments(values: Ints) -> pl.Series:
    """Return microseconds as a UTC column; -1 becomes null."""
    series = pl.Series(values, dtype=pl.Int64)
    return series.set(series < 0, None).cast(pl.Datetime("us", "UTC"))


def opaque_references(prefix: str, ids: Ints) -> pl.Series:
    """Return references that differ between kinds of things even where their ids are equal."""
    return references(prefix, opaque(ids, ord(prefix) % 8))


def references(prefix: str, ids: Ints) -> pl.Series:
    """Return prefix + number as text, at most 12 characters (Polars keeps those inline); -1 becomes null."""
    number = pl.col("id")
    frame = pl.DataFrame({"id": ids})
    return frame.select(pl.when(number >= 0).then(pl.format(prefix + "{}", number)).alias("ref"))["ref"]


def addresses_of(ips: Ints) -> pl.Series:
    """Return IPv4 numbers in dotted form; -1 becomes null."""
    ip = pl.col("ip")
    octets = [ip // 2**24, ip // 2**16 % 256, ip // 2**8 % 256, ip % 256]
    dotted = pl.when(ip >= 0).then(pl.format("{}.{}.{}.{}", *octets))
    return pl.DataFrame({"ip": ips}).select(dotted.alias("ip"))["ip"]


def words(choices: tuple[str, ...] | list[str], index: Ints) -> pl.Series:
    """Return choices[index] as a text column."""
    return pl.Series(choices, dtype=pl.String).gather(index)
