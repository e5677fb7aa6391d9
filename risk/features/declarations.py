"""The features of an order, declared once: what is counted, for whom, over which window.

Two computations read these declarations, `online` (one order, in SQL) and `setwise` (history, in
numpy), and must agree exactly. What both mean by a feature:

- An event counts for the moment `as_of` and a window W if and only if `known_at < as_of` and
  `as_of - W <= occurred_at < as_of`. The order being judged is known at `as_of`, so it never counts itself,
  and neither does another order that became known in the same microsecond.
- A label occurs when it becomes known: both its times are its `known_at`.
- An event is one row id; a row that is delivered twice counts once.
- An entity that was not supplied is missing (NaN). A supplied entity without history is 0.
- DISTINCT ignores events whose other entity is missing, and saturates at `cap`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import StrEnum


class Source(StrEnum):
    """The stream of events a feature counts."""

    ORDERS = "orders"
    LABELS = "labels"


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
    DISTINCT = "distinct"


class Where(StrEnum):
    """Which events of the stream count."""

    ALL = "all"
    BAD = "bad"  # labels only


class Unit(StrEnum):
    """What a value is measured in, so that a page can print it."""

    COUNT = "count"
    MONEY = "money"  # minor units of the base currency
    SHARE = "share"  # 0–1
    TIMES = "times"  # a multiple
    HOURS = "hours"
    FLAG = "flag"  # 0 or 1
    HOUR_OF_DAY = "hour_of_day"  # 0–23, UTC
    WEEKDAY = "weekday"  # Monday is 0


HOUR, DAY, WEEK, MONTH = 1, 24, 7 * 24, 30 * 24
ORDER_WINDOWS = (HOUR, DAY, WEEK, MONTH)
LABEL_WINDOWS = (DAY, WEEK, MONTH)
DISTINCT_CAP = 1_000  # beyond this a burst is a burst; it bounds what a filtered or sketched count must keep


@dataclass(frozen=True)
class Fact:
    """A model input that the order carries itself; `direct` computes it."""

    name: str
    unit: Unit


@dataclass(frozen=True)
class Feature:
    """One statistic of an entity's history over the window that ends at `as_of`.

    of     the entity whose different values DISTINCT counts
    cap    where DISTINCT saturates
    """

    name: str
    source: Source
    entity: Entity
    statistic: Statistic
    window_hours: int
    of: Entity | None = None
    cap: int | None = None
    where: Where = Where.ALL

    def __post_init__(self) -> None:
        is_distinct = self.statistic is Statistic.DISTINCT
        if is_distinct != (self.of is not None) or is_distinct != (self.cap is not None):
            raise ValueError(f"{self.name}: DISTINCT, and only DISTINCT, takes `of` and `cap`.")
        if self.source is Source.LABELS and self.statistic is not Statistic.COUNT:
            raise ValueError(f"{self.name}: labels can only be counted.")
        if self.source is Source.ORDERS and self.where is not Where.ALL:
            raise ValueError(f"{self.name}: only labels are good or bad.")

    @property
    def unit(self) -> Unit:
        return Unit.MONEY if self.statistic is Statistic.SUM else Unit.COUNT


@dataclass(frozen=True)
class Ratio:
    """One earlier declared value divided by another; NaN if either is missing or the whole is 0."""

    name: str
    part: str
    whole: str
    unit: Unit


Declaration = Fact | Feature | Ratio


def window_name(hours: int) -> str:
    """Return how a window is written in feature names.

    >>> [window_name(hours) for hours in ORDER_WINDOWS]
    ['1h', '24h', '7d', '30d']
    """
    return f"{hours}h" if hours <= DAY or hours % DAY else f"{hours // DAY}d"


def order_count(entity: Entity, hours: int) -> Feature:
    name = f"{entity}_orders_{window_name(hours)}_count"
    return Feature(name, Source.ORDERS, entity, Statistic.COUNT, hours)


def amount_sum(entity: Entity, hours: int) -> Feature:
    name = f"{entity}_amount_{window_name(hours)}_sum"
    return Feature(name, Source.ORDERS, entity, Statistic.SUM, hours)


def distinct_count(entity: Entity, of: Entity, hours: int) -> Feature:
    several = "addresses" if of is Entity.ADDRESS else f"{of}s"
    name = f"{entity}_{several}_{window_name(hours)}_distinct"
    return Feature(name, Source.ORDERS, entity, Statistic.DISTINCT, hours, of=of, cap=DISTINCT_CAP)


def label_count(entity: Entity, where: Where, hours: int) -> Feature:
    noun = "bad_labels" if where is Where.BAD else "labels"
    name = f"{entity}_{noun}_{window_name(hours)}_count"
    return Feature(name, Source.LABELS, entity, Statistic.COUNT, hours, where=where)


def bad_share(entity: Entity, hours: int) -> Ratio:
    bad, known = (label_count(entity, where, hours).name for where in (Where.BAD, Where.ALL))
    return Ratio(f"{entity}_bad_share_{window_name(hours)}", bad, known, Unit.SHARE)


def mean_amount(entity: Entity, hours: int) -> Ratio:
    total, count = amount_sum(entity, hours).name, order_count(entity, hours).name
    return Ratio(f"{entity}_mean_amount_{window_name(hours)}", total, count, Unit.MONEY)


def amount_to_own_mean(entity: Entity, hours: int) -> Ratio:
    mean = mean_amount(entity, hours).name
    return Ratio(
        f"order_amount_to_{entity}_mean_{window_name(hours)}", "order_amount_minor", mean, Unit.TIMES
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

ORDER_FEATURES: tuple[Feature, ...] = (
    *(order_count(entity, hours) for entity in Entity for hours in ORDER_WINDOWS),
    *(amount_sum(entity, hours) for entity in Entity for hours in ORDER_WINDOWS),
    *(
        distinct_count(entity, of, hours)
        for (entity, of), windows in DISTINCT_PAIRS.items()
        for hours in windows
    ),
    *(
        label_count(entity, w, hours)
        for entity in LABELLED_ENTITIES
        for w in Where
        for hours in LABEL_WINDOWS
    ),
)

ORDER_RATIOS: tuple[Ratio, ...] = (
    *(
        mean_amount(entity, hours)
        for entity in (Entity.BUYER, Entity.MERCHANT)
        for hours in (DAY, WEEK, MONTH)
    ),
    *(amount_to_own_mean(entity, MONTH) for entity in (Entity.BUYER, Entity.MERCHANT)),
    *(bad_share(entity, hours) for entity in LABELLED_ENTITIES for hours in LABEL_WINDOWS),
)

ORDER_INPUTS: tuple[Declaration, ...] = (*ORDER_FACTS, *ORDER_FEATURES, *ORDER_RATIOS)
DECLARED: dict[str, Declaration] = {declaration.name: declaration for declaration in ORDER_INPUTS}


def input_names() -> tuple[str, ...]:
    """Return every declared model input of an order, in the order in which vectors are stored."""
    return tuple(DECLARED)


def schema_hash(names: Iterable[str]) -> str:
    """Return the sha256 of these inputs' definitions, in order; KeyError if one is not declared.

    The hash changes when a definition changes under the same name, not only when a name does: a model
    must refuse values that mean something else than what it was trained on.

    >>> schema_hash(["device_orders_1h_count"]) == schema_hash(["device_orders_24h_count"])
    False
    """
    text = "\n".join(_definition(name) for name in names)
    return hashlib.sha256(text.encode()).hexdigest()


def _definition(name: str) -> str:
    declaration = DECLARED[name]
    if isinstance(declaration, Ratio):
        return f"{name} = ({_definition(declaration.part)}) / ({_definition(declaration.whole)})"
    return f"{type(declaration).__name__}{'|'.join(map(str, astuple(declaration)))}"
