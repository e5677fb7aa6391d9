"""What a judgement costs, the cost of other thresholds, and the cheapest that the reviewers can carry.

With the rules fixed, a row's outcome depends on the thresholds only through the band its score
falls into: below `review_at`, between, or at `decline_at` and above. Sorted by score, the cost of a
pair is F(review_at) + G(decline_at), and so is the number of reviews; lowering `review_at` or
raising `decline_at` never makes reviews fewer. The best partner of every `decline_at` under a
limit of reviews is therefore the least F over an interval: O(k log k) over all k different
scores, and exactly what trying all pairs gives. All sums are integers, so ties are ties.

What `report` returns, as JSON (amounts in minor units of the base currency):

    assumptions       the `Costs`
    days              length of the period
    movable_rows      rows whose outcome a threshold can change; the others are settled by rules
    current           Point of the candidate's own thresholds
    recommended       Point, or null: see `reason`
    reason            "", or why there is none: "no_scores", "no_bad_rows", "over_capacity" (the rules
                      alone make more reviews than the hours allow)
    unlimited         Point: the cheapest if reviewers' hours had no limit
    review_curve      [Point], decline_at as it is, at most 62, by threshold; the current review_at and
                      the recommended one are among them if they lie below decline_at
    decline_curve     [Point], review_at as it is, likewise
    best_review_curve, best_decline_curve
                      the same with the other threshold as recommended, so that the recommended point
                      lies on them; empty without one, or if it has the same other threshold
    capacity_curve    [{hours_per_day, point}]: the cheapest for other hours, where there is any

    Point  {review_at, decline_at, cost_minor, reviews, review_hours_per_day,
            missed_bad, caught_bad, good_held, good_declined: each {count, amount_minor}},
           where unknown rows count as good
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain
from math import floor
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from risk.policy import Thresholds

from .cuts import Cuts
from .truths import BAD, Truths

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

CURVE_POINTS = 60
_CAPACITIES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)  # multiples of the stated hours
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What outcomes cost. The defaults are our assumptions for a marketplace in CNY: state your own.

    loss_share                of a missed bad row's amount, what is lost: goods and money, so all of it
    chargeback_fee_minor      what the provider charges for each missed bad row
    margin_share              of a declined good row's amount, what would have been earned
    goodwill_minor            what declining a good buyer costs beyond the order
    held_lost_share           of good rows held for review, those that give up meanwhile
    review_catch_share        of bad rows reviewed, those that the reviewer finds
    review_minutes            per review
    review_hour_cost_minor    per hour of a reviewer
    reviewer_hours_per_day    hours there are; None = no limit
    """

    loss_share: float = 1.0
    chargeback_fee_minor: int = 15_000
    margin_share: float = 0.15
    goodwill_minor: int = 2_000
    held_lost_share: float = 0.05
    review_catch_share: float = 0.9
    review_minutes: float = 6.0
    review_hour_cost_minor: int = 6_000
    reviewer_hours_per_day: float | None = None

    def __post_init__(self) -> None:
        shares = (self.loss_share, self.margin_share, self.held_lost_share, self.review_catch_share)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("Shares are between 0 and 1.")
        if min(self.chargeback_fee_minor, self.goodwill_minor, self.review_hour_cost_minor) < 0:
            raise ValueError("Costs are not negative.")
        if self.review_minutes <= 0 or (self.reviewer_hours_per_day or 0) < 0:
            raise ValueError("A review takes time, and hours are not negative.")

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read stored costs; what is left out has its default. TypeError for a name that is none."""
        return cls(**stored)

    @property
    def review_minor(self) -> float:
        return self.review_hour_cost_minor * self.review_minutes / 60

    def of(self, outcome: int, truth: Truths, amount_minor: Ints) -> Ints:
        """Return (n,) what this outcome costs, rounded to minor units row by row.

        outcome    severity: 0 approve, 1 review, 2 decline
        truth      unknown counts as good: most unlabelled rows are good that has not matured
        """
        is_bad = truth == BAD
        loss = amount_minor * self.loss_share + self.chargeback_fee_minor
        margin = amount_minor * self.margin_share
        if outcome == 0:
            cost = np.where(is_bad, loss, 0.0)
        elif outcome == 1:
            missed, given_up = loss * (1 - self.review_catch_share), margin * self.held_lost_share
            cost = self.review_minor + np.where(is_bad, missed, given_up)
        else:
            cost = np.where(is_bad, 0.0, margin + self.goodwill_minor)
        return np.rint(cost).astype(np.int64)

    def reviews_within(self, hours_per_day: float | None, days: float) -> int | None:
        """Return how many reviews these hours allow over the period; None = no limit."""
        return None if hours_per_day is None else floor(hours_per_day * 60 / self.review_minutes * days)


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """What the cost of thresholds depends on, one entry per row; every array is (n,).

    score       0–1; anything where no threshold can change the outcome
    amount      minor units of the base currency
    truth       see `truths`
    base        severity that rules and failures give
    severest    what the score may raise it to: 0 nothing, 1 review, 2 decline
    """

    score: Floats
    amount: Ints
    truth: Truths
    base: Bytes
    severest: Bytes

    def __len__(self) -> int:
        return len(self.score)

    def outcome(self, band: int) -> Bytes:
        """Return the severity of each row if its score were in this band."""
        return np.maximum(self.base, np.minimum(self.severest, band)).astype(np.uint8)


def report(rows: ScoredRows, costs: Costs, thresholds: Thresholds, *, days: float) -> dict[str, Any]:
    """Return what the module's docstring shows, for rows judged by one ruleset with these thresholds."""
    movable = int((rows.severest > rows.base).sum())
    document: dict[str, Any] = {
        "assumptions": asdict(costs),
        "days": days,
        "movable_rows": movable,
        "reason": "",
        "recommended": None,
        "unlimited": None,
        "review_curve": [],
        "decline_curve": [],
        "best_review_curve": [],
        "best_decline_curve": [],
        "capacity_curve": [],
    }
    current = (thresholds.review_at, thresholds.decline_at)
    if not movable or not (rows.truth == BAD).any():
        document["reason"] = "no_bad_rows" if movable else "no_scores"
        document["current"] = _Points(rows, costs, [current], days).at(current)
        return document
    search = _search_of(rows, costs)
    found = _recommend(search, costs, days)
    best, unlimited = found[costs.reviewer_hours_per_day], found[None]
    curves = _curve_pairs(search, current, best)
    wanted = [current, *chain(*curves.values()), *(pair for pair in found.values() if pair)]
    points = _Points(rows, costs, wanted, days)
    document |= {
        "current": points.at(current),
        "recommended": points.at(best) if best else None,
        "reason": "" if best else "over_capacity",
        "unlimited": points.at(unlimited) if unlimited else None,
        "capacity_curve": [
            {"hours_per_day": hours, "point": points.at(pair)}
            for hours, pair in found.items()
            if hours is not None and pair is not None
        ],
    }
    return document | {name: [points.at(pair) for pair in pairs] for name, pairs in curves.items()}


