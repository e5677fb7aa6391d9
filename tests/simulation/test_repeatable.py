"""The same seed makes the same sample, in memory and in files, at every size."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from simulation import SampleMarketplace, generate, write, write_marketplace
from simulation import marketplace as marketplace_module

END = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
SIZE = 5_000
NAMES = [field.name for field in fields(SampleMarketplace)]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketplace_module, "CHUNK_ORDERS", 700)


def test_same_seed_gives_identical_files(sample: SampleMarketplace, tmp_path: Path) -> None:
    write(sample, tmp_path / "a")
    write(generate(SIZE, seed=7, end=END), tmp_path / "b")
    for name in NAMES:
        assert (tmp_path / "a" / f"{name}.parquet").read_bytes() == (
            tmp_path / "b" / f"{name}.parquet"
        ).read_bytes()


def test_another_seed_gives_other_orders(sample: SampleMarketplace) -> None:
    other = generate(SIZE, seed=8, end=END)
    shared = set(sample.orders["buyer_ref"]) & set(other.orders["buyer_ref"])
    assert not sample.orders["placed_at"].equals(other.orders["placed_at"])
    assert not sample.merchants["name"].equals(other.merchants["name"])
    assert len(shared) < sample.orders["buyer_ref"].n_unique()


@pytest.mark.usefixtures("small_parts")
def test_a_sample_written_in_parts_equals_the_one_in_memory(tmp_path: Path) -> None:
    made: list[tuple[int, int]] = []
    write_marketplace(
        tmp_path, 3_000, seed=5, end=END, progress=lambda done, total: made.append((done, total))
    )
    whole = generate(3_000, seed=5, end=END)
    for name in NAMES:
        assert_frame_equal(pl.read_parquet(tmp_path / f"{name}.parquet"), getattr(whole, name))
    assert len(made) > 3
    assert made[-1] == (3_000, 3_000)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("orders", [1_000, 1_001, 2_500])
def test_the_number_of_orders_is_exact(orders: int) -> None:
    assert generate(orders, seed=1, end=END).orders.height == orders


@pytest.mark.parametrize("orders", [999, 10_000_001])
def test_sizes_out_of_range_are_refused(orders: int) -> None:
    with pytest.raises(ValueError, match="A sample has"):
        generate(orders, seed=1, end=END)


def test_an_end_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        generate(1_000, seed=1, end=END.replace(tzinfo=None))
