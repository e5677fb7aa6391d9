"""One feature of one question by its definition, word for word, over columns of events: slow and plain."""

import math

import numpy as np

from risk.features.columns import Events, Flags
from risk.features.declarations import Feature, Statistic
from risk.features.spread import Moments
from risk.features.tables import HALF
from risk.features.windows import MICROSECONDS_PER_MINUTE, since_minute, until_minute


def evaluate(feature: Feature, events: Events, key: int, as_of: int) -> float:
    """Return the feature for one key as of a moment, in microseconds since the epoch; one pass per condition.

    >>> from risk.features.columns import Keys
    >>> from risk.features.declarations import DAY, Entity, order_count
    >>> at = np.array([0, 1])
    >>> events = Events(np.arange(2), at, at, {Entity.CARD: Keys.all_present(np.array([7, 7]))})
    >>> evaluate(order_count(Entity.CARD, DAY), events, 7, 1)
    1.0
    """
    seen = events.take(np.flatnonzero(_counts(feature, events, key, as_of)))
    amounts = np.zeros(0, dtype=np.int64) if seen.amount_minor is None else seen.amount_minor
    match feature.statistic:
        case Statistic.COUNT:
            return float(len(seen.ids))
        case Statistic.SUM:
            return float(int(amounts.sum()))
        case Statistic.MAX:
            return float(amounts.max()) if len(amounts) else math.nan
        case Statistic.STD:
            high, low = amounts // HALF, amounts % HALF
            parts = (amounts, high * high, high * low, low * low)
            return Moments(len(amounts), *(int(part.sum()) for part in parts)).deviation()
        case Statistic.SECONDS_SINCE:
            newest = int(seen.occurred_at.max()) if len(seen.ids) else None
            return math.nan if newest is None else (as_of - newest) / 1_000_000
    assert feature.of is not None
    others = seen.keys[feature.of]
    return float(min(len(np.unique(others.values[others.is_present])), feature.cap or 0))


def _counts(feature: Feature, events: Events, key: int, as_of: int) -> Flags:
    keys = events.keys[feature.entity]
    minute = as_of // MICROSECONDS_PER_MINUTE
    since, until = since_minute(feature, minute), until_minute(feature, minute)
    end = as_of if until is None else until * MICROSECONDS_PER_MINUTE
    counts: Flags = keys.is_present & (keys.values == key) & (events.known_at < as_of)
    counts &= (events.occurred_at >= since * MICROSECONDS_PER_MINUTE) & (events.occurred_at < end)
    if events.superseded_at is not None:
        counts &= events.superseded_at >= as_of
    if feature.where is not None:
        counts &= events.passes[feature.where.code]
    return counts
