"""Random streams full of hubs, ties, late orders and repeats, and the link features' definition spelt out."""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from risk.features.columns import MICROSECONDS_PER_HOUR, NEVER, Events, Keys
from risk.features.declarations import Entity
from risk.features.link_sets import BadLabels
from risk.features.link_sql import LINK_ENTITIES
from risk.features.links import (
    BUYER_ORDERS,
    FOLLOWED_BUYERS,
    FOLLOWED_KEYS,
    KEY_ORDERS,
    LINK_WINDOW_HOURS,
    ORDER_LINKS,
    OWN_ORDERS,
    STEP_BUYERS,
)

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_ENTITIES = (Entity.BUYER, *LINK_ENTITIES)
_Place = tuple[int, int]  # kind of entity, key


@dataclass(frozen=True)
class Event:
    """An order."""

    id: int
    occurred_at: int
    known_at: int
    keys: Mapping[Entity, int | None]


@dataclass(frozen=True)
class Said:
    """A label of a buyer; `superseded_at` None = it stands."""

    id: int
    buyer: int | None
    known_at: int
    superseded_at: int | None = None
    is_bad: bool = True


@dataclass(frozen=True)
class Question:
    as_of: int
    keys: Mapping[Entity, int | None]


def moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def random_orders(seed: int, *, size: int, hours: int, buyers: int, keys: int) -> list[Event]:
    """Return orders on whole hours: few different hours and keys make ties and hubs the rule."""
    draw = random.Random(seed)
    return [_order(draw, number, hours, buyers, keys) for number in range(size)]


def random_labels(seed: int, *, size: int, hours: int, buyers: int, corrected: bool = False) -> list[Said]:
    draw = random.Random(seed)
    found = []
    for number in range(size):
        at = draw.randrange(hours)
        ends = at + draw.randrange(1, hours + 1) if corrected and draw.random() < 0.5 else None
        buyer = draw.choice([None, *range(-buyers // 2, buyers // 2)])
        found.append(
            Said(
                number + 1,
                buyer,
                at * MICROSECONDS_PER_HOUR,
                None if ends is None else ends * MICROSECONDS_PER_HOUR,
                draw.random() < 0.4,
            )
        )
    return found


def _order(draw: random.Random, number: int, hours: int, buyers: int, keys: int) -> Event:
    occurred_at = draw.randrange(hours) * MICROSECONDS_PER_HOUR
    delay = draw.choice([0, 0, 0, 0, 1, 24, 200, 720]) * MICROSECONDS_PER_HOUR
    own: dict[Entity, int | None] = {entity: _key(draw, keys) for entity in LINK_ENTITIES}
    own[Entity.BUYER] = None if draw.random() < 0.05 else draw.randrange(buyers) - buyers // 2
    return Event(number + 1, occurred_at, occurred_at + delay, own)


def _key(draw: random.Random, keys: int) -> int | None:
    # A tenth is missing and a fifth goes to one hub.
    return draw.choice([None, -1, -1, *(draw.randrange(keys) for _ in range(7))])


def questions_of(orders: Sequence[Event]) -> list[Question]:
    """Return each order as it was judged: as of the moment it became known."""
    return [Question(order.known_at, order.keys) for order in orders]


def as_events(rows: Sequence[Event]) -> Events:
    return Events(
        ids=np.array([row.id for row in rows], dtype=np.int64),
        occurred_at=np.array([row.occurred_at for row in rows], dtype=np.int64),
        known_at=np.array([row.known_at for row in rows], dtype=np.int64),
        keys={entity: as_keys([row.keys.get(entity) for row in rows]) for entity in _ENTITIES},
    )


def as_labels(rows: Sequence[Said]) -> BadLabels:
    bad = [row for row in rows if row.is_bad and row.buyer is not None]
    return BadLabels(
        buyers=np.array([row.buyer for row in bad], dtype=np.int64),
        known_at=np.array([row.known_at for row in bad], dtype=np.int64),
        superseded_at=np.array([row.superseded_at or NEVER for row in bad], dtype=np.int64),
    )


def as_keys(values: Sequence[int | None]) -> Keys:
    return Keys(
        np.array([value or 0 for value in values], dtype=np.int64),
        np.array([value is not None for value in values], dtype=np.bool_),
    )


def expected(question: Question, orders: Iterable[Event], labels: Iterable[Said]) -> dict[str, float]:
    """Return the link features by reading every order: the definition, word for word."""
    own = {kind: question.keys[entity] for kind, entity in enumerate(LINK_ENTITIES)}
    if all(key is None for key in own.values()):
        return {link.name: math.nan for link in ORDER_LINKS}
    visible = _visible(question, orders)
    me = question.keys[Entity.BUYER]
    places = [(kind, key) for kind, key in own.items() if key is not None]
    near = _others(_sharing(visible, places, OWN_ORDERS), me, set())
    used = [order for buyer in near[:FOLLOWED_BUYERS] for order in _of(visible, buyer)[:BUYER_ORDERS]]
    keys = _newest_first(used, _places_of)
    followed = [place for place in keys if place not in places][:FOLLOWED_KEYS]
    far = _others(_sharing(visible, followed, KEY_ORDERS), me, set(near))
    bad = {
        label.buyer
        for label in labels
        if label.is_bad
        and label.known_at < question.as_of
        and (label.superseded_at is None or question.as_of <= label.superseded_at)
    }
    reached = [*near, *far]
    counts = (len(near), 1 + len(reached), sum(buyer in bad for buyer in reached))
    return {link.name: float(count) for link, count in zip(ORDER_LINKS, counts, strict=True)}


def _visible(question: Question, orders: Iterable[Event]) -> list[Event]:
    """Return what the question may see, each row once, newest first."""
    since = question.as_of - LINK_WINDOW_HOURS * MICROSECONDS_PER_HOUR
    rows = {
        order.id: order
        for order in orders
        if order.known_at < question.as_of and since <= order.occurred_at < question.as_of
    }
    return sorted(rows.values(), key=lambda order: (order.occurred_at, order.id), reverse=True)


def _sharing(visible: Sequence[Event], places: Iterable[_Place], limit: int) -> list[Event]:
    return [
        order
        for kind, key in places
        for order in [one for one in visible if one.keys[LINK_ENTITIES[kind]] == key][:limit]
    ]


def _of(visible: Sequence[Event], buyer: int) -> list[Event]:
    return [order for order in visible if order.keys[Entity.BUYER] == buyer]


def _others(orders: Sequence[Event], me: int | None, known: set[int]) -> list[int]:
    different = _newest_first(orders, lambda order: [order.keys[Entity.BUYER]])
    return [buyer for buyer in different if buyer not in {None, me, *known}][:STEP_BUYERS]


def _places_of(order: Event) -> list[_Place]:
    pairs = [(kind, order.keys[entity]) for kind, entity in enumerate(LINK_ENTITIES)]
    return [(kind, key) for kind, key in pairs if key is not None]


def _newest_first(orders: Iterable[Event], parts_of: Callable[[Event], list]) -> list:  # type: ignore[type-arg]
    newest: dict = {}  # type: ignore[type-arg]
    for order in orders:
        for part in parts_of(order):
            newest[part] = max(newest.get(part, order.occurred_at), order.occurred_at)
    return sorted((part for part in newest if part is not None), key=lambda part: (-newest[part], part))


def columns_at(columns: Mapping[str, np.ndarray], number: int) -> dict[str, float]:
    return {name: float(column[number]) for name, column in columns.items()}
