"""The set-based computation against the definition read event by event."""

import numpy as np
import pytest
from hypothesis import given, settings

from risk.features.columns import MICROSECONDS_PER_HOUR, Events, Keys, Questions
from risk.features.declarations import (
    DAY,
    HALF_YEAR,
    MONTH,
    ORDER_FEATURES,
    ORDER_RATIOS,
    Entity,
    Feature,
    Source,
    Statistic,
    order_count,
)
from risk.features.historic import HISTORIC_FEATURES
from risk.features.setwise import add_ratios, compute_columns
from tests.risk.features import streams
from tests.risk.features.streams import Event, Question

CAPPED_AT_TWO = Feature(
    "merchant_buyers_30d_distinct",
    Source.ORDERS,
    Entity.MERCHANT,
    Statistic.DISTINCT,
    MONTH,
    of=Entity.BUYER,
    cap=2,
)


@settings(max_examples=150, deadline=None)
@given(streams.orders(), streams.labels(), streams.QUESTIONS)
def test_every_feature_equals_its_definition_event_by_event(
    orders: list[Event], labels: list[Event], questions: list[Question]
) -> None:
    features = (*ORDER_FEATURES, *HISTORIC_FEATURES, CAPPED_AT_TWO)
    rows = streams.rows_of(orders, labels)
    columns = compute_columns(features, streams.as_questions(questions), streams.all_events(rows))
    for feature in features:
        wanted = [streams.expected(feature, question, rows) for question in questions]
        np.testing.assert_array_equal(columns[feature.name], wanted, err_msg=feature.name)


@settings(max_examples=50, deadline=None)
@given(streams.orders(), streams.QUESTIONS)
def test_an_event_delivered_twice_counts_once(orders: list[Event], questions: list[Question]) -> None:
    features = [feature for feature in ORDER_FEATURES if feature.source is Source.ORDERS]
    asked = streams.as_questions(questions)
    once = compute_columns(features, asked, {Source.ORDERS: streams.as_events(orders)})
    twice = compute_columns(features, asked, {Source.ORDERS: streams.as_events([*orders, *orders])})
    for name, column in once.items():
        np.testing.assert_array_equal(column, twice[name])


@settings(max_examples=50, deadline=None)
@given(streams.orders(), streams.orders(), streams.QUESTIONS)
def test_nothing_known_later_moves_a_feature(
    past: list[Event], future: list[Event], questions: list[Question]
) -> None:
    moment = 200 * MICROSECONDS_PER_HOUR
    asked = streams.as_questions([question for question in questions if question.as_of <= moment])
    seen = [event for event in past if event.known_at < moment]
    unseen = [event for event in future if event.known_at >= moment]
    renumbered = [streams.Event(**{**vars(event), "id": 100 + event.id}) for event in unseen]
    declared = (*ORDER_FEATURES, *HISTORIC_FEATURES)
    features = [feature for feature in declared if feature.source is Source.ORDERS]
    without = compute_columns(features, asked, {Source.ORDERS: streams.as_events(seen)})
    with_future = compute_columns(features, asked, {Source.ORDERS: streams.as_events([*seen, *renumbered])})
    for name, column in without.items():
        np.testing.assert_array_equal(column, with_future[name])


MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("minutes", "later", "counted"),
    [
        (DAY, 0, 0),
        (DAY, 1, 1),
        (DAY, DAY * MINUTE, 1),
        (DAY, (DAY + 1) * MINUTE - 1, 1),
        (DAY, (DAY + 1) * MINUTE, 0),
        (2 * DAY, (2 * DAY + 60) * MINUTE - 1, 1),
        (2 * DAY, (2 * DAY + 60) * MINUTE, 0),
        (HALF_YEAR, (HALF_YEAR + DAY - 4 * 60) * MINUTE - 1, 1),
        (HALF_YEAR, (HALF_YEAR + DAY - 4 * 60) * MINUTE, 0),
    ],
    ids=[
        "same moment", "next moment", "exactly a day", "within the minute", "past the minute",
        "within the hour", "past the hour", "within the day", "past the day",
    ],
)  # fmt: skip
def test_a_window_begins_on_its_grid(minutes: int, later: int, counted: int) -> None:
    device = Keys.all_present(np.array([7]))
    at = np.array([100 * MICROSECONDS_PER_HOUR])  # 4:00 on a day
    orders = Events(np.array([1]), at, at, {Entity.DEVICE: device})
    feature = order_count(Entity.DEVICE, minutes)
    asked = Questions(at + later, orders.keys)
    assert compute_columns([feature], asked, {Source.ORDERS: orders})[feature.name].tolist() == [counted]


def test_spread_stays_exact_where_floats_would_cancel() -> None:
    feature = next(feature for feature in ORDER_FEATURES if feature.name == "card_amount_30d_std")
    card = Keys.all_present(np.zeros(4, dtype=np.int64))
    at = np.arange(4)
    amounts = np.array([10**12, 10**12 - 1, 10**12 - 2, 0])
    orders = Events(np.arange(4), at, at, {Entity.CARD: card}, amount_minor=amounts)
    columns = compute_columns([feature], Questions(at, orders.keys), {Source.ORDERS: orders})
    np.testing.assert_array_equal(columns[feature.name], [np.nan, np.nan, np.sqrt(0.5), 1.0])


def test_sums_stay_exact_where_single_precision_would_not() -> None:
    feature = next(feature for feature in ORDER_FEATURES if feature.name == "merchant_amount_24h_sum")
    shop = Keys.all_present(np.zeros(3, dtype=np.int64))
    at = np.arange(3)
    amounts = np.array([2**52, 1, 0])
    orders = Events(np.arange(3), at, at, {Entity.MERCHANT: shop}, amount_minor=amounts)
    columns = compute_columns([feature], Questions(at, orders.keys), {Source.ORDERS: orders})
    assert columns[feature.name].tolist() == [0, 2**52, 2**52 + 1]


def test_a_missing_amount_column_is_told_by_name() -> None:
    feature = next(feature for feature in ORDER_FEATURES if feature.name == "merchant_amount_24h_sum")
    shop, at = Keys.all_present(np.array([1])), np.array([0])
    orders = Events(np.array([1]), at, at, {Entity.MERCHANT: shop})
    with pytest.raises(ValueError, match="amount_minor"):
        compute_columns([feature], Questions(at, orders.keys), {Source.ORDERS: orders})


def test_ratio_is_missing_without_history_or_entity() -> None:
    columns = {
        name: np.array([4.0, 0.0, np.nan]) for ratio in ORDER_RATIOS for name in (ratio.part, ratio.whole)
    }
    add_ratios(ORDER_RATIOS, columns)
    np.testing.assert_array_equal(columns["merchant_bad_share_7d"], [1, np.nan, np.nan])
