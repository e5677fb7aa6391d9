"""`manage.py simulate --orders N --seed S`: make a sample marketplace and load it."""

import tempfile
from argparse import ArgumentParser
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from core.actors import SYSTEM
from intake.imports import ImportRefused, describe, run_import
from simulation import write_marketplace


class Command(BaseCommand):
    help = "Generate a seeded sample marketplace as Parquet files, and load its orders if asked to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--orders", type=int, required=True, help="1,000 to 10,000,000")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same sample")
        parser.add_argument(
            "--end", type=_moment, help="last moment of the 180 days, ISO 8601; today's midnight, UTC"
        )
        parser.add_argument(
            "--out", type=Path, help="folder to write to; a temporary one if it is only loaded"
        )
        parser.add_argument("--load", action="store_true", help="import the merchants and orders")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["out"] and not options["load"]:
            raise CommandError("Say where to write the sample (--out), or to load it (--load), or both.")
        end = options["end"] or timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        place = nullcontext(options["out"]) if options["out"] else tempfile.TemporaryDirectory()
        with place as folder, Progress(console=Console(stderr=True), transient=True) as bar:
            try:
                self._run(Path(folder), bar, {**options, "end": end})
            except (ValueError, ImportRefused) as error:
                raise CommandError(str(error)) from None

    def _run(self, folder: Path, bar: Progress, options: dict[str, Any]) -> None:
        making = bar.add_task("Making orders", total=options["orders"])
        write_marketplace(
            folder,
            options["orders"],
            options["seed"],
            options["end"],
            lambda made, _: bar.update(making, completed=made),
        )
        if options["out"]:
            self.stdout.write(f"Wrote {options['orders']:,} orders to {folder}")
        if options["load"]:
            loading = bar.add_task("Loading orders", total=options["orders"])
            batch = run_import(
                folder,
                "backoffice",
                actor=SYSTEM,
                at=timezone.now(),
                progress=lambda done, _: bar.update(loading, completed=done),
            )
            for line in describe(batch):
                self.stdout.write(line)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
