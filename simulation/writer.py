"""Samples as Parquet files, one per frame."""

import shutil
import tempfile
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import polars as pl

from simulation.marketplace import Plan, Progress, SampleMarketplace, plan_marketplace

STANDING = ("merchants", "applications", "categories", "listings")


def write(sample: SampleMarketplace, folder: Path) -> None:
    """Write NAME.parquet for every frame of the sample; existing files are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for field in fields(sample):
        getattr(sample, field.name).write_parquet(folder / f"{field.name}.parquet")


def write_marketplace(
    folder: Path, orders: int, seed: int, end: datetime, progress: Progress | None = None
) -> Plan:
    """Make a sample of any size straight into files, holding one part of its orders in memory at a time."""
    plan = plan_marketplace(orders, seed, end)
    folder.mkdir(parents=True, exist_ok=True)
    for name in STANDING:
        getattr(plan, name).write_parquet(folder / f"{name}.parquet")
    with tempfile.TemporaryDirectory(dir=folder) as parts:
        for number, frames in enumerate(plan.chunks(progress)):
            for name, frame in zip(("orders", "lines"), frames, strict=True):
                frame.write_parquet(Path(parts) / f"{name}-{number:05d}.parquet")
        for name in ("orders", "lines"):
            _join_parts(Path(parts), name, folder / f"{name}.parquet")
    return plan


def _join_parts(parts: Path, name: str, target: Path) -> None:
    files = sorted(parts.glob(f"{name}-*.parquet"))
    if len(files) == 1:
        shutil.move(files[0], target)
    else:
        pl.scan_parquet(files).sink_parquet(target, maintain_order=True)
