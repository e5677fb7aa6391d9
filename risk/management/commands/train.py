"""`manage.py train SUBJECT --as-of …`: train every kind of model here, and print what each is worth."""

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.prompt import Confirm
from rich.table import Table

from core.errors import DomainError, ValidationFailed
from core.ids import encode
from risk import training
from risk.models import ModelVersion, Subject, TrainingRun
from risk.services.trainings import create_run

_FIGURES = (
    ("auc", "AUC"),
    ("average_precision", "Average precision"),
    ("recall_at_1pct_fpr", "Caught at 1 % false alarms"),
    ("recall_at_5pct_fpr", "Caught at 5 % false alarms"),
    ("cost_per_row_minor", "Cost a row, minor units"),
    ("brier", "Brier score"),
    ("calibration_error", "Calibration error"),
)


class Command(BaseCommand):
    help = "Train the models of a subject in the foreground; Ctrl-C cancels, and a failure exits with 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("subject", choices=[Subject.ORDER, Subject.LISTING, Subject.APPLICATION])
        parser.add_argument("--as-of", help="only labels known before this date or moment; now if left out")
        parser.add_argument("--tune", type=int, default=0, metavar="SECONDS", help="look for better settings")
        parser.add_argument("--maturity", type=int, default=0, metavar="DAYS", help="how old a good one is")
        parser.add_argument("--no-input", action="store_true", help="ask nothing before a long tuning")

    def handle(self, *args: Any, **options: Any) -> None:
        # Nobody can answer a schedule or a pipe: there the option alone says it.
        if options["tune"] and not options["no_input"] and sys.stdin.isatty():
            seconds = timedelta(seconds=options["tune"])
            if not Confirm.ask(f"Looking for better settings takes {seconds}. Go on?", default=True):
                raise CommandError("Nothing was trained.")
        run = self._request(options)
        try:
            self._run(run)
        except KeyboardInterrupt:
            raise CommandError("The training was cancelled; nothing changed.") from None
        run.refresh_from_db()
        if run.status != TrainingRun.Status.FINISHED:
            raise CommandError(run.message or f"The training ended as {run.status}.")
        self._print(run)

    def _request(self, options: dict[str, Any]) -> TrainingRun:
        try:
            return create_run(
                options["subject"],
                as_of=timezone.now() if options["as_of"] is None else _moment(options["as_of"]),
                requested_by=None,
                cause=TrainingRun.Cause.PERSON,
                tuning_seconds=options["tune"],
                maturity_days=options["maturity"],
                send=False,
            )
        except ValidationFailed as refusal:
            raise CommandError("\n".join(error.detail for error in refusal.errors)) from None
        except DomainError as refusal:
            raise CommandError(refusal.message) from None

    def _run(self, run: TrainingRun) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("queued", total=1.0)
            training.run(
                run.pk,
                at=timezone.now(),
                progress=lambda step, share: bar.update(task, description=step, completed=share),
            )

    def _print(self, run: TrainingRun) -> None:
        # A pipe has no width of its own.
        console = Console(file=self.stdout, width=None if self.stdout.isatty() else 110)  # type: ignore[arg-type]
        versions = list(run.versions.order_by("number"))
        console.print(_table(run, versions))
        if run.message:
            console.print(run.message)
        for version in versions:
            self.stdout.write(f"{encode('mod', version.pk)} {version.kind} {version.status}")


def _table(run: TrainingRun, versions: list[ModelVersion]) -> Table:
    rows = versions[0].metrics["rows"]
    title = f"{run.subject}: learnt from {rows['earlier']} rows, judged on {rows['later']} later ones"
    table = Table("Figure", *(version.kind for version in versions), title=title)
    columns = [version.metrics["model"] for version in versions]
    champion = versions[0].metrics.get("champion")
    if champion is not None:
        table.add_column("champion")
        columns.append(champion)
    for name, label in _FIGURES:
        table.add_row(label, *(_shown(figures.get(name)) for figures in columns))
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4f}"


def _moment(text: str) -> datetime:
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not a moment: {error}.") from None
    if day is not None:
        return datetime.combine(day, time(), UTC)
    if moment is None:
        raise CommandError(f"{text!r} is neither a date like 2026-03-01 nor a moment like 2026-03-01T12:00.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
