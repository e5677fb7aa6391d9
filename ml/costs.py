"""What holding or approving costs, and the threshold at which a score costs least."""

from dataclasses import dataclass

import numpy as np

from ml.arrays import Flags, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a threshold costs, in minor units of the base currency. A score at or above it is held for review.

    The defaults are our assumptions for a marketplace in CNY, the same as those of a backtest.

    fee_minor           of an approved bad row, beside its amount: what the provider charges
    review_minor        of each held row: six minutes of a reviewer at 60.00 an hour
    held_good_share     of a held good row's amount: 15 % margin of the 5 % who give up meanwhile
    catch_share         of held bad rows, those that the reviewer finds; the others cost as if approved
    """

    fee_minor: int = 15_000
    review_minor: int = 600
    held_good_share: float = 0.0075
    catch_share: float = 0.9

    def __post_init__(self) -> None:
        if not (0 <= self.held_good_share <= 1 and 0 <= self.catch_share <= 1):
            raise ValueError("Shares are between 0 and 1.")
        if self.fee_minor < 0 or self.review_minor < 0:
            raise ValueError("Costs are not negative.")

    def approved(self, is_bad: Flags, amount_minor: Floats | Ints) -> Floats:
        """Return (n,) what approving each row costs."""
        return np.where(is_bad, amount_minor + self.fee_minor, 0.0)

    def held(self, is_bad: Flags, amount_minor: Floats | Ints) -> Floats:
        """Return (n,) what holding each row costs."""
        missed = (1 - self.catch_share) * (amount_minor + self.fee_minor)
        return self.review_minor + np.where(is_bad, missed, self.held_good_share * amount_minor)


@dataclass(frozen=True)
class CostPoint:
    """What one threshold costs, per row in minor units, and the shares of rows held and of bad caught."""

    threshold: float
    cost_per_row_minor: float
    held_share: float
    recall: float


def expected_cost(
    is_bad: Flags,
    score: Floats,
    amount_minor: Floats | Ints,
    threshold: float,
    costs: Costs,
    weight: Floats | None = None,
) -> float:
    """Return the mean cost of a row, in minor units, if scores at or above the threshold are held.

    >>> is_bad, score, amount = np.array([True, False]), np.array([0.9, 0.2]), np.array([10_000, 10_000])
    >>> expected_cost(is_bad, score, amount, 1.1, Costs())  # all approved: 250.00 are lost on two rows
    12500.0
    >>> round(expected_cost(is_bad, score, amount, 0.5, Costs()))  # a tenth of that, and a review
    1550
    """
    is_held = score >= threshold
    cost = np.where(is_held, costs.held(is_bad, amount_minor), costs.approved(is_bad, amount_minor))
    return float(np.average(cost, weights=weight))


def cheapest_threshold(
    is_bad: Flags,
    score: Floats,
    amount_minor: Floats | Ints,
    costs: Costs,
    weight: Floats | None = None,
) -> float:
    """Return the score from which holding costs least; above every score if holding never pays.

    Every different score is tried, by one sort. Equal costs: the higher threshold, so fewer reviews.

    >>> is_bad, score, amount = np.array([True, False]), np.array([0.9, 0.2]), np.array([10_000, 10_000])
    >>> cheapest_threshold(is_bad, score, amount, Costs())
    0.9
    """
    thresholds, cost, _, _ = _sweep(is_bad, score, amount_minor, costs, weight)
    return float(thresholds[int(np.argmin(cost))])


def cost_curve(
    is_bad: Flags,
    score: Floats,
    amount_minor: Floats | Ints,
    costs: Costs,
    weight: Floats | None = None,
    *,
    points: int = 100,
) -> list[CostPoint]:
    """Return the cost at no more than `points` thresholds, rising, spread evenly over the share held.

    The first holds everything, the last nothing, and the cheapest is among them.
    """
    thresholds, cost, held, recall = _sweep(is_bad, score, amount_minor, costs, weight)
    shares = np.linspace(0, 1, max(points - 1, 2))
    places = np.minimum(np.searchsorted(held, shares), len(held) - 1)
    wanted = np.unique(np.append(places, int(np.argmin(cost))))[::-1]
    columns = (thresholds[wanted], cost[wanted], held[wanted], recall[wanted])
    return [CostPoint(*(float(value) for value in row)) for row in zip(*columns, strict=True)]


def _sweep(
    is_bad: Flags, score: Floats, amount_minor: Floats | Ints, costs: Costs, weight: Floats | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return (thresholds, cost a row, share held, recall), thresholds falling from above all scores."""
    weights = np.ones(len(score)) if weight is None else weight
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    approved, held = costs.approved(is_bad, amount_minor), costs.held(is_bad, amount_minor)
    sums = [(held - approved) * weights, weights, weights * is_bad]
    change, rows, bad = (np.append(0.0, np.cumsum(column[order])[last_of_tie]) for column in sums)
    total = rows[-1]
    thresholds = np.append(np.nextafter(ranked[0], np.inf), ranked[last_of_tie])
    cost = (float((approved * weights).sum()) + change) / total
    return thresholds, cost, rows / total, bad / bad[-1] if bad[-1] else np.zeros_like(bad)
