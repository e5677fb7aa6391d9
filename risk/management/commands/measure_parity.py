"""`manage.py measure_parity --since 2026-03-01 --until 2026-03-02`: compare stored and computed inputs."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from risk import parity


class Command(BaseCommand):
    help = "Recompute the inputs of stored order decisions and compare them to the last bit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=_moment, required=True, help="ISO date or moment, UTC if not told"
        )
        parser.add_argument("--until", type=_moment, help="likewise; now, if not given")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        run = parity.measure(since=options["since"], until=options["until"] or now, at=now)
        self.stdout.write(
            f"{run.events} decisions × {run.features} inputs: {run.mismatches} mismatches,"
            f" {run.overlapping} from overlapping transactions"
        )
        if run.mismatches:
            raise CommandError(
                ", ".join(f"{name}: {count}" for name, count in run.detail["features"].items())
            )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
