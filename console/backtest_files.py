"""What a finished backtest gives away as CSV; amounts are in minor units."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .backtest_report import Report

Rows = Iterable[Mapping[str, object]]


class Echo:
    """A file that hands each line straight on."""

    def write(self, text: str) -> str:
        return text


def write_lines(report: Report, what: str) -> Iterator[str]:
    """Return the lines of a file, its heads first; KeyError for one there is not."""
    heads, rows = FILES[what]
    writer = csv.writer(Echo())
    yield writer.writerow(heads)
    for row in rows(report):
        yield writer.writerow([safe(row[head]) for head in heads])


def _moves(report: Report) -> Rows:
    for flip in report.result["flips"]:
        codes = {name: " ".join(flip[name]) for name in ("rules", "live_rules")}
        yield {**flip, **codes, "currency": report.currency}


def _rules(report: Report) -> Rows:
    for line in report.result["rules"]:
        counts = {name: line[name]["count"] for name in ("hits", "bad", "good", "unknown", "unique_bad")}
        right = line["precision"]
        yield {
            **line,
            **counts,
            "precision": right["value"],
            "precision_low": right["low"],
            "precision_high": right["high"],
            "already_caught": (line["already_caught"] or {}).get("value"),
        }


_MOVES = "subject at amount_minor currency live candidate truth score rules live_rules"
_RULES = (
    "code name effect mode points hits bad good unknown precision precision_low precision_high "
    "unique_bad already_caught missing muted"
)
FILES: Mapping[str, tuple[Sequence[str], Callable[[Report], Rows]]] = {
    "flips": (_MOVES.split(), _moves),
    "rules": (_RULES.split(), _rules),
}


def safe(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
