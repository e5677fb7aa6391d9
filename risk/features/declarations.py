"""The features of an order, declared once: what is counted, for whom, over which window.

Two computations read these declarations, `online` (one order, in SQL, with rollups behind keys that have much
history) and `setwise` (history, in numpy), and must agree bit for bit. What both mean by a feature:

- An event counts for the moment `as_of` and a window W if and only if `known_at < as_of` and
  `start <= occurred_at < as_of`, where `start` is `as_of - W` rounded down to the window's grid: the minute
  up to a day, the hour up to a week, the day (UTC) beyond. A window is therefore at least W long, and no
  bucket of a minute, an hour or a day is ever cut by its start.
- The order being judged is known at `as_of`, so it never counts itself, and neither does another order that
  became known in the same microsecond.
- A late event counts from the moment it is known, in the window in which it occurred.
- A label occurs when it becomes known: both its times are its `known_at`. An outcome is the same label, but
  it occurs when its order was placed, and its window ends `delay` earlier than `as_of`, on the grid: labels
  that had time to mature. A label whose order's moment is not known is no outcome.
- A corrected label counts up to and at the moment its correction became known (`as_of <= superseded_at`), and
  the correction after it: exactly one of the two at any moment.
- An event is one row id; a row that is delivered twice counts once.
- An entity that was not supplied is missing (NaN). A supplied entity without history is 0; MAX and
  SECONDS_SINCE are then missing, and STD is missing below two events.
- DISTINCT ignores events whose other entity is missing, and saturates at `cap`.
- STD is the sample standard deviation, from exact integer sums: `sqrt((n·Σx² - (Σx)²) / (n·(n - 1)))`.
- A filter (`where`) counts the events for which its condition is true; missing is not true. Its buckets are
  kept apart, on the same grid, so that it costs what an unfiltered feature costs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum

from risk.features.links import ORDER_LINKS, Link


class Source(StrEnum):
    """The stream of events a feature counts."""

    ORDERS = "orders"
    LABELS = "labels"  # by when they became known
    OUTCOMES = "outcomes"  # the same rows by when their order was placed


class Entity(StrEnum):
    """What an event is counted for, or whose different values are counted."""

    BUYER = "buyer"
    DEVICE = "device"
    CARD = "card"
    ADDRESS = "address"
    IP = "ip"
    MERCHANT = "merchant"


class Statistic(StrEnum):
    COUNT = "count"
    SUM = "sum"  # of the order amount, minor units of the base currency
    MAX = "max"  # likewise
    STD = "std"  # likewise
    DISTINCT = "distinct"
    SECONDS_SINCE = "since"  # the newest event of the window


_LABEL_STATISTICS = (Statistic.COUNT, Statistic.SECONDS_SINCE)


class Unit(StrEnum):
    """What a value is measured in, so that a page can print it."""

    COUNT = "count"
    MONEY = "money"  # minor units of the base currency
    SHARE = "share"  # 0–1
    TIMES = "times"  # a multiple
    HOURS = "hours"
    SECONDS = "seconds"
    FLAG = "flag"  # 0 or 1
    HOUR_OF_DAY = "hour_of_day"  # 0–23, UTC
    WEEKDAY = "weekday"  # Monday is 0


MINUTE, HOUR, DAY = 1, 60, 24 * 60  # windows are whole minutes
WEEK, MONTH, HALF_YEAR = 7 * DAY, 30 * DAY, 180 * DAY
BURST = 10 * MINUTE  # what a script does and a person cannot
ORDER_WINDOWS = (HOUR, DAY, WEEK, MONTH)
LABEL_WINDOWS = (DAY, WEEK, MONTH)
SHORTEST_WINDOW, LONGEST_WINDOW = BURST, HALF_YEAR
DISTINCT_CAP = 1_000  # beyond this a burst is a burst; it bounds what must be read of a busy key
# Most of what turns out bad is known by then; the sample marketplace calls an order good after as long.
MATURITY = 45 * DAY


@dataclass(frozen=True)
class Filter:
    """Which events of a stream count.

    code    stands in feature names and in rollups
    text    a condition of the rule language on the fields of `risk.features.filters`, without arithmetic
    """

    code: str
    text: str


BAD = Filter("bad", "is_bad")
# A thief tries a stolen card with next to nothing first; less than ten units of most currencies.
SMALL = Filter("small", "amount_minor < 1000")
ABROAD = Filter("abroad", "card_country != shipping_country")


@dataclass(frozen=True)
class Fact:
    """A model input that the order carries itself; `direct` computes it."""

    name: str
    unit: Unit


@dataclass(frozen=True)
class Feature:
    """One statistic of an entity's history over the window that ends at `as_of`, or `delay_minutes` earlier.

    of     the entity whose different values DISTINCT counts
    cap    where DISTINCT saturates
    """

    name: str
    source: Source
    entity: Entity
    statistic: Statistic
    window_minutes: int
    of: Entity | None = None
    cap: int | None = None
    where: Filter | None = None
    delay_minutes: int = 0

    def __post_init__(self) -> None:
        is_distinct = self.statistic is Statistic.DISTINCT
        if is_distinct != (self.of is not None) or is_distinct != (self.cap is not None):
            raise ValueError(f"{self.name}: DISTINCT, and only DISTINCT, takes `of` and `cap`.")
        if self.source is not Source.ORDERS and self.statistic not in _LABEL_STATISTICS:
            raise ValueError(f"{self.name}: labels can only be counted, or the newest found.")
        if not SHORTEST_WINDOW <= self.window_minutes <= LONGEST_WINDOW:
            raise ValueError(f"{self.name}: a window lasts from 10 minutes to 180 days.")
        if (self.source is Source.OUTCOMES) != (self.delay_minutes > 0):
            raise ValueError(f"{self.name}: outcomes, and only outcomes, take a delay.")
        if is_distinct and self.where is not None:
            raise ValueError(f"{self.name}: DISTINCT takes no filter.")

    @property
    def grid_minutes(self) -> int:
        """The bucket that the window begins on: a minute, an hour or a day."""
        if self.delay_minutes or self.window_minutes > WEEK:
            return DAY
        return MINUTE if self.window_minutes <= DAY else HOUR

    @property
    def unit(self) -> Unit:
        if self.statistic in (Statistic.SUM, Statistic.MAX, Statistic.STD):
            return Unit.MONEY
        return Unit.SECONDS if self.statistic is Statistic.SECONDS_SINCE else Unit.COUNT


@dataclass(frozen=True)
class Ratio:
    """One earlier declared value divided by another; NaN if either is missing or the whole is 0."""

    name: str
    part: str
    whole: str
    unit: Unit


Declaration = Fact | Feature | Ratio | Link


def window_name(minutes: int) -> str:
    """Return how a window is written in feature names.

    >>> [window_name(minutes) for minutes in (BURST, *ORDER_WINDOWS, HALF_YEAR)]
    ['10min', '1h', '24h', '7d', '30d', '180d']
    """
    if minutes < HOUR:
        return f"{minutes}min"
    return f"{minutes // HOUR}h" if minutes <= DAY or minutes % DAY else f"{minutes // DAY}d"


def order_count(entity: Entity, minutes: int, where: Filter | None = None) -> Feature:
    noun = "orders" if where is None else f"{where.code}_orders"
    name = f"{entity}_{noun}_{window_name(minutes)}_count"
    return Feature(name, Source.ORDERS, entity, Statistic.COUNT, minutes, where=where)


def amount_statistic(entity: Entity, statistic: Statistic, minutes: int) -> Feature:
    name = f"{entity}_amount_{window_name(minutes)}_{statistic}"
    return Feature(name, Source.ORDERS, entity, statistic, minutes)


def seconds_since_order(entity: Entity, minutes: int) -> Feature:
    name = f"{entity}_order_{window_name(minutes)}_since"
    return Feature(name, Source.ORDERS, entity, Statistic.SECONDS_SINCE, minutes)


def distinct_count(entity: Entity, of: Entity, minutes: int, cap: int = DISTINCT_CAP) -> Feature:
    several = "addresses" if of is Entity.ADDRESS else f"{of}s"
    name = f"{entity}_{several}_{window_name(minutes)}_distinct"
    return Feature(name, Source.ORDERS, entity, Statistic.DISTINCT, minutes, of=of, cap=cap)


def label_count(entity: Entity, where: Filter | None, minutes: int) -> Feature:
    noun = "labels" if where is None else f"{where.code}_labels"
    name = f"{entity}_{noun}_{window_name(minutes)}_count"
    return Feature(name, Source.LABELS, entity, Statistic.COUNT, minutes, where=where)


def outcome_count(
    entity: Entity, where: Filter | None, minutes: int, delay_minutes: int = MATURITY
) -> Feature:
    noun = "outcomes" if where is None else f"{where.code}_outcomes"
    delay = "" if delay_minutes == MATURITY else f"_after_{window_name(delay_minutes)}"
    name = f"{entity}_{noun}{delay}_{window_name(minutes)}_count"
    return Feature(
        name, Source.OUTCOMES, entity, Statistic.COUNT, minutes, where=where, delay_minutes=delay_minutes
    )


def bad_share(entity: Entity, minutes: int) -> Ratio:
    bad, known = (label_count(entity, where, minutes).name for where in (BAD, None))
    return Ratio(f"{entity}_bad_share_{window_name(minutes)}", bad, known, Unit.SHARE)


def matured_bad_share(entity: Entity, minutes: int) -> Ratio:
    bad, known = (outcome_count(entity, where, minutes).name for where in (BAD, None))
    return Ratio(f"{entity}_matured_bad_share_{window_name(minutes)}", bad, known, Unit.SHARE)


def mean_amount(entity: Entity, minutes: int) -> Ratio:
    total = amount_statistic(entity, Statistic.SUM, minutes).name
    count = order_count(entity, minutes).name
    return Ratio(f"{entity}_mean_amount_{window_name(minutes)}", total, count, Unit.MONEY)


def amount_to_own_mean(entity: Entity, minutes: int) -> Ratio:
    mean = mean_amount(entity, minutes).name
    return Ratio(
        f"order_amount_to_{entity}_mean_{window_name(minutes)}", "order_amount_minor", mean, Unit.TIMES
    )


def amount_to_own_max(entity: Entity, minutes: int) -> Ratio:
    largest = amount_statistic(entity, Statistic.MAX, minutes).name
    return Ratio(
        f"order_amount_to_{entity}_max_{window_name(minutes)}", "order_amount_minor", largest, Unit.TIMES
    )


ORDER_FACTS: tuple[Fact, ...] = (
    Fact("order_amount_minor", Unit.MONEY),
    Fact("order_line_count", Unit.COUNT),
    Fact("order_item_count", Unit.COUNT),
    Fact("order_hour", Unit.HOUR_OF_DAY),
    Fact("order_weekday", Unit.WEEKDAY),
    Fact("order_is_weekend", Unit.FLAG),
    Fact("order_is_night", Unit.FLAG),
    Fact("order_countries_differ", Unit.FLAG),
    Fact("buyer_account_age_hours", Unit.HOURS),
)

# Each pair tells a story: many cards on a device is card testing, many devices on a card is a stolen number
# passed round, many buyers at an address is a drop or collusion, few buyers at a merchant is a fake shop.
# A merchant's month can hold a million orders, and different buyers do not add up over days: a week at most.
DISTINCT_PAIRS: dict[tuple[Entity, Entity], tuple[int, ...]] = {
    (Entity.BUYER, Entity.CARD): ORDER_WINDOWS,
    (Entity.BUYER, Entity.DEVICE): ORDER_WINDOWS,
    (Entity.BUYER, Entity.ADDRESS): ORDER_WINDOWS,
    (Entity.DEVICE, Entity.BUYER): ORDER_WINDOWS,
    (Entity.DEVICE, Entity.CARD): ORDER_WINDOWS,
    (Entity.CARD, Entity.BUYER): ORDER_WINDOWS,
    (Entity.CARD, Entity.DEVICE): ORDER_WINDOWS,
    (Entity.CARD, Entity.MERCHANT): ORDER_WINDOWS,
    (Entity.ADDRESS, Entity.BUYER): ORDER_WINDOWS,
    (Entity.ADDRESS, Entity.CARD): ORDER_WINDOWS,
    (Entity.IP, Entity.BUYER): ORDER_WINDOWS,
    (Entity.IP, Entity.CARD): ORDER_WINDOWS,
    (Entity.MERCHANT, Entity.BUYER): (HOUR, DAY, WEEK),
    (Entity.MERCHANT, Entity.CARD): (HOUR, DAY, WEEK),
}

LABELLED_ENTITIES = (Entity.BUYER, Entity.DEVICE, Entity.CARD, Entity.MERCHANT)
MATURED_ENTITIES = (Entity.BUYER, Entity.MERCHANT)
OUTCOME_WINDOW = 90 * DAY

ORDER_FEATURES: tuple[Feature, ...] = (
    *(order_count(entity, minutes) for entity in Entity for minutes in ORDER_WINDOWS),
    *(amount_statistic(entity, Statistic.SUM, minutes) for entity in Entity for minutes in ORDER_WINDOWS),
    *(
        distinct_count(entity, of, minutes)
        for (entity, of), windows in DISTINCT_PAIRS.items()
        for minutes in windows
    ),
    *(
        label_count(entity, where, minutes)
        for entity in LABELLED_ENTITIES
        for where in (None, BAD)
        for minutes in LABEL_WINDOWS
    ),
    *(order_count(entity, BURST) for entity in (Entity.DEVICE, Entity.CARD, Entity.IP)),
    order_count(Entity.BUYER, HALF_YEAR),
    *(seconds_since_order(entity, MONTH) for entity in (Entity.BUYER, Entity.DEVICE, Entity.CARD)),
    *(
        amount_statistic(entity, statistic, MONTH)
        for entity in (Entity.BUYER, Entity.CARD, Entity.MERCHANT)
        for statistic in (Statistic.MAX, Statistic.STD)
    ),
    order_count(Entity.CARD, DAY, SMALL),
    order_count(Entity.DEVICE, DAY, SMALL),
    order_count(Entity.MERCHANT, WEEK, ABROAD),
    *(outcome_count(entity, where, OUTCOME_WINDOW) for entity in MATURED_ENTITIES for where in (None, BAD)),
)

ORDER_RATIOS: tuple[Ratio, ...] = (
    *(
        mean_amount(entity, minutes)
        for entity in (Entity.BUYER, Entity.MERCHANT)
        for minutes in (DAY, WEEK, MONTH)
    ),
    *(amount_to_own_mean(entity, MONTH) for entity in (Entity.BUYER, Entity.MERCHANT)),
    amount_to_own_max(Entity.BUYER, MONTH),
    *(bad_share(entity, minutes) for entity in LABELLED_ENTITIES for minutes in LABEL_WINDOWS),
    *(matured_bad_share(entity, OUTCOME_WINDOW) for entity in MATURED_ENTITIES),
)

ORDER_INPUTS: tuple[Declaration, ...] = (*ORDER_FACTS, *ORDER_FEATURES, *ORDER_RATIOS, *ORDER_LINKS)
DECLARED: dict[str, Declaration] = {declaration.name: declaration for declaration in ORDER_INPUTS}


def input_names() -> tuple[str, ...]:
    """Return every declared model input of an order, in the order in which vectors are stored."""
    return tuple(DECLARED)


def schema_hash(names: Iterable[str], declared: Mapping[str, Declaration] = DECLARED) -> str:
    """Return the sha256 of these inputs' definitions, in order; KeyError if one is not declared.

    The hash changes when a definition changes under the same name, not only when a name does: a model
    must refuse values that mean something else than what it was trained on.

    >>> schema_hash(["device_orders_1h_count"]) == schema_hash(["device_orders_24h_count"])
    False
    """
    text = "\n".join(_definition(name, declared) for name in names)
    return hashlib.sha256(text.encode()).hexdigest()


def _definition(name: str, declared: Mapping[str, Declaration]) -> str:
    declaration = declared[name]
    if isinstance(declaration, Ratio):
        part, whole = (_definition(each, declared) for each in (declaration.part, declaration.whole))
        return f"{name} = ({part}) / ({whole})"
    return f"{type(declaration).__name__}{'|'.join(map(str, astuple(declaration)))}"