Pair = tuple[float, float]


def best_thresholds(rows: ScoredRows, costs: Costs, *, days: float) -> Pair | None:
    """Return the (review_at, decline_at) of least cost whose reviews fit the hours, None if none fits.

    Equal costs: fewer reviews, then a higher `decline_at`, then a higher `review_at`.
    """
    hours = costs.reviewer_hours_per_day
    return _search_of(rows, costs).best(costs.reviews_within(hours, days))


def cost_of(rows: ScoredRows, costs: Costs, thresholds: Pair, *, days: float) -> tuple[int, int]:
    """Return (cost in minor units, number of reviews) of other thresholds on the same rows."""
    point = _Points(rows, costs, [thresholds], days).at(thresholds)
    return point["cost_minor"], point["reviews"]


def _search_of(rows: ScoredRows, costs: Costs) -> Cuts:
    outcomes = [rows.outcome(band) for band in range(3)]
    by_band = np.stack([_costs_in(rows, costs, outcome) for outcome in outcomes])
    load = np.stack([outcome == 1 for outcome in outcomes]).astype(np.int64)
    return Cuts.over(rows.score, by_band, load, is_movable=rows.severest > rows.base)


def _costs_in(rows: ScoredRows, costs: Costs, outcome: Bytes) -> Ints:
    choices = [costs.of(severity, rows.truth, rows.amount) for severity in range(3)]
    return np.choose(outcome, choices)


