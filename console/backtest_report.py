"""A finished backtest as its pages read it: figures beside live's, charts, moves, notes in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from catalog.selectors import list_categories
from risk.models import Backtest

OUTCOMES = ("approve", "review", "decline")
_NOTES: Mapping[str, Promise] = {
    "no_rows": gettext_lazy("Nothing happened in this period."),
    "no_labels": gettext_lazy("Nothing of this period has proved good or bad yet."),
    "no_model": gettext_lazy("There was no score: without one nothing is approved."),
    "nothing_live": gettext_lazy("Nothing was live to compare with."),
    "recomputed_inputs": gettext_lazy("Some inputs were computed again, as they were at the time."),
    "computed_scores": gettext_lazy("Some scores are today’s champion’s, not those of the time."),
    "few_labels": gettext_lazy("Fewer than half have proved good or bad: mind the intervals."),
    "categories_cut": gettext_lazy("Small categories are summed up as “other”."),
}  # fmt: skip
_SEGMENTS: Mapping[str, Promise] = {
    "country": gettext_lazy("Country"),
    "category": gettext_lazy("Category"),
    "merchant_size": gettext_lazy("Size of the merchant"),
    "buyer_age": gettext_lazy("Age of the buyer’s account"),
}
_REASONS: Mapping[str, Promise] = {
    "no_scores": gettext_lazy("No score could change an outcome, so there is nothing to recommend."),
    "no_bad_rows": gettext_lazy("Nothing is known to be bad, so no threshold can be shown to be better."),
    "over_capacity": gettext_lazy("The rules alone make more reviews than the reviewers’ hours allow."),
}


@dataclass(frozen=True)
class Figure:
    """One line of candidate against live. `kind`: share, count or hours; `better`: whether it improved."""

    label: str | Promise
    kind: str
    candidate: Any
    live: Any
    difference: float | None
    better: bool | None
    candidate_amount: int | None = None
    live_amount: int | None = None

    @property
    def tone(self) -> str:
        return "" if self.better is None else "good" if self.better else "bad"


@dataclass(frozen=True)
class Report:
    """A backtest with its result; see `risk.backtest.results` for the document."""

    backtest: Backtest
    result: Mapping[str, Any]

    @property
    def currency(self) -> str:
        return str(self.result.get("currency", settings.BASE_CURRENCY))

    @property
    def has_live(self) -> bool:
        return self.result["live"] is not None

    @property
    def notes(self) -> list[str]:
        return [str(_NOTES.get(code, code)) for code in self.result["notes"]]

    @cached_property
    def figures(self) -> list[Figure]:
        """Every figure of the whole period, most telling first."""
        candidate, live = self.result["candidate"], self.result["live"]
        return [
            _share(_("Bad caught"), candidate, live, "recall", up_is_good=True),
            _share(_("Precision of holding and declining"), candidate, live, "precision", up_is_good=True),
            _measure(_("Bad let through"), candidate, live, "missed_bad", up_is_good=False),
            _measure(_("Good held for review"), candidate, live, "good_held", up_is_good=False),
            _measure(_("Good declined"), candidate, live, "good_declined", up_is_good=False),
            _measure(_("Approved"), candidate, live, "approved", up_is_good=None),
            _measure(_("Sent to review"), candidate, live, "reviewed", up_is_good=None),
            _measure(_("Declined"), candidate, live, "declined", up_is_good=None),
            _plain(
                _("Review hours a day"), "hours", candidate, live, "review_hours_per_day", up_is_good=False
            ),
        ]

    @property
    def headline(self) -> list[Figure]:
        """The four that decide."""
        figures = self.figures
        return [figures[0], figures[3], figures[4], figures[8]]

    @cached_property
    def money(self) -> Mapping[str, Any] | None:
        """What the candidate's thresholds cost and what the recommended ones would."""
        costs = self.result["costs"]
        if not costs:
            return None
        current, recommended = costs["current"], costs["recommended"]
        saved = current["cost_minor"] - recommended["cost_minor"] if recommended else None
        return {
            "current": current,
            "recommended": recommended,
            "saved_minor": saved,
            "reason": str(_REASONS.get(costs["reason"], "")),
            "assumptions": costs["assumptions"],
            "days": costs["days"],
            "is_same": bool(recommended)
            and (recommended["review_at"], recommended["decline_at"])
            == (current["review_at"], current["decline_at"]),
        }

    @property
    def rules(self) -> Sequence[Mapping[str, Any]]:
        return sorted(self.result["rules"], key=lambda line: -line["hits"]["count"])

    @property
    def segments(self) -> list[tuple[str, Sequence[Mapping[str, Any]]]]:
        """Return (title, rows) of each segment; one query for the names of categories."""
        segments: Mapping[str, Sequence[Mapping[str, Any]]] = self.result["segments"]
        return [
            (str(_SEGMENTS.get(name, name)), _named(rows) if name == "category" else rows)
            for name, rows in segments.items()
            if rows
        ]

    @property
    def matrix(self) -> list[tuple[str, list[Mapping[str, Any]]]]:
        """Rows whose outcome moves: (live outcome, one cell per candidate outcome)."""
        moves = {(move["live"], move["candidate"]): move for move in self.result["moves"]}
        return [
            (
                before,
                [
                    {
                        "from": before,
                        "to": after,
                        "is_same": before == after,
                        "move": moves.get((before, after)),
                    }
                    for after in OUTCOMES
                ],
            )
            for before in OUTCOMES
        ]

    def flips(self, before: str, after: str) -> list[Mapping[str, Any]]:
        """Return the rows that move, of one direction if both ends are named."""
        return [
            flip
            for flip in self.result["flips"]
            if before in {"", flip["live"]} and after in {"", flip["candidate"]}
        ]

    # ── Charts ───────────────────────────────────────────────────────────────────────────────────
    @property
    def daily_chart(self) -> Mapping[str, Any] | None:
        """Held or declined per day, by the candidate and by live."""
        return self._days_chart(lambda side: side["reviewed"] + side["declined"])

    @property
    def caught_chart(self) -> Mapping[str, Any] | None:
        """Bad caught per day."""
        return self._days_chart(lambda side: side["caught_bad"])

    def _days_chart(self, value: Any) -> Mapping[str, Any] | None:
        days = self.result["days"]
        if len(days) < 2:
            return None
        series = [{"name": _("This version"), "values": [value(day["candidate"]) for day in days]}]
        if self.has_live:
            series.append({"name": _("Live"), "values": [value(day["live"]) for day in days]})
        return {"kind": "line", "x": [day["day"] for day in days], "series": series}

    @property
    def cost_charts(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return (key, title, chart) of the cost along each threshold, with the lines that stand in it."""
        costs = self.result["costs"]
        if not costs:
            return []
        charts = []
        if len(costs["review_curve"]) > 1:
            chart = self._cost_chart(costs, "review_curve", "review_at", _("decline from %s"), "decline_at")
            charts.append(("cost-review", _("Cost by “review from score”"), chart))
        if len(costs["decline_curve"]) > 1:
            chart = self._cost_chart(costs, "decline_curve", "decline_at", _("review from %s"), "review_at")
            charts.append(("cost-decline", _("Cost by “decline from score”"), chart))
        return charts

    def _cost_chart(
        self, costs: Mapping[str, Any], curve: str, name: str, other_words: str, other: str
    ) -> Mapping[str, Any]:
        """Return one line with the other threshold as it is, one with it as recommended if that differs."""
        lines = [(other_words % f"{100 * costs['current'][other]:.4g}", costs[curve])]
        if best := costs.get(f"best_{curve}"):  # backtests of earlier days have none
            lines.append((other_words % f"{100 * costs['recommended'][other]:.4g}", best))
        thresholds = sorted({point[name] for _name, points in lines for point in points})
        marks = [
            {
                "x": round(100 * costs["current"][name], 2),
                "label": pgettext("threshold", "now"),
                "tone": "ink",
            }
        ]
        if costs["recommended"] and costs["recommended"][name] != costs["current"][name]:
            marks.append(
                {"x": round(100 * costs["recommended"][name], 2), "label": _("recommended"), "tone": "accent"}
            )
        return {
            "kind": "line",
            "x_type": "value",
            "x": [round(100 * value, 2) for value in thresholds],
            "unit": f" {self.currency}",
            "free_scale": True,
            "x_max": max(*(mark["x"] for mark in marks), round(100 * thresholds[-1], 2)),
            "marks": marks,
            "series": [
                {"name": title, "values": self._costs_at(points, name, thresholds)} for title, points in lines
            ],
        }

    def _costs_at(
        self, points: Sequence[Mapping[str, Any]], name: str, thresholds: Sequence[float]
    ) -> list[int | None]:
        """Return the cost at each threshold, whole units of the currency; None beyond the other threshold."""
        unit = 10 ** self.result["exponent"]
        cost = {point[name]: round(point["cost_minor"] / unit) for point in points}
        return [cost.get(value) for value in thresholds]


def read_report(backtest: Backtest) -> Report | None:
    """Return the report of a finished backtest, else None; its result is fetched if it was deferred."""
    return Report(backtest, backtest.result) if backtest.result else None


def _named(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    names = {category.code: category.name for category in list_categories()}
    return [{**row, "value": names.get(row["value"], row["value"])} for row in rows]


def _share(
    label: str, candidate: Mapping[str, Any], live: Mapping[str, Any] | None, name: str, *, up_is_good: bool
) -> Figure:
    ours, theirs = candidate[name], live[name] if live else None
    difference = None
    if theirs and ours["value"] is not None and theirs["value"] is not None:
        difference = ours["value"] - theirs["value"]
    return Figure(label, "share", ours, theirs, difference, _improved(difference, up_is_good))


def _measure(
    label: str,
    candidate: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    name: str,
    *,
    up_is_good: bool | None,
) -> Figure:
    ours, theirs = candidate[name], live[name] if live else None
    difference = ours["count"] - theirs["count"] if theirs else None
    return Figure(
        label,
        "count",
        ours["count"],
        theirs["count"] if theirs else None,
        difference,
        _improved(difference, up_is_good),
        ours["amount_minor"],
        theirs["amount_minor"] if theirs else None,
    )


def _plain(
    label: str,
    kind: str,
    candidate: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    name: str,
    *,
    up_is_good: bool,
) -> Figure:
    # Less than a decimal that is shown is no difference.
    difference = round(candidate[name] - live[name], 1) if live else None
    return Figure(
        label,
        kind,
        candidate[name],
        live[name] if live else None,
        difference,
        _improved(difference, up_is_good),
    )


def _improved(difference: float | None, up_is_good: bool | None) -> bool | None:
    if not difference or up_is_good is None:
        return None
    return (difference > 0) == up_is_good
