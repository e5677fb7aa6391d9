"""The set-based link features against the definition read order by order."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.features.columns import MICROSECONDS_PER_HOUR, Questions
from risk.features.declarations import Entity
from risk.features.link_sets import link_columns
from risk.features.link_sql import LINK_ENTITIES
from risk.features.links import (
    BUYER_ORDERS,
    LINK_LABELS,
    ORDER_LINKS,
    OWN_ORDERS,
    STEP_BUYERS,
)
from tests.risk.features.link_streams import (
    Event,
    Question,
    Said,
    as_events,
    as_keys,
    as_labels,
    columns_at,
    expected,
    questions_of,
    random_labels,
    random_orders,
)

BUYERS, COMPONENT, BAD = (link.name for link in ORDER_LINKS)


def asked(questions: Sequence[Question]) -> Questions:
    keys = {
        entity: as_keys([question.keys.get(entity) for question in questions])
        for entity in (Entity.BUYER, *LINK_ENTITIES)
    }
    return Questions(np.array([question.as_of for question in questions], dtype=np.int64), keys)


def order(number: int, hour: int, *, buyer: int | None, late: int = 0, **keys: int) -> Event:
    own = {Entity.BUYER: buyer, **{entity: keys.get(entity) for entity in LINK_ENTITIES}}
    at = hour * MICROSECONDS_PER_HOUR
    return Event(number, at, at + late * MICROSECONDS_PER_HOUR, own)


def answer(question: Event, orders: Sequence[Event], labels: Sequence[Said] = ()) -> dict[str, float]:
    columns = link_columns(asked(questions_of([question])), as_events(orders), as_labels(labels))
    return columns_at(columns, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(2, 40), st.integers(1, 12), st.sampled_from([6, 800]))
def test_every_feature_equals_its_definition(seed: int, buyers: int, keys: int, hours: int) -> None:
    orders = random_orders(seed, size=60, hours=hours, buyers=buyers, keys=keys)
    labels = random_labels(seed, size=20, hours=hours, buyers=buyers, corrected=True)
    questions = questions_of(orders)
    columns = link_columns(asked(questions), as_events(orders), as_labels(labels))
    for number, question in enumerate(questions):
        np.testing.assert_equal(columns_at(columns, number), expected(question, orders, labels))


@pytest.mark.parametrize("seed", range(3))
def test_hubs_beyond_every_bound_equal_the_definition(seed: int) -> None:
    orders = random_orders(seed, size=2_000, hours=400, buyers=900, keys=25)
    labels = random_labels(seed, size=300, hours=400, buyers=900)
    questions = questions_of(orders)[::40]
    columns = link_columns(asked(questions), as_events(orders), as_labels(labels))
    for number, question in enumerate(questions):
        np.testing.assert_equal(columns_at(columns, number), expected(question, orders, labels))
    assert np.nanmax(columns[BUYERS]) == STEP_BUYERS
    assert np.nanmax(columns[COMPONENT]) == 1 + 2 * STEP_BUYERS


def test_orders_delivered_twice_count_once() -> None:
    orders = random_orders(5, size=150, hours=300, buyers=40, keys=10)
    labels = random_labels(5, size=40, hours=300, buyers=40)
    questions = asked(questions_of(orders))
    once = link_columns(questions, as_events(orders), as_labels(labels))
    twice = link_columns(questions, as_events([*orders, *orders]), as_labels([*labels, *labels]))
    np.testing.assert_equal(once, twice)


def test_nothing_known_later_moves_a_feature() -> None:
    orders = random_orders(6, size=200, hours=300, buyers=60, keys=12)
    labels = random_labels(6, size=60, hours=300, buyers=60)
    moment = 150 * MICROSECONDS_PER_HOUR
    questions = asked([question for question in questions_of(orders) if question.as_of <= moment])
    seen = link_columns(
        questions,
        as_events([one for one in orders if one.known_at < moment]),
        as_labels([one for one in labels if one.known_at < moment]),
    )
    np.testing.assert_equal(link_columns(questions, as_events(orders), as_labels(labels)), seen)


def test_the_second_step_follows_what_the_linked_buyers_used() -> None:
    orders = [
        order(1, 1, buyer=2, device=7, card=20),
        order(2, 2, buyer=3, card=20, address=30),
        order(3, 3, buyer=4, address=30),  # three steps away
    ]
    label = Said(1, 3, 0)
    found = answer(order(9, 10, buyer=1, device=7), orders, [label])
    assert found == {BUYERS: 1, COMPONENT: 3, BAD: 1}


def test_the_order_itself_and_its_own_buyer_are_no_neighbours() -> None:
    me = order(9, 10, buyer=1, device=7)
    assert answer(me, [me, order(1, 5, buyer=1, device=7)]) == {BUYERS: 0, COMPONENT: 1, BAD: 0}


@pytest.mark.parametrize(
    ("hour", "late", "buyers"),
    [(10, 0, 0), (9, 1, 0), (9, 0, 1), (12, 0, 0)],
    ids=["same moment", "became known then", "an hour before", "later"],
)
def test_only_what_was_known_before_is_linked(hour: int, late: int, buyers: int) -> None:
    other = order(1, hour, buyer=2, late=late, device=7)
    assert answer(order(9, 10, buyer=1, device=7), [other])[BUYERS] == buyers


def test_a_link_ends_with_its_window() -> None:
    other = order(1, 0, buyer=2, device=7)
    assert answer(order(9, 720, buyer=1, device=7), [other])[BUYERS] == 1
    assert answer(order(9, 721, buyer=1, device=7), [other])[BUYERS] == 0


def test_a_buyer_is_bad_from_when_it_is_known_until_that_is_corrected() -> None:
    other = order(1, 1, buyer=2, device=7)
    label = Said(1, 2, 10 * MICROSECONDS_PER_HOUR, 12 * MICROSECONDS_PER_HOUR)
    assert answer(order(9, 10, buyer=1, device=7), [other], [label])[BAD] == 0
    assert answer(order(9, 11, buyer=1, device=7), [other], [label])[BAD] == 1
    assert answer(order(9, 12, buyer=1, device=7), [other], [label])[BAD] == 1
    assert answer(order(9, 13, buyer=1, device=7), [other], [label])[BAD] == 0


def test_without_anything_to_be_linked_by_the_features_are_missing() -> None:
    assert all(np.isnan(list(answer(order(9, 10, buyer=1), [order(1, 5, buyer=2)]).values())))
    unnamed = answer(order(9, 10, buyer=None, card=5), [order(1, 5, buyer=2, card=5)])
    assert unnamed == {BUYERS: 1, COMPONENT: 2, BAD: 0}


def test_of_a_hub_only_the_newest_orders_link_and_late_ones_make_room() -> None:
    newer = [order(100 + n, 5, buyer=2, device=7) for n in range(OWN_ORDERS)]
    older = order(1, 5, buyer=3, device=7)  # same moment, smaller id
    me = order(999, 10, buyer=1, device=7)
    assert answer(me, [older, *newer])[BUYERS] == 1
    unseen = [order(one.id, 5, buyer=2, late=20, device=7) for one in newer[:1]]
    assert answer(me, [older, *unseen, *newer[1:]])[BUYERS] == 2


def test_only_what_a_buyer_used_last_is_followed() -> None:
    recent = [order(10 + n, 6, buyer=2, device=7) for n in range(BUYER_ORDERS)]
    old = order(1, 5, buyer=2, card=20)
    behind = order(2, 5, buyer=3, card=20)
    assert answer(order(999, 10, buyer=1, device=7), [behind, old, *recent])[COMPONENT] == 2
    assert answer(order(999, 10, buyer=1, device=7), [behind, old, *recent[1:]])[COMPONENT] == 3


def test_every_link_has_its_words_and_states_its_bounds() -> None:
    assert {link.name for link in ORDER_LINKS} == LINK_LABELS.keys()
    assert len({link.definition for link in ORDER_LINKS}) == len(ORDER_LINKS)
    assert all(f"|{OWN_ORDERS}|" in link.definition and link.unit == "count" for link in ORDER_LINKS)