def _recommend(search: Cuts, costs: Costs, days: float) -> dict[float | None, Pair | None]:
    """Return the best pair for no limit, the stated hours and some multiples of them."""
    stated = costs.reviewer_hours_per_day
    hours: list[float | None] = [None, stated]
    if stated:
        hours += [round(stated * share, 2) for share in _CAPACITIES]
    found = {limit: search.best(costs.reviews_within(limit, days)) for limit in hours}
    return dict(sorted(found.items(), key=lambda item: -1.0 if item[0] is None else item[0]))


def _curve_pairs(cuts: Cuts, current: Pair, best: Pair | None) -> dict[str, list[Pair]]:
    """Return the pairs of each curve: one threshold moves, the other stays as it is or as recommended."""
    by_rows = cuts.spread(CURVE_POINTS // 2)
    # Few rows have high scores, and that is where rows are declined: so half of the points by score.
    by_score = np.linspace(by_rows[0], by_rows[-1], CURVE_POINTS // 2).round(4).tolist()
    values = {*by_rows, *by_score}
    marked = [pair for pair in (current, best) if pair]
    review_values = sorted({*values, *(pair[0] for pair in marked)})
    decline_values = sorted({*values, *(pair[1] for pair in marked)})

    def lower(decline_at: float) -> list[Pair]:
        return [(value, decline_at) for value in review_values if value < decline_at]

    def upper(review_at: float) -> list[Pair]:
        return [(review_at, value) for value in decline_values if value > review_at]

    curves = {"review_curve": lower(current[1]), "decline_curve": upper(current[0])}
    if best and best[1] != current[1]:
        curves["best_review_curve"] = lower(best[1])
    if best and best[0] != current[0]:
        curves["best_decline_curve"] = upper(best[0])
    return curves


class _Points:
    """The figures of some pairs of thresholds, from one pass over the rows."""

    def __init__(self, rows: ScoredRows, costs: Costs, pairs: list[Pair], days: float) -> None:
        self._costs, self._days = costs, days
        self._edges = np.unique(np.array([value for pair in pairs for value in pair]))
        size = len(self._edges) + 1
        bins = np.searchsorted(self._edges, rows.score, side="right")
        self._bands = [_BandSums.over(rows, costs, band, bins, size) for band in range(3)]

    def at(self, pair: Pair) -> dict[str, Any]:
        low, high = (int(np.searchsorted(self._edges, value)) + 1 for value in pair)
        parts = [slice(0, low), slice(low, high), slice(high, None)]
        cells = sum(band.cells[part].sum(axis=0) for band, part in zip(self._bands, parts, strict=True))
        cost = sum(int(band.cost[part].sum()) for band, part in zip(self._bands, parts, strict=True))
        approved, reviewed, declined = np.asarray(cells, dtype=np.int64)
        reviews = int(reviewed[:, 0].sum())
        return {
            "review_at": pair[0],
            "decline_at": pair[1],
            "cost_minor": cost,
            "reviews": reviews,
            "review_hours_per_day": round(reviews * self._costs.review_minutes / 60 / self._days, 3),
            "missed_bad": _measure(approved[1]),
            "caught_bad": _measure(reviewed[1] + declined[1]),
            "good_held": _measure(reviewed[0]),
            "good_declined": _measure(declined[0]),
        }


@dataclass(frozen=True, eq=False)
class _BandSums:
    """cost (bins,); cells (bins, outcome, good or bad, count and amount)."""

    cost: Ints
    cells: Ints

    @classmethod
    def over(cls, rows: ScoredRows, costs: Costs, band: int, bins: Ints, size: int) -> "_BandSums":
        outcome = rows.outcome(band)
        code = (bins * 3 + outcome) * 2 + (rows.truth == BAD)
        count = np.bincount(code, minlength=size * 6)
        amount = np.bincount(code, weights=rows.amount, minlength=size * 6)
        cells = np.stack([count, np.rint(amount).astype(np.int64)], axis=-1).reshape(size, 3, 2, 2)
        cost = np.bincount(bins, weights=_costs_in(rows, costs, outcome), minlength=size)
        return cls(np.rint(cost).astype(np.int64), cells)


def _measure(cell: Ints) -> dict[str, int]:
    return {"count": int(cell[0]), "amount_minor": int(cell[1])}
