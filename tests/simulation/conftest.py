"""Samples that several tests only read."""

from datetime import UTC, datetime

import pytest

from simulation import SampleMarketplace, generate

END = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def sample() -> SampleMarketplace:
    return generate(5_000, seed=7, end=END)


@pytest.fixture(scope="session")
def large_sample() -> SampleMarketplace:
    return generate(20_000, seed=3, end=END)
