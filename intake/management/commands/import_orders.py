"""`manage.py import_orders PATH --mapping NAME`: import a file or a folder of orders."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from core.actors import SYSTEM
from intake.imports import ImportRefused, describe, list_mappings, run_import


class Command(BaseCommand):
    help = "Import orders from CSV, Parquet or XLSX, a file or a folder, as a mapping declares."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path", type=Path, help="a file, or a folder with the files that the mapping names"
        )
        parser.add_argument(
            "--mapping", required=True, help=f"{', '.join(list_mappings())}, or the path of a TOML file"
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything and write nothing")
        parser.add_argument("--limit", type=int, help="read only the first rows of the orders file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with Progress(console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task("Importing", total=None)
                batch = run_import(
                    options["path"],
                    options["mapping"],
                    actor=SYSTEM,
                    at=timezone.now(),
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                    dry_run=options["dry_run"],
                    limit=options["limit"],
                )
        except ImportRefused as refusal:
            raise CommandError(refusal.message) from None
        for line in describe(batch, dry_run=options["dry_run"]):
            self.stdout.write(line)
