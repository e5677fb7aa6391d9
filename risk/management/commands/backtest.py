"""`manage.py backtest SUBJECT --since … --until …`: backtest a ruleset and print the result."""

from argparse import ArgumentParser
from datetime import UTC, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.errors import DomainError, ValidationFailed
from core.ids import decode, encode
from risk.backtest.printing import tables_of
from risk.backtest.services import run_now
from risk.models import Backtest, RuleSet, Subject
from risk.selectors import find_live, get_ruleset


class Command(BaseCommand):
    help = "Judge a period of history with a ruleset, a rule or other thresholds, and compare it with live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("subject", choices=[str(subject) for subject in Subject])
        parser.add_argument("--ruleset", help="its public id, rst_…; without one, what is live")
        parser.add_argument("--rule", default="", help="try this one rule of the ruleset beside what is live")
        parser.add_argument("--review-at", type=float, help="try another threshold for review")
        parser.add_argument("--decline-at", type=float, help="try another threshold for decline")
        parser.add_argument("--since", required=True, help="date or moment (UTC if it names no zone)")
        parser.add_argument("--until", help="date or moment, not included; now if left out")
        parser.add_argument("--hours", type=float, help="hours per day that reviewers have")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backtest = self._run(options)
        except ValidationFailed as refusal:
            raise CommandError("\n".join(error.detail for error in refusal.errors)) from None
        except DomainError as refusal:
            raise CommandError(refusal.message) from None
        if backtest.status != Backtest.Status.FINISHED:
            raise CommandError(backtest.message or f"It ended as {backtest.status}.")
        # A pipe has no width of its own.
        console = Console(file=self.stdout, width=None if self.stdout.isatty() else 110)  # type: ignore[arg-type]
        for table in tables_of(backtest):
            console.print(table)
        self.stdout.write(encode("bkt", backtest.pk))

    def _run(self, options: dict[str, Any]) -> Backtest:
        thresholds = {
            name: options[name] for name in ("review_at", "decline_at") if options[name] is not None
        }
        kind = Backtest.Kind.RULE if options["rule"] else Backtest.Kind.RULESET
        if thresholds:
            kind = Backtest.Kind.THRESHOLDS
        now = timezone.now()
        columns = (TextColumn("Backtest"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            return run_now(
                _ruleset_of(options),
                kind=kind,
                rule_code=options["rule"],
                thresholds=thresholds or None,
                costs={} if options["hours"] is None else {"reviewer_hours_per_day": options["hours"]},
                since=_moment(options["since"]),
                until=now if options["until"] is None else _moment(options["until"]),
                requested_by=None,
                at=now,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )


def _ruleset_of(options: dict[str, Any]) -> RuleSet:
    if options["ruleset"]:
        ruleset = get_ruleset(decode("rst", options["ruleset"]))
        if ruleset.subject != options["subject"]:
            raise CommandError(f"This ruleset is about another subject: {ruleset.subject}.")
        return ruleset
    live = find_live(options["subject"])
    if live is None:
        raise CommandError("Nothing is live; please name a ruleset.")
    return live


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
