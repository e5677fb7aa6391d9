"""Where windows begin and end, in minutes since the epoch, and how buckets of six sizes tile them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from risk.features.declarations import DAY, HOUR, MINUTE, Feature

MICROSECONDS_PER_MINUTE = 60_000_000
TEN_MINUTES, SIX_HOURS, EIGHT_DAYS = 10 * MINUTE, 6 * HOUR, 8 * DAY
# The sizes of buckets. Windows begin on minutes, hours and days; the sizes between and above them make a read
# that ends at an odd minute of an odd hour three times shorter.
LEVELS = (MINUTE, TEN_MINUTES, HOUR, SIX_HOURS, DAY, EIGHT_DAYS)
# How far back buckets of a size can be read: a window that begins on one, and the bucket that it begins in.
READ_BACK = {
    MINUTE: DAY + HOUR,
    TEN_MINUTES: DAY + HOUR,
    HOUR: 8 * DAY,
    SIX_HOURS: 8 * DAY,
    DAY: 182 * DAY,
    EIGHT_DAYS: 189 * DAY,
}
FOREVER = 4_000_000_000  # minutes; later than any moment of either engine


@dataclass(frozen=True, slots=True)
class Band:
    """Buckets of one size that begin from `since` on and before `until`."""

    level: int
    since: int
    until: int


def since_minute(feature: Feature, minute: int) -> int:
    """Return where a feature's window begins for a moment within `minute`.

    >>> from risk.features.declarations import WEEK, Entity, order_count
    >>> since_minute(order_count(Entity.CARD, WEEK), 30 * DAY + 61) == 23 * DAY + 60
    True
    """
    begin = minute - feature.delay_minutes - feature.window_minutes
    return begin - begin % feature.grid_minutes


def until_minute(feature: Feature, minute: int) -> int | None:
    """Return where the window ends, None if it ends at the moment itself."""
    if not feature.delay_minutes:
        return None
    end = minute - feature.delay_minutes
    return end - end % feature.grid_minutes


def tile(boundaries: Iterable[int | None]) -> list[Band]:
    """Return the fewest buckets from the first boundary to the last such that none reaches across a boundary.

    boundaries    ascending minutes; a last None stands for "and everything later"

    >>> [(band.level, band.since, band.until) for band in tile([1438, 1800, 14400])]
    [(1, 1438, 1440), (360, 1440, 1800), (360, 1800, 2880), (1440, 2880, 14400)]
    >>> tile([11520, None])
    [Band(level=11520, since=11520, until=4000000000)]
    """
    ends = [FOREVER if boundary is None else boundary for boundary in boundaries]
    return [band for since, until in pairwise(ends) for band in _cover(since, until, len(LEVELS) - 1)]


def _cover(since: int, until: int, index: int) -> Iterator[Band]:
    """Yield the largest buckets that fit, and smaller ones before and after them."""
    if since >= until:
        return
    size = LEVELS[index]
    first, last = -(-since // size) * size, until if until == FOREVER else until // size * size
    if first >= last and index:
        yield from _cover(since, until, index - 1)
        return
    if index:
        yield from _cover(since, first, index - 1)
    yield Band(size, first, last)
    if index:
        yield from _cover(last, until, index - 1)
