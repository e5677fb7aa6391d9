"""Orders of the sample: sums, references, moments, statuses and demand."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import numpy as np
import polars as pl

from simulation import WINDOW_DAYS, SampleMarketplace, generate
from simulation.world import MINOR_UNITS

END = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
SIZE = 5_000


def test_lines_sum_to_the_order_total(sample: SampleMarketplace) -> None:
    line_total = (pl.col("quantity") * pl.col("unit_price_minor")).sum().alias("total")
    totals = sample.lines.group_by("order_external_id").agg(line_total)
    joined = sample.orders.join(totals, left_on="external_id", right_on="order_external_id", how="left")
    assert joined["total"].null_count() == 0
    assert (joined["total"] == joined["total_minor"]).all()


def test_base_total_is_the_total_at_the_stated_rate(sample: SampleMarketplace) -> None:
    units = dict(zip(("CNY", "USD", "EUR", "JPY"), MINOR_UNITS.tolist(), strict=True))
    unit = sample.orders["currency"].replace_strict(units, return_dtype=pl.Int64).to_numpy()
    expected = np.rint(
        sample.orders["total_minor"].to_numpy() * sample.orders["fx_rate"].to_numpy() * (100 // unit)
    )
    assert (sample.orders["base_total_minor"].to_numpy() == expected).all()
    yuan = sample.orders.filter(pl.col("currency") == "CNY")
    assert (yuan["total_minor"] == yuan["base_total_minor"]).all()
    assert set(sample.orders["currency"]) == set(units)


def test_lines_are_numbered_from_one_and_never_repeat_a_listing(sample: SampleMarketplace) -> None:
    numbers = (
        sample.lines.group_by("order_external_id", maintain_order=True).agg("line_no")["line_no"].to_list()
    )
    assert all(found == list(range(1, len(found) + 1)) for found in numbers)
    assert not sample.lines.select("order_external_id", "listing_ref").is_duplicated().any()


def test_every_reference_exists(sample: SampleMarketplace) -> None:
    assert sample.orders["external_id"].is_unique().all()
    assert sample.listings["listing_ref"].is_unique().all()
    assert set(sample.orders["merchant_ref"]) <= set(sample.merchants["merchant_ref"])
    assert set(sample.listings["merchant_ref"]) <= set(sample.merchants["merchant_ref"])
    assert set(sample.applications["merchant_ref"].drop_nulls()) == set(sample.merchants["merchant_ref"])
    assert set(sample.lines["order_external_id"]) == set(sample.orders["external_id"])
    leaves = sample.categories.filter(pl.col("parent_code").is_not_null())
    assert set(leaves["parent_code"]) <= set(sample.categories["code"])
    assert set(sample.listings["category_code"]) <= set(leaves["code"])
    assert set(sample.merchants["category_code"]) <= set(leaves["code"])


def test_an_order_holds_its_own_merchants_listings_that_were_on_sale(sample: SampleMarketplace) -> None:
    sold = sample.lines.join(sample.listings, on="listing_ref").join(
        sample.orders, left_on="order_external_id", right_on="external_id", suffix="_order"
    )
    assert sold.height == sample.lines.height
    assert (sold["merchant_ref"] == sold["merchant_ref_order"]).all()
    assert (sold["currency"] == sold["currency_order"]).all()
    assert (sold["submitted_at"] < sold["placed_at"]).all()
    assert set(sold["issue"].drop_nulls()) <= {"duplicate"}
    assert (sold["title"] == sold["title_right"]).all()


def test_moments_stand_in_the_order_of_life(sample: SampleMarketplace) -> None:
    orders = sample.orders
    assert orders["placed_at"].is_sorted()
    assert orders["placed_at"].is_between(END - timedelta(days=WINDOW_DAYS), END, closed="left").all()
    assert (orders["buyer_signed_up_at"] <= orders["placed_at"]).all()
    assert orders["known_at"].is_between(orders["placed_at"], pl.Series([END]).new_from_index(0, SIZE)).all()
    late = (orders["known_at"] > orders["placed_at"]).sum()
    assert 0 < late < 0.015 * SIZE
    opened = sample.listings.join(sample.merchants, on="merchant_ref")
    assert (opened["submitted_at"] >= opened["joined_at"]).all()
    applied = sample.applications.join(sample.merchants, on="merchant_ref")
    assert (applied["submitted_at"] < applied["joined_at"]).all()


def test_missing_things_are_null_and_card_facts_go_together(sample: SampleMarketplace) -> None:
    orders = sample.orders
    for column in ("device_ref", "card_ref", "ip"):
        assert 0 < orders[column].null_count() < 0.25 * SIZE
    assert orders["card_ref"].is_null().equals(orders["card_bin"].is_null())
    assert orders["card_ref"].is_null().equals(orders["card_country"].is_null())
    assert orders["card_bin"].drop_nulls().str.contains(r"^\d{6}$").all()
    assert (
        orders.select(pl.exclude("device_ref", "^card_.*$", "ip", "is_bad", "^label_.*$", "story"))
        .null_count()
        .sum_horizontal()[0]
        == 0
    )


def test_addresses_belong_to_nobody(sample: SampleMarketplace) -> None:
    found = {ip_address(ip) for ip in sample.orders["ip"].drop_nulls()}
    assert not any(ip.is_global for ip in found)
    assert len(found) > 500


def test_statuses_agree_with_age_and_payment(sample: SampleMarketplace) -> None:
    orders = sample.orders.with_columns(age=END - pl.col("placed_at"))
    assert set(orders["status"]) <= {
        "awaiting_payment", "awaiting_acceptance", "awaiting_fulfilment", "partially_shipped", "shipped",
        "delivered", "completed", "cancelled", "refused",
    }  # fmt: skip
    paid = orders.filter(pl.col("status").is_in(["shipped", "delivered", "completed"]))
    assert set(paid["payment_status"]) <= {"paid", "refunded", "partially_refunded"}
    assert set(orders.filter(pl.col("status") == "cancelled")["payment_status"]) == {"unpaid"}
    assert set(orders.filter(pl.col("status") == "refused")["payment_status"]) == {"voided"}
    assert (orders.filter(pl.col("status") == "completed")["age"] > timedelta(days=15)).all()
    assert not set(orders.filter("is_bad")["status"]) & {"cancelled", "refused"}
    assert (orders["status"] == "completed").mean() > 0.7  # type: ignore[operator]


def test_one_checkout_can_hold_two_merchants(sample: SampleMarketplace) -> None:
    checkouts = sample.orders.group_by("market_order_id").agg(
        pl.len(),
        pl.col("merchant_ref").n_unique(),
        pl.col("buyer_ref").n_unique(),
        pl.col("placed_at").n_unique(),
    )
    shared = checkouts.filter(pl.col("len") > 1)
    assert 0.01 < shared.height / SIZE < 0.05
    assert (shared["merchant_ref"] == shared["len"]).all()
    assert (shared["buyer_ref"] == 1).all()
    assert (shared["placed_at"] == 1).all()


def test_demand_follows_the_clock_the_week_and_the_festivals() -> None:
    orders = generate(50_000, seed=6, end=END).orders
    local = orders.filter(pl.col("billing_country") == "CN")["placed_at"].dt.offset_by("8h")
    night, day = local.dt.hour().is_between(2, 5).mean(), local.dt.hour().is_between(10, 21).mean()
    assert 0.02 > night > 0  # type: ignore[operator]
    assert day > 0.6  # type: ignore[operator]
    weekdays = local.dt.weekday().value_counts().sort("placed_at")["count"]
    assert weekdays[0] > 1.2 * weekdays[5]
    festival = (local.dt.date() == datetime(2025, 11, 11, tzinfo=UTC).date()).sum()
    assert festival > 2 * len(local) / WINDOW_DAYS


def test_merchants_and_buyers_are_heavy_tailed() -> None:
    orders = generate(50_000, seed=6, end=END).orders
    for party in ("merchant_ref", "buyer_ref"):
        counts = orders[party].value_counts()["count"].sort(descending=True)
        assert counts.head(len(counts) // 10).sum() > 0.35 * orders.height


def test_goods_bought_by_the_same_people_sell_better_than_popular_ones() -> None:
    """Item–item counts of the first 90 % find more of the next purchases than the best-sellers do."""
    sample = generate(20_000, seed=9, end=END)
    bought = sample.lines.join(
        sample.orders.select("external_id", "buyer_ref"), left_on="order_external_id", right_on="external_id"
    )
    cut = int(0.9 * bought.height)
    buyer = bought["buyer_ref"].rank("dense").to_numpy().astype(np.int64) - 1
    listing = bought["listing_ref"].rank("dense").to_numpy().astype(np.int64) - 1
    seen = np.zeros((buyer.max() + 1, listing.max() + 1), dtype=np.float32)
    seen[buyer[:cut], listing[:cut]] = 1
    popularity = seen.sum(axis=0)
    together = seen.T @ seen / np.sqrt(np.outer(popularity, popularity) + 1)
    later = (
        np.flatnonzero((seen[buyer[cut:]].sum(axis=1) > 0) & (seen[buyer[cut:], listing[cut:]] == 0)) + cut
    )
    wanted, owned = listing[later], seen[buyer[later]]

    def hits(score: np.ndarray) -> float:
        best = np.argsort(-np.where(owned > 0, -np.inf, score), axis=1)[:, :10]
        return float((best == wanted[:, None]).any(axis=1).mean())

    assert hits(owned @ together) > 1.5 * hits(np.broadcast_to(popularity, owned.shape))
