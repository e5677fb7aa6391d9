"""Fraud stories: told, labelled late, and hidden among honest people who look suspicious too."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from simulation import MATURITY_DAYS, SampleMarketplace, generate
from simulation.stories import STORIES

END = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)


def test_no_label_is_known_before_its_time_or_after_the_end(sample: SampleMarketplace) -> None:
    labelled = sample.orders.filter(pl.col("is_bad").is_not_null())
    delay = labelled["label_known_at"] - labelled["placed_at"]
    assert delay.is_between(timedelta(days=5), timedelta(days=MATURITY_DAYS)).all()
    assert (labelled["label_known_at"] <= END).all()
    assert (labelled["label_occurred_at"] <= labelled["label_known_at"]).all()
    assert (labelled["label_occurred_at"] > labelled["placed_at"]).all()
    open_orders = sample.orders.filter(pl.col("is_bad").is_null())
    for column in ("label_source", "label_occurred_at", "label_known_at"):
        assert open_orders[column].null_count() == open_orders.height
    assert (
        sample.orders.filter(pl.col("placed_at") <= END - timedelta(days=MATURITY_DAYS))[
            "is_bad"
        ].null_count()
        == 0
    )


def test_labels_follow_the_stories_but_not_all_fraud_is_reported(large_sample: SampleMarketplace) -> None:
    orders = large_sample.orders
    bad = orders.filter("is_bad")
    assert bad["story"].null_count() == 0
    assert set(bad.filter(pl.col("story") == "refund_abuse")["label_source"]) == {"refund_fraud"}
    assert set(bad.filter(pl.col("story") != "refund_abuse")["label_source"]) == {"chargeback"}
    assert set(orders.filter(~pl.col("is_bad"))["label_source"]) == {"matured_good"}
    unreported = orders.filter(pl.col("story").is_not_null() & ~pl.col("is_bad"))
    assert 0.05 < unreported.height / bad.height < 0.35


def test_fraud_makes_one_percent_of_orders_and_every_story_is_told(large_sample: SampleMarketplace) -> None:
    orders = large_sample.orders
    matured = orders.filter(pl.col("placed_at") <= END - timedelta(days=MATURITY_DAYS))
    assert 0.008 <= matured["is_bad"].mean() <= 0.015  # type: ignore[operator]
    assert set(orders["story"].drop_nulls()) == {story.name for story in STORIES}


@pytest.mark.parametrize("orders", [1_000, 2_000])
def test_every_story_is_told_even_in_the_smallest_samples(orders: int) -> None:
    told = generate(orders, seed=2, end=END).orders["story"].drop_nulls()
    assert set(told) == {story.name for story in STORIES}


def test_card_testing_shows_many_cards_of_little_money_on_one_device(large_sample: SampleMarketplace) -> None:
    orders = large_sample.orders
    bursts = orders.filter((pl.col("story") == "card_testing") & pl.col("device_ref").is_not_null())
    largest = bursts.group_by("device_ref").agg(
        pl.len(), pl.col("card_ref").n_unique(), span=pl.col("placed_at").max() - pl.col("placed_at").min()
    ).sort("len").row(-1, named=True)  # fmt: skip
    honest = orders.filter(pl.col("story").is_null())
    assert largest["card_ref"] == largest["len"] >= 8
    assert largest["span"] < timedelta(hours=2)
    assert bursts["base_total_minor"].median() < honest["base_total_minor"].median() / 2  # type: ignore[operator]


def test_a_taken_over_account_is_old_and_its_device_new(large_sample: SampleMarketplace) -> None:
    orders = large_sample.orders
    taken = orders.filter(pl.col("story") == "account_takeover")
    honest_devices = set(orders.filter(pl.col("story").is_null())["device_ref"])
    assert (taken["placed_at"] - taken["buyer_signed_up_at"] >= timedelta(days=60)).all()
    assert not set(taken["device_ref"]) & honest_devices


def test_rings_buy_from_themselves_with_few_devices(large_sample: SampleMarketplace) -> None:
    ring_orders = large_sample.orders.filter(pl.col("story") == "collusion")
    rings = large_sample.merchants.filter(pl.col("story") == "collusion_ring")
    assert set(ring_orders["merchant_ref"]) <= set(rings["merchant_ref"])
    assert rings["is_fraudulent"].all()
    assert ring_orders["device_ref"].n_unique() <= 4 * rings.height // 3
    assert ring_orders["buyer_ref"].n_unique() > ring_orders["device_ref"].n_unique()


def test_honest_people_look_suspicious_too(sample: SampleMarketplace) -> None:
    honest = sample.orders.filter(pl.col("story").is_null())
    age = honest["placed_at"] - honest["buyer_signed_up_at"]
    assert (age < timedelta(days=1)).sum() > 0.01 * honest.height
    assert (honest["shipping_country"] != honest["billing_country"]).any()
    assert (honest["card_country"] != honest["billing_country"]).any()
    shared = honest.group_by("device_ref").agg(pl.col("buyer_ref").n_unique())
    assert (shared.drop_nulls()["buyer_ref"] > 1).any()
