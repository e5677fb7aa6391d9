"""`manage.py replay`: decide stored decisions again and report what differs."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from risk.models import Subject
from risk.replay import Report, count_decisions, replay
from risk.version import code_version


class Command(BaseCommand):
    help = "Decide stored decisions again from their rows alone; exit 1 if anything comes out differently."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=_moment, help="first moment of deciding, ISO 8601")
        parser.add_argument("--until", type=_moment, help="moment before which they were decided")
        parser.add_argument("--subject", choices=[Subject.ORDER, Subject.LISTING, Subject.APPLICATION])
        parser.add_argument("--limit", type=int, help="at most so many, oldest first")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        which = {name: options[name] for name in ("since", "until", "subject", "limit")}
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Replaying", total=count_decisions(**which))
            report = replay(**which, progress=lambda done: bar.update(task, completed=done))
        self.stdout.write(_as_json(report) if options["json"] else _as_text(report))
        if not report.is_clean:
            raise CommandError("The replay found differences.")


def _as_text(report: Report) -> str:
    lines = [f"{report.replayed:,} decisions replayed, {report.differing:,} differ."]
    lines += [f"  {kind}: {count:,}" for kind, count in report.kinds.most_common()]
    for id, differences in report.examples:
        lines.append(f"  decision {id}:")
        lines += [f"    {one.name}: stored {one.stored!r}, now {one.replayed!r}" for one in differences]
    lines += [f"Not replayed, {_WHY[code]}: {count:,}" for code, count in report.skipped.most_common()]
    if report.other_versions:
        listed = ", ".join(f"{version} ({count:,})" for version, count in report.other_versions.most_common())
        lines.append(f"Decided by other versions of the code than {code_version()}: {listed}")
    return "\n".join(lines)


_WHY = {
    "inputs": "their inputs are declared by another version of the code",
    "ruleset": "their ruleset is gone or unreadable",
    "model": "their model is gone or altered",
}


def _as_json(report: Report) -> str:
    return json.dumps(
        {
            "replayed": report.replayed,
            "differing": report.differing,
            "kinds": dict(report.kinds),
            "skipped": dict(report.skipped),
            "code_version": code_version(),
            "other_versions": dict(report.other_versions),
            "examples": [
                {"decision": id, "differences": [asdict(difference) for difference in differences]}
                for id, differences in report.examples
            ],
        },
        default=str,
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
