"""A result as tables for a terminal."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from risk.models import Backtest

_COUNTED = (
    ("Approved", "approved"),
    ("Reviewed", "reviewed"),
    ("Declined", "declined"),
    ("Bad caught", "caught_bad"),
    ("Bad missed", "missed_bad"),
    ("Good held", "good_held"),
    ("Good declined", "good_declined"),
    ("Unknown held", "unknown_held"),
)


def tables_of(backtest: Backtest) -> Iterator[Table]:
    """Yield the tables of a finished backtest: both sides, rules, moves and thresholds."""
    result = backtest.result
    assert result is not None
    yield _sides(result)
    if result["rules"]:
        yield _rules(result)
    if result["moves"]:
        yield _moves(result)
    yield _thresholds(result)


def _sides(result: dict[str, Any]) -> Table:
    data = result["data"]
    title = (
        f"{data['rows']:,} rows ({data['bad']:,} bad, {data['good']:,} good, {data['unknown']:,} unknown), "
        f"{result['period']['days']:g} days"
    )
    notes = f"Notes: {', '.join(result['notes'])}" if result["notes"] else None
    table = _table(title, "", "tested", "", "live", "", caption=notes)
    sides = (result["candidate"], result["live"])
    for label, name in _COUNTED:
        table.add_row(label, *(cell for side in sides for cell in _measure(side and side[name], result)))
    for label, name in (("Precision", "precision"), ("Recall", "recall")):
        table.add_row(label, *(cell for side in sides for cell in _share(side and side[name])))
    hours = [("–", "") if side is None else (f"{side['review_hours']:,.1f}", "") for side in sides]
    table.add_row("Review hours", *(cell for pair in hours for cell in pair))
    return table


def _rules(result: dict[str, Any]) -> Table:
    table = _table(
        "Rules", "code", "hits", "bad", "precision", "95 %", "only it", "missing", "nearest live rule"
    )
    for line in result["rules"]:
        nearest = line["overlaps"][0] if line["overlaps"] else None
        table.add_row(
            line["code"],
            f"{line['hits']['count']:,}",
            f"{line['bad']['count']:,}",
            *_share(line["precision"]),
            f"{line['unique_bad']['count']:,}",
            f"{line['missing']:,}",
            "" if nearest is None else f"{nearest['code']} ({nearest['jaccard']:.0%})",
        )
    return table


def _moves(result: dict[str, Any]) -> Table:
    table = _table("Flips", "live", "tested", "rows", "amount", "bad", "good", "unknown")
    for move in result["moves"]:
        table.add_row(
            move["live"],
            move["candidate"],
            *_measure(move, result),
            *(f"{move[truth]:,}" for truth in ("bad", "good", "unknown")),
        )
    return table


def _thresholds(result: dict[str, Any]) -> Table:
    costs = result["costs"]
    reason = f"No recommendation: {costs['reason']}" if costs["reason"] else None
    table = _table(
        "Thresholds", "", "review at", "decline at", "cost", "reviews", "hours a day", caption=reason
    )
    for label, name in (
        ("As tested", "current"),
        ("Recommended", "recommended"),
        ("Without limit", "unlimited"),
    ):
        point = costs[name]
        if point is not None:
            table.add_row(
                label,
                f"{point['review_at']:g}",
                f"{point['decline_at']:g}",
                _money(point["cost_minor"], result),
                f"{point['reviews']:,}",
                f"{point['review_hours_per_day']:g}",
            )
    return table


def _table(title: str, *headings: str, caption: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    return table


def _measure(measure: dict[str, int] | None, result: dict[str, Any]) -> Iterable[str]:
    if measure is None:
        return "–", ""
    return f"{measure['count']:,}", _money(measure["amount_minor"], result)


def _share(share: dict[str, Any] | None) -> Iterable[str]:
    if share is None or share["value"] is None:
        return "–", ""
    return f"{share['value']:.1%}", f"{share['low']:.1%} … {share['high']:.1%}"


def _money(minor: int, result: dict[str, Any]) -> str:
    return f"{minor / 10 ** result['exponent']:,.0f} {result['currency']}"
