"""Everything before the last days: standing rows loaded, orders imported, rules published."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from cases.services import ensure_default_queues
from core.actors import SYSTEM
from intake.imports import import_frames
from intake.models import ImportBatch
from risk.starter.publishing import publish_starters
from simulation import SampleMarketplace, generate
from simulation.loading import load_standing

from .people import get_person

Progress = Callable[[int, int], None]

ORDERS = 80_000
# Of 20,000 too few listings proved bad to train a model on; of 30,000 no application model passed.
FEWEST_ORDERS = 40_000
SEED = 2026
# Orders of the last two days are streamed, and applications and listings of the last week, which is as far
# back as the sample has any that nobody has decided.
STREAMED_ORDERS = timedelta(days=2)
STREAMED_SUBJECTS = timedelta(days=7)


@dataclass(frozen=True)
class Streamed:
    """What is left for the pipeline, oldest first."""

    applications: pl.DataFrame
    listings: pl.DataFrame
    orders: pl.DataFrame
    lines: pl.DataFrame


def make_sample(*, end: datetime, orders: int, progress: Progress) -> SampleMarketplace:
    return generate(orders, SEED, end, progress)


def load_history(sample: SampleMarketplace, *, end: datetime, progress: Progress) -> ImportBatch:
    """Load what stood before the last days and import its orders with their labels."""
    ensure_default_queues()
    load_standing(sample, before=end - STREAMED_SUBJECTS)
    orders = sample.orders.filter(pl.col("placed_at") < end - STREAMED_ORDERS)
    lines = sample.lines.join(
        orders.select("external_id"), left_on="order_external_id", right_on="external_id", how="semi"
    )
    frames = {"merchants": sample.merchants, "orders": orders, "lines": lines}
    return import_frames(frames, "backoffice", actor=SYSTEM, at=end, progress=progress, name="sample history")


def left_to_stream(sample: SampleMarketplace, *, end: datetime) -> Streamed:
    orders = sample.orders.filter(pl.col("placed_at") >= end - STREAMED_ORDERS).sort("known_at")
    return Streamed(
        applications=sample.applications.filter(pl.col("submitted_at") >= end - STREAMED_SUBJECTS).sort(
            "submitted_at"
        ),
        listings=sample.listings.filter(pl.col("submitted_at") >= end - STREAMED_SUBJECTS).sort(
            "submitted_at"
        ),
        orders=orders,
        lines=sample.lines,
    )


def publish_rules(*, at: datetime) -> None:
    publish_starters(
        author=get_person("analyst@example.com"), approver=get_person("second.analyst@example.com"), at=at
    )
